"""A log read in stretches: the same events as a feed gives, and none passed over in silence."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import asyncpg
import pytest

from libs.events.errors import HoleError, PoisonError
from libs.events.replay import replay
from libs.events.store import Part, identity, read_after
from libs.events.types import Recorded
from tests.events.conftest import LogStore
from tests.events.planted import PurseFilled, PurseSpent, append, asking, purse

TEXTS = ("", "财政专项扶贫资金", '"\\\n', "𠮷", "x" * 100_000)


async def filled(store: LogStore) -> asyncpg.Connection:
    """A connection as the feed role; the log holds its epoch and 11 events on several streams."""
    connection = await store.connect()
    for number, text in enumerate(TEXTS):
        two = (PurseFilled(fen=number + 1, note=text), PurseSpent(fen=1))
        await append(connection, asking(Part(purse(str(number)), two, 0)))
    await append(connection, asking(Part(purse("0"), (PurseSpent(fen=1),), 2)))
    return await store.connect("feed")


async def replayed(feed: asyncpg.Connection, after: int, last: int, page: int) -> list[Recorded]:
    store, _ = await identity(feed)
    return [e async for events in replay(feed, store, after, last, page=page) for e in events]


@pytest.mark.parametrize("page", [1, 5, 12, 2_000])
async def test_replay_gives_every_field_of_every_event_as_a_feed_does(
    store: LogStore, page: int
) -> None:
    feed = await filled(store)
    fed = await read_after(feed, (await identity(feed))[0], 0, 100)
    assert len(fed) == 12
    assert await replayed(feed, 0, 12, page) == fed
    assert await replayed(feed, 3, 9, page) == fed[3:9]
    assert await replayed(feed, 12, 12, page) == []


@pytest.mark.parametrize("page", [1, 5, 2_000])
async def test_only_events_of_the_types_asked_for_come(store: LogStore, page: int) -> None:
    feed = await filled(store)
    store_id, _ = await identity(feed)
    fed = await read_after(feed, store_id, 0, 100)
    for types in [(PurseSpent,), (PurseSpent, PurseFilled), ()]:
        pages = replay(feed, store_id, 2, 12, types=types, page=page)
        found = [event async for events in pages for event in events]
        names = {kind.__name__ for kind in types}
        assert found == [event for event in fed[2:] if event.type in names]


async def test_a_salt_of_another_length_is_named_and_nothing_behind_it_is_misread(
    store: LogStore,
) -> None:
    feed = await filled(store)
    await store.execute(
        "ALTER TABLE es.events DISABLE TRIGGER USER",
        "UPDATE es.events SET salt = '\\x00' WHERE position = 3",
    )
    with pytest.raises(PoisonError, match="盐长 1 字节") as stopped:
        await replayed(feed, 0, 12, 5)
    assert stopped.value.facts["position"] == 3


@pytest.mark.parametrize("lost", [2, 5, 6, 12])
async def test_a_hole_stops_the_replay_and_is_named(store: LogStore, lost: int) -> None:
    feed = await filled(store)
    await store.execute(
        "ALTER TABLE es.events DISABLE TRIGGER USER",
        f"DELETE FROM es.events WHERE position = {lost}",  # noqa: S608 - a number of this test
    )
    with pytest.raises(HoleError) as stopped:
        await replayed(feed, 0, 12, 5)
    assert stopped.value.facts["position"] == lost


async def test_a_replay_left_in_the_middle_leaves_its_connection_usable(store: LogStore) -> None:
    feed = await filled(store)
    async with aclosing(replay(feed, (await identity(feed))[0], 0, 12, page=2)) as pages:
        async for _ in pages:
            await asyncio.sleep(0)  # the next page is asked for now
            break
    assert await feed.fetchval("SELECT count(*) FROM es.events") == 12
