"""What is told of a log on its way through a real broker: batches, repeats, holes, lag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from libs.events import measures
from libs.events.kafka_feed import KafkaFeed
from libs.events.leaf import leaf
from libs.events.log import Log
from libs.events.reader import Reader, Reading
from libs.events.relay import Relay
from libs.events.store import Part, read_after
from libs.events.topic import Kafka
from tests.events.conftest import LogStore
from tests.events.planted import CONTRACTS, PurseFilled, append, asking
from tests.events.test_spans import made_by, told
from tests.recorded import Recorder, of, recording

NOTHING = Reader("nothing", "purses", lambda *_: ())


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(400):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


async def reached(log: Log, reader: str, position: int) -> None:
    """Wait until a cursor stands there."""
    found = "SELECT position = $2 FROM es.cursors WHERE reader = $1"
    await until(lambda: log.pool.fetchval(found, reader, position))


async def caught_up(reader: str) -> None:
    """Wait until a reader has told that nothing is left, which takes a tick."""

    async def told_so() -> bool:
        return any(
            (found.attributes or {})["reader"] == reader and not found.value
            for found in measures.LAG.observe()
        )

    await until(told_so)


async def test_batches_repeats_and_holes_are_told(
    store: LogStore, kafka: Kafka, recorder: Recorder
) -> None:
    app, log = await store.connect(), await store.log()
    await append(app, *(told(made_by(number)) for number in range(9)))
    events = await read_after(app, log.store, 0, 100)
    head = events[-1].position
    relay = Relay("purses", store.feed(), log.pool, kafka)
    await cursor_at(log, relay, events[2])
    async with running(relay):
        await reached(log, "relay", head)
    await cursor_at(log, relay, events[5])
    async with running(relay):
        await reached(log, "relay", head)
        reading = Reading(
            NOTHING,
            KafkaFeed("purses", kafka, store.feed()),
            log.pool,
            CONTRACTS,
            service="purses",
        )
        async with running(reading):
            await append(app, asking(Part(UUID(int=2), (PurseFilled(fen=1),), None)))
            await reached(log, "nothing", head + 1)
            await caught_up("nothing")
            await caught_up("relay")
        await reading.feed.close()  # type: ignore[attr-defined]  # this one has a consumer
    measured = recorder.measured()
    source = {"source": "purses"}
    (batches,) = of(measured["suyuan.relay.batch_size"], **source)
    assert batches.sum == (head - 3) + (head - 6) + 1
    (took,) = of(measured["suyuan.relay.duration"], **source)
    assert took.count == batches.count
    (holes,) = of(measured["suyuan.feed.holes"], **source)
    assert holes.value == 3, "what was never sent came from the owner"
    (repeats,) = of(measured["suyuan.feed.repeats"], **source)
    assert repeats.value == head - 6, "what was sent twice was dropped"
    lags = of(measured["suyuan.cursor.lag"], service="purses", **source)
    assert {lag.attributes["reader"]: lag.value for lag in lags} == {"relay": 0, "nothing": 0}
    sent = recorder.spans("relay")
    assert sent[0].parent is None
    assert [link.context.span_id for link in sent[0].links] == list(range(3, head))


async def cursor_at(log: Log, relay: Relay, event: Any) -> None:
    """As if the relay had come so far, or had forgotten that it went further."""
    await relay.row.open()
    await log.pool.execute(
        "UPDATE es.cursors SET epoch = $1, position = $2, leaf = $3 WHERE reader = 'relay'",
        *(event.epoch, event.position, leaf(event)),
    )
    await relay.row.lease.release()
