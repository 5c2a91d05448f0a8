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
    first_move: int | None = None
    """The position at which an area first moved, of the source that tells it."""


async def applied(pool: asyncpg.Pool) -> dict[str, Applied]:
    """By source; one that was never read stands at 0. A relay has a cursor too, and shows nothing
    here."""
    rows = await pool.fetch(_APPLIED)
    found = {row["source"]: Applied(*tuple(row)[1:]) for row in rows}
    return {source: Applied() for source in SOURCES} | found


_APPLIED = """
SELECT source, position, stopped,
       CASE WHEN source = 'households' THEN (SELECT min(p.position) FROM view.area_paths p
                                              WHERE p.source = 'households') END AS first_move
  FROM es.cursors WHERE reader IN ('known', 'view')
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """The two times of a question: what was known (a cut), and up to which day it counts.

    `stopped` tells why a source is complete only to its position; a cut that is applied in full
    is complete whatever happened later, so its answers never change. `closed`: it holds all that
    its events had seen. `day`: of a cut that was kept or named by an instant. `moved`: an area had
    moved by then. `areas_on`: the day whose areas entries count in; None: each in those of its own
    day (basis then).
    """

    positions: Mapping[str, int]
    counted_until: date | None = None
    stopped: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    closed: bool = True
    day: date | None = None
    moved: bool = False
    areas_on: date | None = None

    def arguments(self) -> list[Any]:
        """$1 and $2 of every query that begins with CUT."""
        return [list(self.positions), list(self.positions.values())]

    @property
    def tables(self) -> str:
        """What a query of entries begins with: the cut, and the areas if any ever moved."""
        return f"{CUT}, {AREA_LINES}" if self.moved else CUT

    def basis(self) -> dict[str, Any]:
        """By which areas the figures of an answer count."""
        on = self.areas_on
        return {"basis": "then"} if on is None else {"basis": "today", "areas_on": on.isoformat()}

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


AREA_LINES = f"""
area_lines AS (
    SELECT area, path, since,
           coalesce(lead(since) OVER (PARTITION BY area ORDER BY since), 'infinity') AS until
      FROM (SELECT a.area, a.path, '-infinity'::date AS since
              FROM view.areas a {within_cut("a")} WHERE a.path IS NOT NULL
            UNION ALL
            (SELECT DISTINCT ON (p.area, p.valid_from) p.area, p.path, p.valid_from
               FROM view.area_paths p {within_cut("p")}
              ORDER BY p.area, p.valid_from, p.position DESC, p.n DESC)) every_path)
"""  # noqa: S608 - constants
"""Where each area stood from day to day, as known at the cut."""


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
