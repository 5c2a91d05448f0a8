"""A cursor as its store keeps it, moved only by whoever holds the lease of its reader.

A compare-and-set on position and token: two readers of one cursor, or one that slept, apply
nothing twice. Used by all that follow a log: readers, the relay, reactors, deliveries (ADR 0004).
"""

from __future__ import annotations

from typing import Any

import asyncpg
import structlog

from .cursor import Cursor
from .errors import ReplacedError
from .lease import Lease

log = structlog.get_logger()


class CursorRow:
    """The row of one reader and source in `es.cursors`, with its lease."""

    def __init__(self, reader: str, source: str, pool: asyncpg.Pool) -> None:
        self.reader, self.source, self.pool = reader, source, pool
        self.lease = Lease(f"{reader}:{source}", pool)

    async def open(self) -> Cursor:
        """Take the lease; where to go on. From here on a holder of an earlier token moves nothing.
        A copy that was just begun was never confirmed: nobody may rely on it yet.

        Raises: ReplacedError while another holds it.
        """
        await self.lease.take()
        row = await self.pool.fetchrow(_OPEN, self.reader, self.source, self.lease.token)
        if row is None:
            raise self.taken("a later holder has opened the cursor")
        return Cursor(*row)

    async def move(
        self, connection: Any, cursor: Cursor, moved: Cursor, taken: int = 0
    ) -> list[int]:
        """Inside the transaction of the effect. `taken`: events that came by the topic.

        The generations to be fed with that effect, as they stand while the row is ours: an UPDATE
        that had to wait for the row sees it anew. Raises: ReplacedError.
        """
        fed: list[int] | None = await connection.fetchval(
            _MOVE,
            *(self.reader, self.source, moved.epoch, moved.position, moved.leaf),
            *(self.lease.token, cursor.position, moved.offset, taken),
        )
        if fed is None:
            raise self.taken("another reader moved the cursor")
        return fed

    def taken(self, why: str) -> ReplacedError:
        """Though the lease was ours: told each time, since it goes away by itself or never."""
        log.warning("cursor_taken", reader=self.lease.name, why=why)
        return ReplacedError(f"{self.lease.name}: {why}")

    async def confirm(self, age_s: float) -> None:
        """All that the source had so many seconds ago is applied; what is known of a later time
        stays known."""
        await self.pool.execute(_CONFIRM, self.reader, self.source, self.lease.token, age_s)

    async def say_stopped(self, reason: str) -> None:
        """Loud, and written until the reader has got further."""
        log.error("feed_stopped", reader=self.lease.name, reason=reason)
        await self.say_waiting(reason)

    async def say_waiting(self, reason: str) -> None:
        """Why nothing moves, for `lag`; whoever waits goes on by itself."""
        await self.pool.execute(_STOPPED, self.reader, self.source, self.lease.token, reason)


_OPEN = """
INSERT INTO es.cursors AS c (reader, source, epoch, position, token, confirmed_at)
VALUES ($1, $2, 0, 0, $3, 'epoch')
ON CONFLICT (reader, source) DO UPDATE SET token = $3 WHERE c.token <= $3
RETURNING epoch, position, leaf, topic_offset
"""
_MOVE = """
UPDATE es.cursors SET epoch = $3, position = $4, leaf = $5, token = $6, stopped = NULL,
       topic_offset = coalesce($8, topic_offset), taken = taken + $9
 WHERE reader = $1 AND source = $2 AND position = $7 AND token <= $6
RETURNING fed
"""
_CONFIRM = """
UPDATE es.cursors SET stopped = NULL,
       confirmed_at = greatest(confirmed_at, clock_timestamp() - make_interval(secs => $4))
 WHERE reader = $1 AND source = $2 AND token <= $3
"""
_STOPPED = """
UPDATE es.cursors SET stopped = $4 WHERE reader = $1 AND source = $2 AND token <= $3
"""
