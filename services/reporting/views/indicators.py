"""Indicators and what areas entered of them: rows, lists, and who has said nothing yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import asyncpg

from libs.events import known
from libs.events.contracts.reporting import (
    IndicatorCorrected,
    IndicatorDefined,
    IndicatorEntered,
)
from libs.events.entries import Row, Table
from libs.events.types import Event

from .tables import INDICATOR_VALUES, INDICATORS, Origin

OF = (IndicatorDefined, IndicatorEntered, IndicatorCorrected)


def project(origin: Origin, fact: Event) -> Iterator[tuple[Table, Row]]:
    kind = origin.recorded.type
    match fact:
        case IndicatorDefined():
            yield INDICATORS, origin.row(0, *_defined(fact), origin.recorded.version)
        case IndicatorEntered() | IndicatorCorrected():
            reason = fact.reason if isinstance(fact, IndicatorCorrected) else None
            said = (fact.period, fact.value, fact.scaled, fact.note, reason)
            where = (kind, fact.indicator, fact.area)
            actor = origin.metadata.actor.id
            yield INDICATOR_VALUES, origin.row(0, *where, *said, actor)
        case _:
            return


def _defined(fact: IndicatorDefined) -> tuple[object, ...]:
    named = (fact.indicator, fact.area, fact.code, fact.title, fact.unit, fact.decimals)
    rolled = (fact.period, fact.over_areas, fact.over_periods, fact.level)
    return (*named, *rolled, fact.valid_from, fact.valid_until, fact.note)


COLUMNS = (
    "i.indicator AS id, i.area, i.code, i.title, i.unit, i.decimals, i.period, i.over_areas,"
    " i.over_periods, i.level, i.valid_from, i.valid_until, i.note, i.version"
)


async def defined_at(
    pool: asyncpg.Pool, indicators: Sequence[UUID], position: int
) -> list[asyncpg.Record]:
    """The version of each in force at a position of our log; where it was defined only later, its
    first: a figure of today may be asked of the past."""
    return await pool.fetch(
        f"SELECT DISTINCT ON (i.indicator) {COLUMNS} FROM view.indicators i"  # noqa: S608 - constants
        " WHERE i.indicator = ANY ($1::uuid[]) ORDER BY i.indicator,"
        " CASE WHEN i.position <= $2 THEN -i.position ELSE i.position END",
        list(indicators),
        position,
    )


_SEEN = f"""
(i.area IN ({known.below("$1")}) OR i.area = ANY (coalesce({known.path_of("$1")}, '{{}}')))
"""
"""What an area sees: indicators below it, and those from above that it may have to report."""


async def listed(
    pool: asyncpg.Pool, scope: UUID | None, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The latest versions that a scope sees, in order of id; one more than `limit`."""
    return await pool.fetch(
        f"SELECT DISTINCT ON (i.indicator) {COLUMNS} FROM view.indicators i"  # noqa: S608 - constants
        f" WHERE ($1::uuid IS NULL OR {_SEEN}) AND ($2::uuid IS NULL OR i.indicator > $2)"
        " ORDER BY i.indicator, i.position DESC LIMIT $3 + 1",
        scope,
        after,
        limit,
    )


async def named(pool: asyncpg.Pool, area: UUID) -> list[asyncpg.Record]:
    """Indicators that hold for an area, by code and title: its own and those from above, the
    nearest first."""
    return await pool.fetch(_NAMED, area)


_NAMED = f"""
SELECT code, title, id FROM (
    SELECT DISTINCT ON (i.indicator) i.indicator AS id, i.code, i.title,
           array_position({known.path_of("$1")}, i.area) AS nearness
      FROM view.indicators i WHERE i.area = ANY ({known.path_of("$1")})
     ORDER BY i.indicator, i.position DESC) found
 ORDER BY nearness DESC, code
"""  # noqa: S608 - constants


async def level_of(pool: asyncpg.Pool, area: UUID) -> str | None:
    level: str | None = await pool.fetchval("SELECT level FROM known.areas WHERE id = $1", area)
    return level


async def said(
    pool: asyncpg.Pool,
    indicator: UUID,
    scope: UUID | None,
    period: str | None,
    page: tuple[int, int],
) -> list[asyncpg.Record]:
    """All that was entered within a scope, the newest first, behind a position; what was corrected
    since says so."""
    before, limit = page
    return await pool.fetch(_SAID, indicator, scope, period, before, limit + 1)


_SAID = f"""
SELECT v.epoch, v.position, v.area, c.code AS area_code, c.name AS area_name, v.period, v.value,
       v.note, v.reason, v.actor, v.occurred_on, v.effective_on, v.recorded_at,
       NOT EXISTS (SELECT FROM view.indicator_values n
                    WHERE (n.indicator, n.area, n.period) = (v.indicator, v.area, v.period)
                      AND n.position > v.position) AS stands
  FROM view.indicator_values v
  LEFT JOIN LATERAL (SELECT k.code, k.name FROM known.area_codes k
                      WHERE k.area = v.area ORDER BY k.valid_from DESC LIMIT 1) c ON true
 WHERE v.indicator = $1 AND ($2::uuid IS NULL OR v.area IN ({known.below("$2")}))
   AND ($3::text IS NULL OR v.period = $3) AND v.position < $4
 ORDER BY v.position DESC LIMIT $5
"""  # noqa: S608 - constants
