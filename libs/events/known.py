"""Foreign facts as a rule may use them: fresh enough, or the command waits.

A copy staler than the command allows is 503 StaleReference; unknown on a fresh copy is a refusal of
the rule. Paths and freshness are remembered for a second, far below any limit.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg

from .contracts.households import AreaRegistered
from .entries import Row, Table
from .errors import StaleReferenceError
from .types import Event, Metadata, Recorded, Reliance

K = TypeVar("K", UUID, str)

MONEY_MAY_BE = timedelta(minutes=5)
"""How old a copy may be for a command that moves money (design 4)."""
REMEMBERED_S = 1

AREAS = Table(
    "known.areas",
    (
        ("id", "uuid"),
        ("path", "uuid[]"),
        ("level", "text"),
        ("valid_from", "date"),
    ),
    key=("id",),
    mode="latest",
)


AREAS_OF = (AreaRegistered,)


def areas(_: Recorded, fact: Event, __: Metadata) -> Iterator[tuple[Table, Row]]:
    """Rows of known.areas from the feed of households: what no later event of the area changes."""
    match fact:
        case AreaRegistered():
            yield AREAS, (fact.area, fact.path, fact.level, fact.valid_from)
        case _:
            return


class Known:
    """The copies of foreign facts in one store, as read by deciders."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._kept: dict[UUID | str, tuple[int, Any]] = {}

    async def path(self, area: UUID) -> tuple[UUID, ...]:
        """The area's ancestors from the top, itself last; empty when it is not known here."""
        found = await self._remembered(area, self._path)
        return cast("tuple[UUID, ...]", found or ())

    async def fresh(self, source: str, within: timedelta = MONEY_MAY_BE) -> Reliance:
        """Up to where the copy of a source is known, when it is young enough.

        Raises: StaleReferenceError with the position and the age.
        """
        epoch, position, age, stopped = await self._remembered(source, self._cursor)
        if age is None or age > within or stopped is not None:
            since = "尚未确认" if age is None else f"已 {age} 未确认"
            raise StaleReferenceError(
                f"{source} 的副本止于 {position}，{since}", source=source, position=position
            )
        return Reliance(source=source, epoch=epoch, position=position)

    async def _remembered(self, key: K, ask: Callable[[K], Awaitable[Any]]) -> Any:
        """What was found for the key; where nothing was, it is asked again each time."""
        now = time.monotonic_ns()
        asked_at, found = self._kept.get(key, (0, None))
        if found is not None and now - asked_at <= REMEMBERED_S * 10**9:
            return found
        if found is not None:
            self._kept[key] = (now, found)  # the others go on with it while this one asks
        try:
            found = await ask(key)
        except BaseException:
            self._kept.pop(key, None)
            raise
        if found is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = (now, found)
        return found

    async def _path(self, area: UUID) -> tuple[UUID, ...] | None:
        path = await self.pool.fetchval("SELECT path FROM known.areas WHERE id = $1", area)
        return None if path is None else tuple(path)

    async def _cursor(self, source: str) -> tuple[int, int, timedelta | None, str | None]:
        row = await self.pool.fetchrow(
            "SELECT epoch, position,"
            " clock_timestamp() - nullif(confirmed_at, 'epoch') AS age, stopped"
            " FROM es.cursors WHERE reader IN ('known', 'view') AND source = $1",
            source,
        )
        return (0, 0, None, None) if row is None else tuple(row)
