"""Events whose effect must wait, in order by key.

While a key has a parked event, its later ones are parked behind it; other keys go on. Only the
position is kept: the event is read from its owner's log again. The oldest of a key is tried again
after a pause that grows. Too many at once are no exception but a fault, and stop the reader.
Source: Axon's sequenced dead-letter queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from pydantic import Field

from .clock import today
from .contracts.log import ParkedSkipped
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from .log import Log
from .types import Command, Event, stream_id
from .unattended import Machine, commanded

MOST_KEYS, MOST_OF_KEY = 1_000, 100
FIRST_PAUSE_S = 1
BEHIND = "behind"
"""Why an event is parked that was not tried: an earlier one of its key is."""


class Parked(NamedTuple):
    """One event that waits. `attempts`: tries that failed; 0 behind another of its key."""

    reader: str
    source: str
    key: UUID
    position: int
    attempts: int
    next_at: datetime
    reason: str
    parked_at: datetime


def pause(attempts: int, longest: timedelta) -> timedelta:
    """How long to wait after so many failed tries: 1 s, doubled each time."""
    return min(longest, timedelta(seconds=FIRST_PAUSE_S << min(attempts - 1, 20)))


class Parking:
    """The parked events of one reader and source."""

    def __init__(self, pool: asyncpg.Pool, reader: str, source: str) -> None:
        self.pool, self.reader, self.source = pool, reader, source

    async def counts(self) -> dict[UUID, int]:
        """Parked events by key."""
        rows = await self.pool.fetch(_COUNTS, self.reader, self.source)
        return {row["key"]: row["count"] for row in rows}

    def full(self, counts: Mapping[UUID, int], key: UUID) -> str | None:
        """Why one more of this key cannot be parked, or None."""
        here = f"{self.reader}:{self.source}"
        if counts.get(key, 0) >= MOST_OF_KEY:
            return f"{here}: 键 {key} 已停放 {MOST_OF_KEY} 个"
        if key not in counts and len(counts) >= MOST_KEYS:
            return f"{here}: 已停放 {MOST_KEYS} 个键"
        return None

    async def park(
        self,
        connection: Any,
        event: tuple[UUID, int],
        tried: tuple[int, str],
        times: tuple[datetime, datetime],
    ) -> None:
        """In the transaction that moves the cursor past it. `event`: key and position; `tried`:
        attempts and reason; `times`: now, and when to try next."""
        (key, position), (attempts, reason), (now, next_at) = event, tried, times
        await connection.execute(
            _PARK, self.reader, self.source, key, position, attempts, next_at, reason, now
        )

    async def due(self, now: datetime) -> list[Parked]:
        """The oldest of each key, where it may be tried again; oldest first."""
        rows = await self.pool.fetch(_DUE, self.reader, self.source, now)
        return [Parked(*row) for row in rows]

    async def again(self, row: Parked, reason: str, next_at: datetime) -> None:
        await self.pool.execute(
            _AGAIN, self.reader, self.source, row.position, row.attempts + 1, next_at, reason
        )

    async def done(self, position: int) -> None:
        await self.pool.execute(_DONE, self.reader, self.source, position)

    async def hurry(self, now: datetime) -> None:
        """All may be tried at once."""
        await self.pool.execute(_HURRY, self.reader, self.source, now)


class SkipParked(Command):
    """跳过停放的事件：它将没有效果。"""

    reader: str
    source: str
    key: UUID
    position: int
    reason: str = Field(min_length=1, max_length=500)

    def stream(self) -> UUID:
        return stream_id("parked", self.reader, self.reader, self.source, str(self.position))


def skip(state: bool, command: SkipParked, _: Facts) -> Decision:
    """Once: a second skip of the same event says nothing new."""
    if state:
        return Decision({}, status=200)
    skipped = ParkedSkipped(
        reader=command.reader,
        source=command.source,
        key=command.key,
        position=command.position,
        reason=command.reason,
    )
    return Decision({command.stream(): (skipped,)})


def _evolve(state: bool, event: Event) -> bool:
    return state or isinstance(event, ParkedSkipped)


_skipped: Fold[bool] = Fold("parked", False, _evolve)


async def _gather(streams: Streams, ask: Ask[SkipParked]) -> bool:
    return await streams.load(_skipped, ask.command.stream())


async def _learn(_: Knowing, __: bool, ___: Ask[SkipParked]) -> Facts:
    return Facts(path=())


SKIP = Decider(SkipParked, Facts, _gather, _learn, skip, founds_areas=True, approvable=False)


async def listed(
    connection: asyncpg.Connection,
    reader: str | None = None,
    key: UUID | None = None,
    position: int | None = None,
) -> list[Parked]:
    """What is parked in a store, oldest first; narrowed by what is not None."""
    return [Parked(*row) for row in await connection.fetch(_LISTED, reader, key, position)]


async def hurry(connection: asyncpg.Connection, row: Parked) -> None:
    """It may be tried at once."""
    now = "UPDATE es.parked SET next_at = clock_timestamp()"
    await connection.execute(f"{now} WHERE {_MINE} AND position = $3", *_id(row))


async def skipped(log: Log, row: Parked, reason: str) -> None:
    """Recorded first, then it waits no longer; done again after a crash between, it is recorded
    once. Raises: pydantic.ValidationError for a reason that cannot be stored."""
    command = SkipParked(
        occurred_on=today(),
        reader=row.reader,
        source=row.source,
        key=row.key,
        position=row.position,
        reason=reason,
    )
    machine = Machine("operator", "operator", "command")
    await commanded(log, machine, f"skip {row.reader}/{row.source}/{row.position}", SKIP, command)
    await log.pool.execute(_DONE, *_id(row))


def _id(row: Parked) -> tuple[str, str, int]:
    return row.reader, row.source, row.position


_COLUMNS = "reader, source, key, position, attempts, next_at, reason, parked_at"
_MINE = "reader = $1 AND source = $2"
_COUNTS = f"SELECT key, count(*) FROM es.parked WHERE {_MINE} GROUP BY key"  # noqa: S608 - constants only
_PARK = f"INSERT INTO es.parked ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608 - constants only
_DUE = f"""
SELECT * FROM (SELECT DISTINCT ON (key) {_COLUMNS} FROM es.parked WHERE {_MINE}
                ORDER BY key, position) oldest
 WHERE next_at <= $3 ORDER BY position
"""  # noqa: S608 - constants only
_AGAIN = (
    f"UPDATE es.parked SET attempts = $4, next_at = $5, reason = $6 WHERE {_MINE} AND position = $3"  # noqa: S608 - constants only, one statement
)
_DONE = f"DELETE FROM es.parked WHERE {_MINE} AND position = $3"  # noqa: S608 - constants only
_HURRY = f"UPDATE es.parked SET next_at = $3 WHERE {_MINE} AND next_at > $3"  # noqa: S608 - constants only
_LISTED = f"""
SELECT {_COLUMNS} FROM es.parked
 WHERE ($1::text IS NULL OR reader = $1) AND ($2::uuid IS NULL OR key = $2)
   AND ($3::bigint IS NULL OR position = $3)
 ORDER BY parked_at, position
"""  # noqa: S608 - constants only
