"""Building a generation while the old one serves: bulk to a position, then join the readers.

The bulk reads each reader's source in spans of positions, projects, and fills tables that nobody
else sees: entries by COPY, the rest folded in memory. Then each reader's cursor row is held for the
last few events only, and from there the reader itself writes into both (ADR 0010). A build that
dies is begun anew: nothing of it can be put in service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter_ns
from uuid import UUID

import asyncpg
import structlog

from .codec import Contracts, decode_metadata
from .entries import Row, Table, write
from .errors import ForkedError, PoisonError
from .generations import GenerationError, create, drop, fail, fed, generations, index
from .group_commit import UNKNOWN_OUTCOME, told
from .leaf import leaf
from .reader import Reader
from .store import COLUMNS, identity, recorded
from .types import Recorded

SPAN = 2048
"""Positions a page: one round trip each, also where few of them are wanted."""
HELD = 512
"""Events at most between a build and a cursor when the cursor is held."""
FOLDED = 200_000
"""Rows of one table kept in memory before they are folded, and beyond which they are written."""

log = structlog.get_logger()
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

    async def pages(
        self, after: int, until: int, of: Iterable[str] | None
    ) -> AsyncIterator[list[Recorded]]:
        """Events of these types in order, a span at a time, the next one under way meanwhile."""
        types = None if of is None else list(of)
        coming: asyncio.Task[list[asyncpg.Record]] | None = None
        try:
            for start in range(after, until, SPAN):
                rows = await (coming or self._ask(start, until, types))
                more = start + SPAN < until
                coming = self._ask(start + SPAN, until, types) if more else None
                yield [recorded(self.store, row) for row in rows]
        finally:
            if coming is not None:
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming

    def _ask(
        self, after: int, until: int, types: list[str] | None
    ) -> asyncio.Task[list[asyncpg.Record]]:
        upto = min(until, after + SPAN)
        return asyncio.create_task(self.connection.fetch(_SPAN, after, upto, types))

    async def at(self, position: int) -> Recorded | None:
        row = await self.connection.fetchrow(_SPAN, position - 1, position, None)
        return None if row is None else recorded(self.store, row)


_SPAN = (
    f"SELECT {COLUMNS} FROM es.events WHERE position > $1 AND position <= $2"  # noqa: S608 - constant
    " AND ($3::text[] IS NULL OR type = ANY ($3)) ORDER BY position"
)


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
            if len(kept) > 2 * FOLDED:
                kept[:] = table.fold(kept)
            if len(kept) > FOLDED * 2:
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


@dataclass(frozen=True, slots=True)
class Built:
    """A generation that is fed, and what it took. `covered`: positions of all readers' sources;
    `read`: events of them that give rows."""

    number: int
    covered: int
    read: int
    rows: int
    took_ms: int


@dataclass
class Build:
    """One generation of one service. `connection`: a superuser's on its store, held `alone`."""

    connection: asyncpg.Connection
    readers: Sequence[Reader]
    sources: Mapping[str, Source]
    read: int = 0

    async def run(self) -> Built:
        """Build until every reader feeds it. Raises: GenerationError, FeedStoppedError."""
        began = perf_counter_ns()
        await self._clear()
        number = await create(self.connection)
        filling = Filling(self.connection, number)
        try:
            reached = await self._fill(filling)
            await index(self.connection, number)
            for reader in self.readers:
                await self._join(reader, number, reached[reader.lease])
            await fed(self.connection, number)
        except BaseException as error:
            await filling.stop()
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, *UNKNOWN_OUTCOME):
                await fail(self.connection, number, told(error))
            raise
        took_ms = (perf_counter_ns() - began) // 10**6
        return Built(number, sum(reached.values()), self.read, filling.rows, took_ms)

    async def _clear(self) -> None:
        """What an earlier build left unfinished goes. Raises: GenerationError for a generation that
        is fed: it may be the way back."""
        for one in await generations(self.connection):
            if one.state == "fed":
                raise GenerationError(f"第 {one.number} 代仍在：先 --swap 或 --drop")
            if one.state != "serving":
                await drop(self.connection, one.number, one.reason or "未建成")

    async def _fill(self, filling: Filling) -> dict[str, int]:
        """Everything up to where the cursors stand now; by reader, that position."""
        reached = {reader.lease: await self._stands(reader) for reader in self.readers}
        for reader in self.readers:
            source = self.sources[reader.source]
            async for page in source.pages(0, reached[reader.lease], _types(reader)):
                self.read += len(page)
                await filling.take(projected(reader, source.contracts, page))
        await filling.finish()
        return reached

    async def _stands(self, reader: Reader) -> int:
        """Where its cursor stands; one that never ran stands at 0 and was never confirmed."""
        await self.connection.execute(
            "INSERT INTO es.cursors (reader, source, epoch, position, confirmed_at)"
            " VALUES ($1, $2, 0, 0, 'epoch') ON CONFLICT DO NOTHING",
            reader.name,
            reader.source,
        )
        position: int = await self.connection.fetchval(
            "SELECT position FROM es.cursors WHERE reader = $1 AND source = $2",
            reader.name,
            reader.source,
        )
        return position

    async def _join(self, reader: Reader, number: int, position: int) -> None:
        """Follow the cursor until little is left, then hold it, apply that, and be fed by the
        reader from there on. Raises: ForkedError."""
        while (stands := await self._stands(reader)) - position > HELD:
            await self._apply(reader, number, position, stands)
            position = stands
        async with self.connection.transaction():
            held = await self.connection.fetchrow(
                "UPDATE es.cursors SET fed = fed || $3::int WHERE reader = $1 AND source = $2"
                " RETURNING epoch, position, leaf",
                reader.name,
                reader.source,
                number,
            )
            assert held is not None, "the row was made above"
            await self._apply(reader, number, position, held["position"])
            await self._same_log(reader, held)

    async def _apply(self, reader: Reader, number: int, after: int, until: int) -> None:
        source = self.sources[reader.source]
        async for page in source.pages(after, until, _types(reader)):
            self.read += len(page)
            rows = projected(reader, source.contracts, page)
            pairs = ((table, row) for table, of in rows.items() for row in of)
            await write(self.connection, pairs, number)

    async def _same_log(self, reader: Reader, held: asyncpg.Record) -> None:
        """What was read is the log that the reader has applied."""
        if held["position"] == 0:
            return
        event = await self.sources[reader.source].at(held["position"])
        if event is None or (event.epoch, leaf(event)) != (held["epoch"], held["leaf"]):
            raise ForkedError(
                f"{reader.lease}: 位置 {held['position']} 与已读的事件不同",
                position=held["position"],
            )


def _types(reader: Reader) -> list[str] | None:
    return None if reader.of is None else [kind.__name__ for kind in reader.of]
