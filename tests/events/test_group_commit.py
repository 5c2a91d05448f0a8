"""The one writer of a process: groups, lost connections, poison, a full queue, a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.events.errors import BusyError
from libs.events.group_commit import Connect, GroupCommit
from libs.events.loads import LiveStreams, Loads
from libs.events.log import Log
from libs.events.store import Appended, Outcome, Ready, prepare
from tests.events.conftest import LogStore
from tests.events.planted import (
    CONTRACTS,
    Purse,
    append,
    asking,
    each,
    faults,
    fill,
    part,
    purses,
)

A, B = UUID(int=1), UUID(int=2)


def filling(stream: UUID | None = None, note: str = "x") -> Ready:
    return prepare(asking(part(stream or uuid4(), None, note)), CONTRACTS)


@asynccontextmanager
async def writing(connect: Connect, reconnect_for_s: float = 30) -> AsyncIterator[GroupCommit]:
    writer = GroupCommit(connect, 1, reconnect_for_s=reconnect_for_s)
    running = asyncio.create_task(writer.run())
    yield writer
    assert not running.done(), "the writer lives as long as its process"
    running.cancel()
    await asyncio.wait([running])


@dataclass
class Unsteady:
    """A way to the store that fails as told, and then works."""

    store: LogStore
    failures: list[Exception] = field(default_factory=list)

    async def __call__(self) -> asyncpg.Connection:
        if self.failures:
            raise self.failures.pop(0)
        return await self.store.connect()


async def test_requests_that_wait_while_a_call_runs_form_one_group(log: Log) -> None:
    await log.writer.append(filling())
    found = await asyncio.gather(*(log.writer.append(filling()) for _ in range(300)))
    assert each(found) == ["appended"] * 300
    assert [f.position for f in found] == list(range(3, 303))
    assert log.writer.groups == 2


async def test_a_full_queue_refuses_at_once(store: LogStore) -> None:
    writer = GroupCommit(store.connect, 1, queue=2)
    waiting = [asyncio.create_task(writer.append(filling())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="队列已满"):
        await asyncio.wait_for(writer.append(filling()), 5)
    running = asyncio.create_task(writer.run())
    assert each(await asyncio.gather(*waiting)) == ["appended"] * 2
    running.cancel()
    await asyncio.wait([running])


async def test_a_killed_backend_costs_nobody_anything(log: Log, store: LogStore) -> None:
    """The outcome is unknown, the group is sent again, and the keys make that exact."""
    admin = await store.connect("admin")
    found: list[Appended] = []
    for _ in range(5):
        tasks = [asyncio.create_task(log.writer.append(filling(A))) for _ in range(40)]
        killed = 0
        while not killed:
            await asyncio.sleep(0.001)
            killed = await admin.fetchval(_KILL_WRITER)
        found += await asyncio.gather(*tasks)
    assert {f.outcome for f in found} <= {Outcome.APPENDED, Outcome.DUPLICATE}
    assert sorted(f.version for f in found) == list(range(1, 201))
    assert await faults(admin) == []


_KILL_WRITER = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND query LIKE 'SELECT * FROM es.append%'
"""


async def test_a_lost_reply_is_asked_for_again_and_counted_once(store: LogStore) -> None:
    """Locked out, the call hangs; the connection goes; the lock comes free: one event."""
    admin = await store.connect("admin")
    app = await store.connect()
    pid = app.get_server_pid()
    await admin.execute("SELECT pg_advisory_lock(1)")
    connections = [await store.connect(), app]
    async with writing(lambda: _next(connections)) as writer:
        answering = asyncio.create_task(writer.append(filling(A)))
        await locked_out(admin, pid)
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await admin.execute("SELECT pg_advisory_unlock(1)")
        assert (await answering).version == 1
    assert await faults(admin) == []


async def test_a_database_that_does_not_answer_is_asked_again(store: LogStore) -> None:
    """It may have appended all the same, late: the keys make that exact."""
    admin = await store.connect("admin")

    async def impatient() -> asyncpg.Connection:
        return await asyncpg.connect(**store.address(), command_timeout=0.2)

    await admin.execute("SELECT pg_advisory_lock(1)")
    async with writing(impatient) as writer:
        answering = asyncio.create_task(writer.append(filling(A)))
        await asyncio.sleep(0.5)
        await admin.execute("SELECT pg_advisory_unlock(1)")
        assert (await asyncio.wait_for(answering, 10)).version == 1
    assert await faults(admin) == []


async def locked_out(admin: asyncpg.Connection, pid: int) -> None:
    waits = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $1"
    async with asyncio.timeout(10):
        while not await admin.fetchval(waits, pid):  # noqa: ASYNC110 - the event is in the server
            await asyncio.sleep(0.01)


async def _next(connections: list[asyncpg.Connection]) -> asyncpg.Connection:
    return connections.pop()


async def test_the_writer_outlives_a_database_that_was_away_too_long(store: LogStore) -> None:
    """All who waited are told after one waiting, not each after its own."""
    away = Unsteady(store, [OSError("no route")] * 100)
    async with writing(away, reconnect_for_s=0.1) as writer:
        waiting = [writer.append(filling()) for _ in range(10)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(f) for f in found] == [BusyError] * 10
        assert len(away.failures) >= 95
        away.failures.clear()
        assert (await writer.append(filling())).outcome is Outcome.APPENDED


@pytest.mark.parametrize(
    "failure",
    [asyncpg.InvalidPasswordError("no entry"), asyncpg.TooManyConnectionsError("full")],
)
async def test_a_database_that_lets_nobody_in_is_busy_and_not_a_fault(
    store: LogStore, failure: Exception
) -> None:
    async with writing(Unsteady(store, [failure] * 2), reconnect_for_s=0) as writer:
        with pytest.raises(BusyError):
            await writer.append(filling())


async def test_a_database_that_may_only_be_read_is_busy(store: LogStore) -> None:
    """As after a failover to a standby: the caller may come again."""
    async with writing(lambda: store.connect("app", default_transaction_read_only="on")) as writer:
        with pytest.raises(BusyError):
            await writer.append(filling())


@pytest.mark.parametrize(
    ("spoiled", "error"),
    [({"body_hash": "text"}, "DataError"), ({"answer": None}, "AttributeError")],
)
async def test_what_cannot_even_be_sent_fails_alone_and_at_once(
    log: Log, spoiled: dict[str, Any], error: str
) -> None:
    unsendable = filling()
    unsendable = replace(unsendable, request=replace(unsendable.request, **spoiled))
    async with asyncio.timeout(5):
        found = await asyncio.gather(
            *(log.writer.append(ready) for ready in (filling(), unsendable, filling())),
            return_exceptions=True,
        )
    assert [type(f).__name__ for f in found] == ["Appended", error, "Appended"]
    assert (await log.writer.append(filling())).position == 4


async def test_one_key_twice_in_a_group_is_appended_once(log: Log) -> None:
    twin = filling(A)
    found = await asyncio.gather(*(log.writer.append(r) for r in (twin, filling(B), twin)))
    assert each(found) == ["appended", "appended", "duplicate"]
    assert found[0].position == found[2].position


async def test_a_caller_that_leaves_drops_only_its_answer(log: Log, store: LogStore) -> None:
    left = asyncio.create_task(log.writer.append(filling(A, "left")))
    stays = asyncio.create_task(log.writer.append(filling(A, "stays")))
    await asyncio.sleep(0)
    left.cancel()
    assert (await stays).version == 2
    assert await faults(await store.connect()) == []


async def test_whoever_waits_at_a_stop_is_told_and_whoever_comes_later_too(
    store: LogStore,
) -> None:
    admin = await store.connect("admin")
    await admin.execute("SELECT pg_advisory_lock(1)")
    writer = GroupCommit(store.connect, 1)
    running = asyncio.create_task(writer.run())
    waiting = [asyncio.create_task(writer.append(filling())) for _ in range(3)]
    await asyncio.sleep(0.05)
    running.cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(f) for f in found] == [BusyError] * 3
    with pytest.raises(BusyError, match="正在停止"):
        await asyncio.wait_for(writer.append(filling()), 1)


# --- loads -----------------------------------------------------------------------------------


@asynccontextmanager
async def loading(connect: Connect) -> AsyncIterator[Loads]:
    loads = Loads(connect, CONTRACTS)
    running = asyncio.create_task(loads.run())
    yield loads
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    with pytest.raises(BusyError, match="正在停止"):
        await asyncio.wait_for(loads.first_answer(uuid4()), 1)


@pytest.mark.parametrize("failure", [OSError("no route"), asyncpg.QueryCanceledError("too slow")])
async def test_a_load_that_fails_is_busy_and_the_next_one_answered(
    store: LogStore, failure: Exception
) -> None:
    async with loading(Unsteady(store, [failure])) as loads:
        with pytest.raises(BusyError):
            await loads.first_answer(uuid4())
        assert await asyncio.wait_for(loads.first_answer(uuid4()), 5) is None


async def test_states_are_kept_and_brought_up_to_date(store: LogStore) -> None:
    app = await store.connect()
    async with loading(store.connect) as loads:
        assert await loads.states(purses, [A]) == [(0, Purse())]
        await fill(app, A, "a", "b")
        await append(app, asking(part(B, 0, "c", "d", "e")))
        wanted = [A, B, A, UUID(int=9)]
        found = await loads.states(purses, wanted)
        assert [version for version, _ in found] == [2, 3, 2, 0]
        await fill(app, A, "f")
        assert await loads.states(purses, [A]) == [(3, Purse(fen=3, events=3))]


async def test_a_stream_read_twice_is_fenced_where_it_was_read_first(store: LogStore) -> None:
    """A decision on both readings may stand only if nothing came between them."""
    app = await store.connect()
    async with loading(store.connect) as loads:
        streams = LiveStreams(loads)
        await streams.load(purses, A)
        await fill(app, A, "meanwhile")
        await streams.load(purses, A)
        assert streams.versions == {A: 0}
