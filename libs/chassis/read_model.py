"""A service's read model as an operator works on it: planned, built anew, compared, swapped."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from libs.events.bulk import Source
from libs.events.compare import Comparison, Difference, compare
from libs.events.contracts import BY_SERVICE
from libs.events.explain import Written, explain
from libs.events.generations import GenerationError, alone, beside, drop, serving
from libs.events.rebuild import Build, Built
from libs.events.swap import Swapped, agreed, swap

from .service import Service
from .stores import Stores

FULL_PERCENT = 90
"""Of the disk, beyond which nothing is built."""
COPIES = 2
"""A second set of tables, and as much again of WAL until the next checkpoints."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would have to do. `free_bytes`: null where the disk is another machine's."""

    service: str
    events: int
    rows: int
    bytes: int
    free_bytes: int | None
    events_per_s: int
    seconds: int
    fits: bool


@dataclass(frozen=True)
class ReadModel:
    """The schemas `known` and `view` of one service, with the logs that they are made of."""

    service: Service
    connection: asyncpg.Connection
    sources: Mapping[str, Source]

    async def build(self) -> Built:
        """Raises: GenerationError, FeedStoppedError."""
        async with alone(self.connection):
            return await self._build().run()

    async def compared(
        self,
    ) -> tuple[Comparison, list[tuple[Difference, list[Written]]]]:
        """The generation beside the serving one, and where they differ. Raises: GenerationError."""
        found = await compare(self.connection, await beside(self.connection))
        return found, await explain(found, self.service.readers, self.sources)

    async def swap(self, accept: str | None, reason: str | None) -> Swapped:
        """The newer generation serves, if it is the same or its difference is accepted.

        Raises: DifferentError naming a bucket and a row, GenerationError.
        """
        async with alone(self.connection):
            number = await beside(self.connection)
            if number < await serving(self.connection):
                raise GenerationError(f"第 {number} 代是旧的一代：回退用 --rollback")
            found = await compare(self.connection, number)
            return await self._swap(number, found.digest, agreed(found, accept, reason), reason)

    async def roll_back(self, reason: str) -> Swapped:
        """The generation that served before serves again, whatever differs. Raises:
        GenerationError."""
        async with alone(self.connection):
            number = await beside(self.connection)
            if number > await serving(self.connection):
                raise GenerationError(f"第 {number} 代从未启用：没有可回退的一代")
            return await self._swap(number, None, accepted=False, reason=reason)

    async def drop(self) -> int:
        """The generation beside the serving one goes. Raises: GenerationError."""
        async with alone(self.connection):
            number = await beside(self.connection, even_failed=True)
            await drop(self.connection, number, "dropped")
            return number

    async def plan(self, disk: Path | None) -> Plan:
        """By a sample that is built and rolled back. Raises: GenerationError, FeedStoppedError."""
        async with alone(self.connection):
            events, rate = await self._build().sample()
        rows, size = await self.connection.fetchrow(_SIZE) or (0, 0)
        usage = None if disk is None else shutil.disk_usage(disk)
        fits = usage is None or (
            100 * (usage.used + COPIES * size) <= FULL_PERCENT * (usage.used + usage.free)
        )
        free = None if usage is None else usage.free
        seconds = -(-events // max(1, rate))
        return Plan(self.service.name, events, rows, size, free, rate, seconds, fits)

    def _build(self) -> Build:
        return Build(self.connection, self.service.readers, self.sources)

    async def _swap(
        self, number: int, digest: str | None, accepted: bool, reason: str | None
    ) -> Swapped:
        return await swap(
            self.connection,
            self.service.name,
            self.service.readers,
            number,
            digest=digest,
            accepted=accepted,
            reason=reason,
        )


_SIZE = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint,
       coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
  FROM pg_class
 WHERE relkind = 'r' AND relnamespace IN ('known'::regnamespace, 'view'::regnamespace)
"""


@asynccontextmanager
async def opened(service: Service, stores: Stores) -> AsyncIterator[ReadModel]:
    """As the superuser of its store, and as the feed role of its sources."""
    async with AsyncExitStack() as stack:

        async def connect(address: dict[str, Any]) -> asyncpg.Connection:
            settings = {"jit": "off"}
            connection: asyncpg.Connection = await asyncpg.connect(
                **address, timeout=10, server_settings=settings
            )
            stack.push_async_callback(connection.close, timeout=2)
            return connection

        own = await connect(stores.admin(service.name))
        sources = {
            name: await Source.of(await connect(stores.feed(name)), BY_SERVICE[name])
            for name in service.sources
        }
        yield ReadModel(service, own, sources)
