"""A log as others read it: the port, and the direct adapter that reads the owner's table.

The direct adapter connects as the `feed` role, which may SELECT the events and nothing else. It is
woken by NOTIFY and always polls too: a notification is a hint, positions are the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
import structlog

from .cursor import Cursor
from .group_commit import UNKNOWN_OUTCOME, Connect
from .store import COLUMNS, head, identity, read_after, recorded
from .types import Head, Recorded

log = structlog.get_logger()


class Feed(Protocol):
    """What a reader needs of a log. Positions are dense from 1 in commit order."""

    source: str

    async def resume(self, cursor: Cursor) -> None:
        """Where the reader goes on; said before its first read."""
        ...

    def offset_of(self, position: int) -> int | None:
        """Where an event of the last page stands in its topic; None if it did not come by one."""
        ...

    async def read(self, after: int, limit: int) -> list[Recorded]:
        """Events behind a position, in order and without a gap, at most `limit`; empty when there
        is nothing more yet. Raises: ForkedError where the source contradicts itself."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when something may have been appended, at the latest after `timeout_s`."""
        ...

    async def head(self) -> Head | None:
        """Where the log ends, as its owner told within the last seconds; None while nobody does."""
        ...


class DirectFeed:
    """The owner's log over one connection, shared by all readers of this source in the process."""

    def __init__(self, source: str, connect: Connect) -> None:
        self.source = source
        self._connect = connect
        self._connection: asyncpg.Connection | None = None
        self._store: UUID | None = None
        self._lock = asyncio.Lock()
        self._woken: WeakKeyDictionary[asyncio.Task[Any], asyncio.Event] = WeakKeyDictionary()

    async def resume(self, cursor: Cursor) -> None:
        """Positions are all that is needed here."""

    def offset_of(self, position: int) -> int | None:
        return None

    async def read(self, after: int, limit: int) -> list[Recorded]:
        self._wake_up_call().clear()  # what is heard from here on may not be in the answer
        async with self._connected() as connection:
            return await read_after(connection, self._identity(), after, limit)

    async def wait(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            # Not wait_for: that of Python 3.11 loses a cancellation that meets the wake-up.
            async with asyncio.timeout(timeout_s):
                await self._wake_up_call().wait()

    def _wake_up_call(self) -> asyncio.Event:
        """That of the reader who asks, which is a task: set since its last read, or while it waits.

        A notification that comes between the two would otherwise be lost until the next poll.
        """
        reader = asyncio.current_task()
        assert reader is not None, "a reader is a task"
        return self._woken.setdefault(reader, asyncio.Event())

    async def head(self) -> Head:
        async with self._connected() as connection:
            return await head(connection)

    async def position_at(self, instant: datetime) -> int:
        """The last position recorded at or before an instant; 0 when there is none.

        A binary search over the primary key: recorded_at never goes back along positions.
        """
        async with self._connected() as connection:
            low, high = 0, (await head(connection)).position
            while low < high:
                middle = (low + high + 1) // 2
                at = await connection.fetchval(
                    "SELECT recorded_at FROM es.events WHERE position = $1", middle
                )
                low, high = (middle, high) if at <= instant else (low, middle - 1)
            return low

    async def at(self, position: int) -> Recorded | None:
        """The event at a position, or None."""
        async with self._connected() as connection:
            row = await connection.fetchrow(
                f"SELECT {COLUMNS} FROM es.events WHERE position = $1",  # noqa: S608 - constant
                position,
            )
            return None if row is None else recorded(self._identity(), row)

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*UNKNOWN_OUTCOME):
                await self._connection.close(timeout=2)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        """The one connection, for one caller at a time; dropped where it may be broken."""
        async with self._lock:
            connection = await self._ready()
            try:
                yield connection
            except UNKNOWN_OUTCOME:  # a command_timeout too: TimeoutError is an OSError
                self._drop()
                raise

    async def _ready(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await self._connect()
            try:
                self._store, _ = await identity(connection)
                await connection.add_listener("es_appended", self._appended)
            except BaseException:  # a reader that is ended here must not leave it open
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    def _identity(self) -> UUID:
        if self._store is None:
            raise RuntimeError("not connected")
        return self._store

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _appended(self, *_: Any) -> None:
        for woken in self._woken.values():
            woken.set()
