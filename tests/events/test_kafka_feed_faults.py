"""What a topic can do to a reader: lose, repeat, fall silent, hold what is not ours.

Positions decide: what the topic lacks is read from the owner, what it repeats is dropped, and a
log that is no longer the one that was read stops the reader, whether or not anybody sends.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from libs.chassis import broker
from libs.events import kafka_feed
from libs.events.errors import ForkedError, HoleError
from libs.events.headers import TICK
from libs.events.topic import Headers, Kafka, Tick
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import append, asking, fill, part
from tests.events.relayed import WITHIN_S, Source, at_work, caught_up, copied, shut, sourced
from tests.events.test_reader import Desk, close_all, opened, tampered

A = UUID(int=1)


@pytest.fixture
async def source(store: LogStore, kafka: Kafka) -> AsyncIterator[Source]:
    async with sourced(store, kafka) as source:
        yield source


@pytest.fixture
async def desk(new_store: NewStore) -> AsyncIterator[Desk]:
    async with opened(await new_store()) as desk:
        yield desk


async def filled(source: Source, *notes: str) -> int:
    await fill(await source.store.connect(), A, *notes)
    return (await source.store.feed().head()).position


def ticked(
    position: int, *, leaf: str | None = None, token: int = 0, at: datetime | None = None
) -> Tick:
    return Tick(
        store=A, epoch=1, position=position, leaf=leaf, token=token, at=at or datetime.now(UTC)
    )


FOREIGN: list[tuple[bytes | None, Headers]] = [
    (b"hello", []),
    (b"hello", [("ce_type", b"com.example.other")]),
    (b"{}", [("ce_position", b"7")]),
    (b"not json", [("ce_type", TICK.encode())]),
    (None, [("ce_type", TICK.encode())]),
    (b"\xff", [("ce_position", b"\xff"), ("ce_previous", b""), ("ce_store", b"x")]),
]


async def test_records_that_are_not_ours_are_passed_over(source: Source, desk: Desk) -> None:
    """Anybody may write into a topic; whoever reads it goes on, and so does its relay."""
    await filled(source, "a")
    await source.relayed()
    for value, headers in FOREIGN:
        await source.write(value, headers)
    head = await filled(source, "b")
    async with at_work(source.relay(), desk.reading(source.feed())):
        await caught_up(desk, head)
    assert (await desk.cursor())["taken"] == head


async def test_a_sleepers_tick_behind_the_cursor_stops_nobody(source: Source, desk: Desk) -> None:
    """It ends before what the reader has, and the reader has just begun and heard no other."""
    head = await filled(source, "a", "b")
    await source.relayed()
    async with at_work(desk.reading(source.feed())):
        await caught_up(desk, head)
    await expired(desk)
    await source.remove_all()  # what the holder told meanwhile; the reader would hear it first
    await source.tick(ticked(head - 1))
    async with at_work(desk.reading(source.feed())) as (reading,):
        await asyncio.sleep(2.5)
        assert not reading.done()
    assert (await desk.cursor())["stopped"] is None


async def expired(desk: Desk) -> None:
    await desk.pool.execute("UPDATE es.leases SET until = clock_timestamp()")


async def test_a_tick_of_yesterday_makes_no_copy_fresh(source: Source, desk: Desk) -> None:
    """A reader that begins anew hears the last ticks again, of a relay that is long dead."""
    head = await filled(source, "a")
    await source.relayed()
    async with at_work(desk.reading(source.feed())):
        await caught_up(desk, head)
    await expired(desk)
    aged = "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '1 day'"
    await desk.pool.execute(aged)
    then = datetime.now(UTC) - timedelta(hours=2)
    for _ in range(3):
        await source.tick(ticked(head, leaf=(await desk.cursor())["leaf"].hex(), at=then, token=9))
    async with at_work(desk.reading(source.feed())):
        await asyncio.sleep(2.5)
    assert abs((await desk.cursor())["confirmed_at"] - then) < timedelta(minutes=1)


async def test_a_live_tick_makes_a_copy_fresh(source: Source, desk: Desk) -> None:
    head = await filled(source, "a")
    async with at_work(source.relay(), desk.reading(source.feed())):
        await caught_up(desk, head)
        await desk.pool.execute("UPDATE es.cursors SET confirmed_at = to_timestamp(0)")
        await asyncio.sleep(3)
    assert datetime.now(UTC) - (await desk.cursor())["confirmed_at"] < timedelta(seconds=3)


async def test_what_retention_removed_is_read_from_the_owner_though_nothing_new_comes(
    source: Source, desk: Desk
) -> None:
    """A newcomer on a source that was quiet for longer than its topic keeps: only ticks come."""
    head = await filled(source, *"abc")
    await source.relayed()
    await source.remove_all()
    async with at_work(source.relay(), desk.reading(source.feed())):
        await caught_up(desk, head)
    assert (await desk.cursor())["taken"] == 0


async def test_an_offset_that_the_topic_no_longer_has_is_no_end(source: Source, desk: Desk) -> None:
    """Behind the reader's hint everything was removed, and more has come since."""
    await filled(source, "a")
    await source.relayed()
    async with at_work(desk.reading(source.feed())):
        await caught_up(desk, 2)
    await expired(desk)
    await filled(source, *"bcd")
    await source.relayed()
    await source.remove_all()
    head = await filled(source, "e")
    async with at_work(source.relay(), desk.reading(source.feed())):
        await caught_up(desk, head)
    assert (await desk.cursor())["taken"] == 3, "by the topic: opened, a and e"


async def test_a_topic_deleted_under_relay_and_reader_is_made_anew(
    source: Source, desk: Desk
) -> None:
    """What went with the old topic unread comes from the owner; nothing comes twice."""
    await filled(source, *"ab")
    await source.relayed()
    async with at_work(desk.reading(source.feed())):
        await caught_up(desk, 3)
    await expired(desk)
    await filled(source, *"cd")
    async with at_work(source.relay(), desk.reading(source.feed())):
        await caught_up(desk, 5)
        await source.delete_topic()
        head = await filled(source, *"efg")
        await caught_up(desk, head)
    assert [row[3] for row in (await desk.rows())[0]] == [*"abcdefg"]


async def test_a_frozen_broker_costs_no_reader_its_lease(
    source: Source, desk: Desk, own: broker.Broker
) -> None:
    """Each try to reach it may hang; the lease is renewed all the same, and nobody takes over."""
    os.kill(own.pid, signal.SIGSTOP)
    source.kafka = Kafka(own.bootstrap)
    async with at_work(desk.reading(source.feed())) as (reading,):
        left = "SELECT min(until - clock_timestamp()) FROM es.leases"
        least = timedelta(seconds=10)
        async with asyncio.timeout(60):
            for _ in range(120):
                await asyncio.sleep(0.1)
                least = min(least, await desk.pool.fetchval(left) or least)
        assert not reading.done()
    assert least > timedelta(seconds=1)


async def test_broker_and_database_that_die_together_end_no_reader(
    source: Source, desk: Desk, own: broker.Broker
) -> None:
    """It begins again for the database while its consumer waits for the broker."""
    source.kafka = Kafka(own.bootstrap)
    head = await filled(source, "a")
    await source.relayed()
    async with at_work(desk.reading(source.feed())) as (reading,):
        await caught_up(desk, head)
        os.kill(own.pid, signal.SIGKILL)
        await asyncio.sleep(1)
        await close_all(desk.store)
        await asyncio.sleep(3)
        assert not reading.done()


async def test_what_is_held_in_front_of_a_reader_is_bounded(source: Source) -> None:
    """A feed that is asked for little takes no more from the topic than it may hold."""
    app = await source.store.connect()
    for _ in range(20):
        await append(app, *(asking(part(A, None, *["x"] * 5)) for _ in range(100)))
    await source.relayed()
    feed = source.feed()
    await feed.wait(WITHIN_S)
    await feed.read(0, 1)
    for after in range(200):
        assert len(await feed.read(after, 2)) == 2
        assert 0 < len(feed._ahead) < 2 * kafka_feed.HELD_AHEAD
        await asyncio.sleep(0.02)  # more could be fetched meanwhile


@pytest.mark.parametrize("more", [False, True])
async def test_a_restored_source_stops_its_readers_though_nobody_sends(
    source: Source, desk: Desk, new_store: NewStore, *, more: bool
) -> None:
    """The relay has met the restored log and does not go on; the reader asks the owner itself."""
    await filled(source, "a")
    older = await copied(source.store, new_store)
    head = await filled(source, "b")
    await source.relayed()
    feed = source.feed()
    async with at_work(desk.reading(feed)) as (reading,):
        await caught_up(desk, head)
        feed.owner = older.feed()
        if more:
            await fill(await older.connect(), A, "another", "and more")
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ForkedError):
                await reading
    assert "位置 3 分叉" in (await desk.cursor())["stopped"]


async def test_a_source_that_is_away_is_no_fork(source: Source, desk: Desk) -> None:
    """Nobody sends and the owner does not answer: silence, and the age tells it."""
    head = await filled(source, "a")
    await source.relayed()
    async with at_work(desk.reading(source.feed())) as (reading,):
        await caught_up(desk, head)
        await shut(source.store)
        await asyncio.sleep(kafka_feed.TOLD_WITHIN_S + 2.5)
        assert not reading.done()
    assert (await desk.cursor())["stopped"] is None


async def test_a_gap_that_the_owner_cannot_fill_stops_the_reader(
    source: Source, desk: Desk
) -> None:
    await filled(source, *"ab")
    await source.relayed()
    await source.remove_all()
    await filled(source, "c")
    await source.relayed()
    await tampered(source.store, "DELETE FROM es.events WHERE position = 3")
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(HoleError):
            await desk.reading(source.feed()).run()
