"""One store as a process holds it: its identity, its writer, its loads, its pool.

Opened by the process that runs a service (chassis); everything that appends or reads own streams
goes through this value.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg

from .codec import Contracts
from .contracts.log import RefusalsCounted
from .ending import end
from .group_commit import GroupCommit
from .known import Known
from .loads import PLANNER, Loads
from .store import Appended, Outcome, Request, identity, prepare
from .types import Event

ANSWER_WITHIN_S = 60
"""A peer that vanished without a word must not hold callers longer; the outcome is then unknown."""


@dataclass(slots=True)
class Log:
    """The log of one service in this process."""

    service: str
    store: UUID
    epoch: int
    contracts: Contracts
    writer: GroupCommit
    loads: Loads
    pool: asyncpg.Pool
    known: Known
    _refusals: dict[UUID, int] = field(default_factory=dict)
    _counts: dict[UUID, int] = field(default_factory=dict)
    _turns: WeakValueDictionary[UUID, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def append(self, request: Request) -> Appended:
        """Append through the group commit. Raises: BusyError, ClockError, EpochError."""
        result = await self.writer.append(prepare(request, self.contracts))
        first = request.parts[0]
        if result.outcome is Outcome.APPENDED and first.stream in self._refusals:
            self._refusals[first.stream] = result.version
        return result

    def turn(self, streams: Collection[UUID]) -> AbstractAsyncContextManager[None]:
        """Whoever met a conflict on these streams decides again after the others of this process
        who did: of many at once on one stream each gets through, and not one a round."""
        return self._after_others(streams) if streams else nullcontext()

    @asynccontextmanager
    async def _after_others(self, streams: Iterable[UUID]) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            for stream in sorted(streams):
                await held.enter_async_context(self._turns.setdefault(stream, asyncio.Lock()))
            yield

    def refusals_of(self, stream: UUID) -> int:
        """Refusal events of that unit and day, as far as this process has seen."""
        return self._refusals.setdefault(stream, 0)

    def count_refusal(self, stream: UUID) -> tuple[Event, ...]:
        """Beyond those kept one by one: an event at each power of ten, nothing between."""
        count = self._counts[stream] = self._counts.get(stream, 0) + 1
        return (RefusalsCounted(count=count),) if _power_of_ten(count) else ()


def _power_of_ten(count: int) -> bool:
    return count >= 10 and str(count).strip("0") == "1"


async def keep_session(_: Any) -> None:
    """No code here changes a session, so a connection goes back to its pool as it is: a round trip
    less each time. An open transaction is still rolled back, and listeners are dropped."""


@asynccontextmanager
async def open_log(
    service: str, connection: dict[str, Any], contracts: Contracts, *, readers: int = 4
) -> AsyncIterator[Log]:
    """Open the store: its epoch is read once; a later epoch fences this process out."""

    async def connect(**settings: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            **connection,
            timeout=10,
            command_timeout=ANSWER_WITHIN_S,
            server_settings={"jit": "off", **settings},
        )

    async def connect_for_loads() -> asyncpg.Connection:
        return await connect(**PLANNER)

    first = await connect()
    store, epoch = await identity(first)
    await first.close()
    pool = await asyncpg.create_pool(
        **connection,
        min_size=1,
        max_size=readers,
        reset=keep_session,
        server_settings={"jit": "off"},
        command_timeout=30,
    )
    writer = GroupCommit(connect, epoch, service=service)
    loads = Loads(connect_for_loads, contracts)
    log = Log(service, store, epoch, contracts, writer, loads, pool, Known(pool))
    running = [asyncio.create_task(writer.run()), asyncio.create_task(loads.run())]
    try:
        yield log
    finally:
        await end(*running)
        await asyncio.wait_for(pool.close(), timeout=10)
