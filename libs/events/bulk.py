"""Reading a log in bulk, and filling tables that nobody else sees (rebuild.py).

Pages are ranges of positions and hold only the events that a projection wants; entries go in by
COPY, the rest is folded in memory first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

import asyncpg

from .codec import Contracts, decode_metadata
from .entries import Row, Table, write
from .errors import PoisonError
from .group_commit import UNKNOWN_OUTCOME, told
from .reader import Reader
from .replay import replay
from .store import identity, read_after
from .types import Recorded

PAGE = 512
"""Positions: a round trip and a COPY of rows each, also where few of them are wanted."""
FOLDED = 400_000
"""Rows of one table in memory at most: then they are folded, and written if that is not enough."""

_metadata = lru_cache(1024)(decode_metadata)  # events of one request have the same


@dataclass(frozen=True, slots=True)
class Source:
    """A log to build from: a connection of the feed role, its store and its facts."""

    connection: asyncpg.Connection
    store: UUID
    contracts: Contracts

    @classmethod
    async def of(cls, connection: asyncpg.Connection, contracts: Contracts) -> Source:
        store, _ = await identity(connection)
        return cls(connection, store, contracts)

    def pages(self, reader: Reader, after: int, until: int) -> AsyncIterator[list[Recorded]]:
        """Events that the reader wants, in order, a page of positions at a time."""
        return replay(self.connection, self.store, after, until, types=reader.of, page=PAGE)

    async def at(self, position: int) -> Recorded | None:
        found = await read_after(self.connection, self.store, position - 1, 1)
        return found[0] if found and found[0].position == position else None


def projected(
    reader: Reader, contracts: Contracts, page: Sequence[Recorded]
) -> dict[Table, list[Row]]:
    """The rows of a page by table. Raises: PoisonError."""
    rows: dict[Table, list[Row]] = {}
    decode, project = contracts.decode, reader.project
    for event in page:
        try:
            fact = decode(event.type, event.schema_version, event.payload)
            if fact is None:
                continue
            for table, row in project(event, fact, _metadata(event.metadata)):
                rows.setdefault(table, []).append(row)
        except Exception as error:
            raise PoisonError(
                f"{reader.lease}: {event.type} at {event.identity}: {told(error)}",
                position=event.position,
            ) from error
    return rows


@dataclass
class Filling:
    """The tables of a generation while nobody else sees them."""

    connection: asyncpg.Connection
    number: int
    at_most: int = FOLDED
    rows: int = 0
    _kept: dict[Table, list[Row]] = field(default_factory=dict)
    _copying: asyncio.Task[None] | None = None

    async def take(self, rows: Mapping[Table, list[Row]]) -> None:
        """Entries go on their way while the caller goes on; the others wait to be folded."""
        entries = {}
        for table, new in rows.items():
            self.rows += len(new)
            if table.mode == "append":
                entries[table] = new
            else:
                self._kept.setdefault(table, []).extend(new)
        await self._copied()
        self._copying = asyncio.create_task(self._copy(entries))
        for table, kept in self._kept.items():
            if len(kept) > self.at_most:
                kept[:] = table.fold(kept)
                if len(kept) > self.at_most // 2:
                    await self._upsert(table)

    async def finish(self) -> None:
        """All that was taken is in the tables."""
        for table in self._kept:
            await self._upsert(table)
        await self._copied()

    async def stop(self) -> None:
        if self._copying is not None:
            self._copying.cancel()
            with suppress(asyncio.CancelledError, asyncpg.PostgresError, *UNKNOWN_OUTCOME):
                await self._copying

    async def _upsert(self, table: Table) -> None:
        await self._copied()
        await write(self.connection, ((table, row) for row in self._kept[table]), self.number)
        self._kept[table].clear()

    async def _copy(self, entries: Mapping[Table, list[Row]]) -> None:
        for table, rows in entries.items():
            schema, name = table.place(self.number)
            await self.connection.copy_records_to_table(
                name, schema_name=schema, columns=table.names, records=rows
            )

    async def _copied(self) -> None:
        if self._copying is not None:
            await self._copying
            self._copying = None
