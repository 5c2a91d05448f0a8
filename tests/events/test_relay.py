"""The relay at its worst: a broker that takes nothing, another's record, a log restored under it.

That events go by the topic in order and once is the contract of the feed port; this is what a
relay leaves behind when something gives way.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from aiokafka.admin import NewTopic

from libs.chassis import broker
from libs.events import producing, relay
from libs.events.errors import FeedStoppedError, ForkedError
from libs.events.leaf import leaf
from libs.events.topic import PARTITION, Arrived, Kafka
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import append, asking, fill, part
from tests.events.relayed import WITHIN_S, Source, administering, at_work, copied, sourced, until

A = UUID(int=1)


@pytest.fixture
async def source(store: LogStore, kafka: Kafka) -> AsyncIterator[Source]:
    async with sourced(store, kafka) as source:
        yield source


async def test_a_producer_that_is_given_up_is_closed_in_time_and_not_kept(
    own: broker.Broker,
) -> None:
    """While the broker is frozen: neither its tasks nor the batches that it held stay in memory."""
    await producing.made_topic(own.bootstrap, "held")
    gc.collect()
    before = asyncio.all_tasks()
    began = time.monotonic()
    async with producing.producing(own.bootstrap) as producer:
        os.kill(own.pid, signal.SIGSTOP)
        for _ in range(2):
            batch = producer.create_batch()
            batch.append(timestamp=None, key=None, value=b"x" * 100_000, headers=[])
            await producer.send_batch(batch, "held", partition=PARTITION)
        began = time.monotonic()
    assert time.monotonic() - began < 2 * producing.CLOSED_WITHIN_S + 1
    assert asyncio.all_tasks() == before


async def test_a_relay_that_is_ended_while_the_broker_is_frozen_gives_its_lease_back(
    source: Source, own: broker.Broker
) -> None:
    await fill(await source.store.connect(), A, "a")
    source.kafka = Kafka(own.bootstrap)
    began = time.monotonic()
    async with at_work(source.relay()):
        await until(source.pool, "relay", 2)
        os.kill(own.pid, signal.SIGSTOP)
        await fill(await source.store.connect(), A, "b")
        await asyncio.sleep(1.5)
        began = time.monotonic()
    assert time.monotonic() - began < 6, "a supervisor waits 15 s"
    assert await source.pool.fetchval("SELECT until <= clock_timestamp() FROM es.leases")


async def test_a_broker_that_answers_nothing_is_told_in_the_cursor_row_until_it_does(
    source: Source, own: broker.Broker
) -> None:
    source.kafka = Kafka(own.bootstrap)
    async with at_work(source.relay()):
        await until(source.pool, "relay", 1)
        os.kill(own.pid, signal.SIGSTOP)
        await fill(await source.store.connect(), A, "a")
        told = "SELECT stopped FROM es.cursors WHERE reader = 'relay'"
        async with asyncio.timeout(40):
            while (said := await source.pool.fetchval(told)) is None:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.1)
        assert said.startswith("Kafka 未应答")
        assert (await source.cursor())["position"] == 1
        os.kill(own.pid, signal.SIGCONT)
        await until(source.pool, "relay", 2)
        assert (await source.cursor())["stopped"] is None


async def test_a_relay_killed_before_its_cursor_moved_repeats_and_loses_nothing(
    source: Source,
) -> None:
    """What was written and not noted is sent again, behind what is there."""
    app = await source.store.connect()
    await append(app, *(asking(part(A, None, *["x"] * 5)) for _ in range(100)))
    await source.relayed()
    await source.pool.execute(
        "UPDATE es.cursors SET position = 1, leaf = $1", (await first_leaf(source))
    )
    await source.pool.execute("UPDATE es.leases SET until = clock_timestamp()")
    await fill(app, A, "last")
    async with at_work(source.relay()):
        await until(source.pool, "relay", 502)
    feed, positions = source.feed(), list[int]()
    async with asyncio.timeout(WITHIN_S):
        while len(positions) < 502:
            await feed.wait(1)
            page = await feed.read(max(0, len(positions) - 1), 500)
            positions += [event.position for event in page if event.position > len(positions)]
    assert positions == list(range(1, 503))
    assert await source.end() > 1000


@pytest.mark.parametrize("page", [2, 7, 501])
async def test_a_relay_far_behind_reads_ahead_and_sends_each_event_once(
    source: Source, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Whatever the pages are, the topic holds the log once."""
    monkeypatch.setattr(relay, "PAGE", page)
    app = await source.store.connect()
    await append(app, *(asking(part(A, None, *["x"] * 5)) for _ in range(100)))
    await source.relayed()
    carried = [one.event for one in await source.records() if isinstance(one, Arrived)]
    assert carried == await source.store.feed().read(0, 1_000)
    assert len(carried) == 501


async def first_leaf(source: Source) -> bytes:
    event = await source.store.feed().at(1)
    assert event is not None
    return leaf(event)


@pytest.mark.parametrize("more", [False, True])
async def test_a_log_restored_under_its_relay_stops_it(
    source: Source, new_store: NewStore, *, more: bool
) -> None:
    """The cursor is as old as the log and fits it; the topic tells."""
    await fill(await source.store.connect(), A, "a")
    await source.relayed()
    older = await copied(source.store, new_store)
    await fill(await source.store.connect(), A, "b")
    await source.relayed()
    if more:
        await fill(await older.connect(), A, "another", "and more")
    async with sourced(older, source.kafka) as restored:
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ForkedError, match="位置 3 分叉"):
                await restored.relay().run()
        assert "位置 3 分叉" in (await restored.cursor())["stopped"]


async def test_a_topic_of_several_partitions_stops_the_relay(source: Source) -> None:
    async with administering(source.kafka) as admin:
        await admin.create_topics([NewTopic(source.topic, 2, 1)])
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(FeedStoppedError, match="2 个分区"):
            await source.relay().run()


async def test_two_relays_at_once_one_sends(source: Source) -> None:
    """The other waits, and takes over when the first ends."""
    app = await source.store.connect()
    async with AsyncExitStack() as ends_later:
        async with at_work(source.relay()):
            await until(source.pool, "relay", 1)
            await ends_later.enter_async_context(at_work(source.relay()))
            for note in "abc":
                await fill(app, A, note)
                await asyncio.sleep(0.3)
            await until(source.pool, "relay", 4)
            assert await source.pool.fetchval("SELECT max(token) FROM es.leases") == 1
        await fill(app, A, "d")
        await until(source.pool, "relay", 5)
    assert await source.pool.fetchval("SELECT max(token) FROM es.leases") == 2
