"""Rows from reporting's own log, and the versions of figures, statements and cuts at a position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from libs.events import known
from libs.events.contracts.reporting import (
    CONTRACTS,
    CutTaken,
    FigureDeclared,
    StatementDeclared,
)
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from . import indicators
from .tables import CUTS, FIGURES, STATEMENTS, Origin

SOURCE = "reporting"
OF = (FigureDeclared, StatementDeclared, CutTaken, *indicators.OF)
Noun = type[FigureDeclared] | type[StatementDeclared]


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    origin = Origin(SOURCE, recorded, metadata)
    stored = (recorded.schema_version, recorded.payload.decode())
    match fact:
        case FigureDeclared():
            words = (fact.figure, fact.area, fact.title, recorded.version)
            yield FIGURES, origin.row(0, *words, *stored)
        case StatementDeclared():
            words = (fact.statement, fact.area, fact.title, recorded.version)
            yield STATEMENTS, origin.row(0, *words, *stored)
        case CutTaken():
            yield CUTS, origin.row(0, fact.name, fact.area, *stored)
        case _:
            yield from indicators.project(origin, fact)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a figure or statement, with the event that declared it."""

    fact: Any
    version: int
    event: str


_AT = """
SELECT epoch, position, version, schema_version, payload FROM {table}
 WHERE {name} = $1 AND area = $2
 ORDER BY CASE WHEN position <= $3 THEN -position ELSE position END LIMIT 1
"""
_NAMED: dict[Noun, tuple[str, str]] = {
    FigureDeclared: ("view.figures", "figure"),
    StatementDeclared: ("view.statements", "statement"),
}


async def version_at(
    pool: asyncpg.Pool, noun: Noun, code: str, area: UUID, position: int
) -> Version | None:
    """The version in force at a position of our log; where it was declared only later, its first:
    a definition of today may be asked of the past (capability 41)."""
    table, name = _NAMED[noun]
    row = await pool.fetchrow(_AT.format(table=table, name=name), code, area, position)
    if row is None:
        return None
    fact = CONTRACTS.decode(noun.__name__, row["schema_version"], row["payload"].encode())
    return Version(fact, row["version"], f"{row['epoch']}-{row['position']}")


async def areas_with(pool: asyncpg.Pool, noun: Noun, code: str, scope: UUID | None) -> list[UUID]:
    """Areas within the scope in which this code is declared."""
    table, name = _NAMED[noun]
    rows = await pool.fetch(
        f"SELECT DISTINCT t.area FROM {table} t WHERE t.{name} = $1"  # noqa: S608 - constants
        f" AND ($2::uuid IS NULL OR t.area IN ({known.below('$2')}))"
        " ORDER BY 1",
        code,
        scope,
    )
    return [row["area"] for row in rows]


async def listed(
    pool: asyncpg.Pool, noun: Noun, scope: UUID | None, after: str, limit: int
) -> Sequence[Any]:
    """The latest versions within the scope, by code and area, behind a cursor."""
    table, name = _NAMED[noun]
    found: Sequence[Any] = await pool.fetch(
        f"SELECT DISTINCT ON ({name}, area) {name} AS code, area, title, version, schema_version,"  # noqa: S608 - constants
        f" payload, {name} || '/' || area AS cursor FROM {table}"
        f" WHERE ($1::uuid IS NULL OR area IN ({known.below('$1')}))"
        f" AND {name} || '/' || area > $2 ORDER BY {name}, area, position DESC LIMIT $3",
        scope,
        after,
        limit,
    )
    return found


class Kept(NamedTuple):
    """A cut and when it was taken."""

    fact: CutTaken
    taken_at: datetime


async def cuts_named(pool: asyncpg.Pool, name: str, area: UUID | None) -> list[Kept]:
    """The cuts kept under a name, of every area; or along each line on which an area ever stood:
    there at most one, unless it moved between lines that both have one."""
    rows = await pool.fetch(_CUTS, name, area)
    return [Kept(_cut(row), row["recorded_at"]) for row in rows]


_CUTS = """
SELECT schema_version, payload, recorded_at FROM view.cuts
 WHERE name = $1
   AND ($2::uuid IS NULL OR area IN (
        SELECT unnest(path) FROM known.areas WHERE id = $2
        UNION ALL SELECT unnest(path) FROM known.area_paths WHERE area = $2))
 ORDER BY area
"""


def _cut(row: asyncpg.Record) -> CutTaken:
    fact = CONTRACTS.decode("CutTaken", row["schema_version"], row["payload"].encode())
    assert isinstance(fact, CutTaken), "the payload of view.cuts is a CutTaken"
    return fact
