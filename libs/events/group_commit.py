"""The queue and its one writer: requests that arrive while a call runs form the next group.

No timer: batching adapts to the disk. One connection appends; a lost connection leaves the outcome
unknown, so the group is sent again and the request keys make that exact. A group that the server
refuses is rerun one by one, so that only the poisoned request fails (ADR 0002).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import asyncpg
import structlog
from opentelemetry.trace import SpanContext

from . import measures, spans
from .codec import UndecodableError
from .errors import BusyError, ClockError, EpochError, EventsError
from .store import APPEND, Appended, Ready, arguments, outcome

Connect = Callable[[], Awaitable[asyncpg.Connection]]

LARGEST_GROUP = 500
LARGEST_BYTES = 4 * 1024 * 1024
RECONNECT_FOR_S = 30

# asyncpg reports a terminated backend as any of these; only the first is a PostgresError.
UNKNOWN_OUTCOME = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    OSError,
)
# SQLSTATE classes: read-only after a failover, no entry, deadlock, resources, lock, operator, I/O.
_NOT_NOW = ("25006", "28", "3D", "40", "53", "55", "57", "58")
STOPPING = "服务正在停止；请用同一幂等键重试"

log = structlog.get_logger()


class Waiting(NamedTuple):
    """A request in the queue, whom to answer, and in which span it was asked."""

    ready: Ready
    answer: asyncio.Future[Appended]
    asked_in: SpanContext


class GroupCommit:
    """One writer of one store in this process. `append` may be called by any number of tasks."""

    def __init__(
        self,
        connect: Connect,
        epoch: int,
        queue: int = 10_000,
        reconnect_for_s: float = RECONNECT_FOR_S,
        service: str = "",
    ) -> None:
        self.service = service
        self._connect = connect
        self._epoch = epoch
        self._reconnect_for_s = reconnect_for_s
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(queue)
        self._connection: asyncpg.Connection | None = None
        self._stopped = False
        self.groups = 0
        self.requests = 0

    async def append(self, ready: Ready) -> Appended:
        """Join the group being gathered; answers when it is committed.

        Raises: BusyError when the queue is full or nobody writes any more, ClockError, EpochError.
        """
        if self._stopped:
            raise BusyError(STOPPING)
        answer: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(Waiting(ready, answer, spans.here()))
        except asyncio.QueueFull:
            raise BusyError("写入队列已满") from None
        return await answer

    async def run(self) -> None:
        """Write groups until cancelled; whoever still waits then is told."""
        taken: list[Waiting] = []
        try:
            while True:
                taken = await self._gather()
                await self._write(taken)
        finally:
            self._abandon(taken)
            if self._connection is not None:
                with suppress(*UNKNOWN_OUTCOME):
                    await self._connection.close(timeout=2)

    async def _gather(self) -> list[Waiting]:
        taken = [await self._queue.get()]
        size = taken[0].ready.size
        measures.QUEUE.tell(self._queue.qsize() + 1, service=self.service)
        while len(taken) < LARGEST_GROUP and size < LARGEST_BYTES and not self._queue.empty():
            taken.append(self._queue.get_nowait())
            size += taken[-1].ready.size
        return taken

    async def _write(self, group: Sequence[Waiting]) -> None:
        try:
            with spans.linked(
                "append_group", (w.asked_in for w in group), service=self.service, size=len(group)
            ):
                results = await self._send([waiting.ready for waiting in group])
        except EventsError as error:
            _fail(group, error)
        except Exception as error:  # whatever it is, the writer lives on for the others
            await self._one_by_one(group, error)
        else:
            self.groups += 1
            self.requests += len(group)
            for waiting, result in zip(group, results, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(result)
            self._measure(results)

    def _measure(self, results: Sequence[Appended]) -> None:
        measures.GROUP_SIZE.record(len(results), {"service": self.service})
        for found, times in Counter(result.outcome for result in results).items():
            named = {"service": self.service, "outcome": found.name.lower()}
            measures.OUTCOMES.add(times, named)

    async def _one_by_one(self, group: Sequence[Waiting], error: Exception) -> None:
        if len(group) == 1:
            _fail(group, error)
            return
        reason = getattr(error, "sqlstate", type(error).__name__)
        log.info("group_rerun", size=len(group), reason=reason)
        for waiting in group:
            await self._write([waiting])

    async def _send(self, group: Sequence[Ready]) -> list[Appended]:
        """Send until the outcome is known; the keys make a second sending exact."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._reconnect_for_s
        pause_s = 0.05
        while True:
            try:
                connection = await self._ready_connection()
                began = loop.time()
                rows = await connection.fetch(APPEND, *arguments(self._epoch, group))
                measures.APPEND_DURATION.record(loop.time() - began, {"service": self.service})
                return [outcome(row) for row in rows]
            except UNKNOWN_OUTCOME as error:
                await self._drop(error)
                if loop.time() > give_up:
                    raise BusyError("数据库连接中断，结果未知；请用同一幂等键重试") from error
                await asyncio.sleep(pause_s)
                pause_s = min(1.0, pause_s * 2)
            except asyncpg.PostgresError as error:
                raise _named(error) from error

    async def _ready_connection(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _drop(self, error: BaseException) -> None:
        log.warning("append_connection_lost", error=type(error).__name__)
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _abandon(self, taken: Sequence[Waiting]) -> None:
        self._stopped = True
        waiting = list(taken)
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        _fail(waiting, BusyError(STOPPING))


def unavailable(error: BaseException) -> bool:
    """The database cannot now, whatever was asked of it; a later try may succeed."""
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, UNKNOWN_OUTCOME) or state.startswith(_NOT_NOW)


def told(error: BaseException) -> str:
    """An error in words that hold no stored value: PostgreSQL's own would quote the row."""
    if isinstance(error, asyncpg.PostgresError):
        parts = (error.sqlstate, type(error).__name__, error.constraint_name)
        return " ".join(part for part in parts if part)
    known = isinstance(error, (EventsError, UndecodableError))
    return f"{type(error).__name__}: {error}" if known else type(error).__name__


def _named(error: asyncpg.PostgresError) -> Exception:
    match error.sqlstate:
        case "ES001":
            return EpochError(str(error))
        case "ES002":
            return ClockError(str(error))
        case _ if unavailable(error):
            return BusyError(f"数据库暂不可用：{type(error).__name__}")
        case _:
            return error


def _fail(group: Sequence[Waiting], error: BaseException) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
