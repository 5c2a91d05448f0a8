"""Building a generation while the old one serves: bulk to a position, then join the readers.

The bulk reads each reader's source in pages of positions, projects, and fills tables that nobody
else sees: entries by COPY, the rest folded in memory. Then each reader's cursor row is held for the
last few events only, and from there the reader itself writes into both (ADR 0010). A build that
dies is begun anew: nothing of it can be put in service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter_ns

import asyncpg

from . import spans
from .bulk import Filling, Source, projected
from .entries import write
from .errors import ForkedError
from .generations import GenerationError, create, drop, fail, fed, generations, index
from .group_commit import UNKNOWN_OUTCOME, told
from .leaf import leaf
from .reader import Reader

HELD = 512
"""Events at most between a build and a cursor when the cursor is held."""
SAMPLED = 8
"""Stretches of a reader's source that `sample` builds."""
STRETCH = 2_048
"""Positions each."""


@dataclass(frozen=True, slots=True)
class Built:
    """A generation that is fed, and what it took. `covered`: positions of all readers' sources;
    `read`: events of them that give rows."""

    number: int
    covered: int
    read: int
    rows: int
    began_at: datetime
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
        began_at, began = datetime.now(UTC), perf_counter_ns()
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
        return Built(number, sum(reached.values()), self.read, filling.rows, began_at, took_ms)

    async def sample(self) -> tuple[int, int]:
        """Positions that all cursors cover, and how many a build covers in a second: a real build
        of a few stretches from all over the logs, which is then rolled back."""
        began, done = perf_counter_ns(), 0
        transaction = self.connection.transaction()
        await transaction.start()
        filling = Filling(self.connection, await create(self.connection))
        try:
            stands = {reader.lease: await self._stands(reader) for reader in self.readers}
            for reader in self.readers:
                source, until = self.sources[reader.source], stands[reader.lease]
                for start in range(0, until, max(STRETCH, until // SAMPLED)):
                    upto = min(until, start + STRETCH)
                    done += upto - start
                    async for page in source.pages(reader, start, upto):
                        await filling.take(projected(reader, source.contracts, page))
            await filling.finish()
            await index(self.connection, filling.number)
        finally:
            await filling.stop()
            await transaction.rollback()
        return sum(stands.values()), done * 10**9 // (perf_counter_ns() - began)

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
            source, upto = self.sources[reader.source], reached[reader.lease]
            # What made these events is long gone from any trace store: no links.
            with spans.linked("rebuild", (), reader=reader.lease, to_position=upto, replay=True):
                async for page in source.pages(reader, 0, upto):
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
        async for page in source.pages(reader, after, until):
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
