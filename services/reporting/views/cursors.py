"""How far reporting has applied each log, and what a question counts: a cut and a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

Row = Mapping[str, Any] | asyncpg.Record
SOURCES = ("assets", "funds", "households", "reporting")


@dataclass(frozen=True, slots=True)
class Applied:
    """Up to which position a source is applied, and why its reader stopped, if it did."""

    position: int = 0
    stopped: str | None = None


async def applied(pool: asyncpg.Pool) -> dict[str, Applied]:
    """By source; one that was never read stands at 0. A relay has a cursor too, and shows nothing
    here."""
    rows = await pool.fetch(
        "SELECT source, position, stopped FROM es.cursors WHERE reader IN ('known', 'view')"
    )
    found = {row["source"]: Applied(row["position"], row["stopped"]) for row in rows}
    return {source: Applied() for source in SOURCES} | found


@dataclass(frozen=True, slots=True)
class Moment:
    """The two times of a question: what was known (a cut), and up to which day it counts.

    `stopped` tells why a source is complete only to its position; a cut that is applied in full
    is complete whatever happened later, so its answers never change. `closed`: it holds all that
    its events had seen.
    """

    positions: Mapping[str, int]
    counted_until: date | None = None
    stopped: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    closed: bool = True

    def arguments(self) -> list[Any]:
        """$1 and $2 of every query that begins with CUT."""
        return [list(self.positions), list(self.positions.values())]

    def told(self) -> dict[str, Any]:
        return {
            "cut": dict(self.positions),
            "closed": self.closed,
            "complete_to": {
                source: {"position": position, "stopped": self.stopped.get(source)}
                for source, position in self.positions.items()
            },
            "counted_until": None if self.counted_until is None else self.counted_until.isoformat(),
        }


CUT = "cut(source, position) AS (SELECT * FROM unnest($1::text[], $2::bigint[]))"
"""The cut as a table, for joins: nothing behind it is read."""


def within_cut(alias: str) -> str:
    """The join that holds a table to the cut."""
    return (
        f"JOIN cut {alias}_cut ON {alias}_cut.source = {alias}.source"
        f" AND {alias}.position <= {alias}_cut.position"
    )


def latest(table: str, key: str, condition: str = "true") -> str:
    """The latest row of each key at the cut, as a subquery."""
    return (
        f"(SELECT DISTINCT ON (d.{key}) d.* FROM {table} d {within_cut('d')}"  # noqa: S608 - constants
        f" WHERE {condition} ORDER BY d.{key}, d.position DESC)"
    )


def told(row: Row) -> dict[str, Any]:
    """A row as plain data: ids and dates as text."""
    return {key: _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
