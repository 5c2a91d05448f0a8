"""What the scheduler of a store keeps: its token, how far it looked, which deadlines it acted on.

Written only by whoever holds the lease: a holder that slept finds a later token in the row, and
marks nothing. A mark saves asking again; what makes a command exact is its request id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from asyncpg import Connection, Pool
from asyncpg.pool import PoolConnectionProxy

from .errors import ReplacedError
from .lease import Lease
from .parking import pause

NAME = "deadlines"
LONGEST_PAUSE = timedelta(minutes=5)
Key = tuple[str, UUID, date]
"""Deadline, subject, due day."""


class Waiting(NamedTuple):
    """A deadline whose command is not yet possible."""

    attempts: int
    next_at: datetime


class ClockRow:
    """The row of one store in `es.clocks`, with its lease, and the marks beside it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lease = Lease(NAME, pool)

    async def open(self) -> None:
        """Take the lease. From here on a holder of an earlier token writes nothing.

        Raises: ReplacedError while another holds it.
        """
        await self.lease.take()
        if await self.pool.fetchval(_OPEN, NAME, self.lease.token) is None:
            raise ReplacedError(f"{NAME}: a later holder has opened the clock")

    async def closed(self, keys: Sequence[Key]) -> Counter[Key]:
        """How often the task of each was closed by the scheduler itself: what then waits again is
        told again."""
        rows = await self.pool.fetch(_CLOSED, *(list(column) for column in zip(*keys, strict=True)))
        return Counter({(row["kind"], row["target"], row["due_on"]): row["times"] for row in rows})

    async def marked(
        self, keys: Sequence[Key], now: datetime
    ) -> tuple[dict[Key, int], dict[Key, Waiting]]:
        """Of these, what is done for ever, the how-manieth time, and what must wait."""
        rows = await self.pool.fetch(_MARKED, *(list(column) for column in zip(*keys, strict=True)))
        keyed = [((row["deadline"], row["subject"], row["due_on"]), row) for row in rows]
        done = {key: row["again"] for key, row in keyed if row["outcome"] != "not yet"}
        waiting = {
            key: Waiting(row["attempts"], min(row["next_at"], now + LONGEST_PAUSE))
            for key, row in keyed
            if row["outcome"] == "not yet"
        }
        return done, waiting

    async def mark(
        self,
        key: Key,
        due: tuple[date, int],
        outcome: tuple[str, str | None],
        attempts: int,
        now: datetime,
    ) -> None:
        """What became of a command. `due`: when, and how often before. Raises: ReplacedError."""
        next_at = now + pause(attempts, LONGEST_PAUSE)
        async with self.pool.acquire() as connection, connection.transaction():
            await self._still_ours(connection)
            told, reason = outcome
            await connection.execute(_MARK, *key, *due, told, attempts, next_at, reason)

    async def swept(self, on: date, late: int) -> None:
        """All was looked at by this business day. Raises: ReplacedError."""
        async with self.pool.acquire() as connection, connection.transaction():
            await self._still_ours(connection)
            await connection.execute(_SWEPT, NAME, on, late)

    async def say_waiting(self, reason: str) -> None:
        await self.pool.execute(_WAITS, NAME, self.lease.token, reason)

    async def say_stopped(self, reason: str) -> None:
        await self.pool.execute(_STOPPED, NAME, self.lease.token, reason)

    async def _still_ours(self, connection: Connection | PoolConnectionProxy) -> None:
        """Held until the transaction ends. Raises: ReplacedError."""
        if await connection.fetchval(_HELD, NAME, self.lease.token) is None:
            raise ReplacedError(f"{NAME}: another process acts on deadlines")


_OPEN = """
INSERT INTO es.clocks AS c (name, token) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET token = $2 WHERE c.token <= $2 RETURNING token
"""
_HELD = "SELECT token FROM es.clocks WHERE name = $1 AND token = $2 FOR UPDATE"
_CLOSED = """
SELECT t.kind, t.target, t.due_on, count(*) AS times
  FROM unnest($1::text[], $2::uuid[], $3::date[]) k(kind, target, due_on)
  JOIN es.tasks t USING (kind, target, due_on)
  JOIN es.closed_tasks c ON c.task = t.id AND c.closed_by = 'deadline:' || t.kind
 GROUP BY t.kind, t.target, t.due_on
"""
_MARKED = """
SELECT d.deadline, d.subject, d.due_on, d.again, d.outcome, d.attempts, d.next_at
  FROM unnest($1::text[], $2::uuid[], $3::date[]) k(deadline, subject, due_on)
  JOIN es.deadlines d USING (deadline, subject, due_on)
"""
_MARK = """
INSERT INTO es.deadlines
       (deadline, subject, due_on, acts_on, again, outcome, attempts, next_at, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (deadline, subject, due_on) DO UPDATE
   SET acts_on = $4, again = $5, outcome = $6, attempts = $7, next_at = $8, reason = $9,
       at = clock_timestamp()
"""
_SWEPT = """
UPDATE es.clocks SET swept_at = clock_timestamp(), swept_to = $2, late = $3, waits = NULL,
       stopped = NULL WHERE name = $1
"""
_WAITS = "UPDATE es.clocks SET waits = $3 WHERE name = $1 AND token = $2"
_STOPPED = "UPDATE es.clocks SET stopped = $3 WHERE name = $1 AND token = $2"
