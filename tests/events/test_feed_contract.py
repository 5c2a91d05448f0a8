"""What a feed promises, written once: run on both adapters, and on broken ones that must fail it.

A promise is a function of a `Side`: a log that can be appended to and the feed of it under test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.events.cursor import Cursor
from libs.events.errors import ForkedError
from libs.events.feed import Feed
from libs.events.kafka_feed import TOLD_WITHIN_S, KafkaFeed
from libs.events.leaf import leaf
from libs.events.relay import Relay
from libs.events.topic import Kafka
from libs.events.types import Head, Recorded
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import append, asking, part
from tests.events.test_reader import close_all

WITHIN_S = 8
STREAM = UUID(int=7)


@dataclass
class Side:
    """A log, and its feed as a reader of another process would hold it. `stop` ends whatever
    brings events from the log to the feed; `twin` is a feed of the same events up to a position
    and others behind it."""

    store: LogStore
    feed: Feed
    stop: Callable[[], Awaitable[None]]
    twin: Callable[[], Awaitable[Feed]]
    _app: list[asyncpg.Connection] = field(default_factory=list)

    async def append(self, count: int) -> None:
        if not self._app:
            self._app.append(await self.store.connect())
        for number in range(count):
            await append(self._app[0], asking(part(STREAM, None, f"事 {number}")))

    async def log(self) -> list[Recorded]:
        """As it stands, by another way than the feed."""
        return await self.store.feed().read(0, 10_000)

    async def cursor(self, position: int) -> Cursor:
        event = (await self.log())[position - 1]
        return Cursor(event.epoch, position, leaf(event))


async def read_up_to(feed: Feed, position: int, after: int = 0, limit: int = 500) -> list[Recorded]:
    """What a reader sees that goes on behind what it has, until a position has come."""
    seen: list[Recorded] = []
    async with asyncio.timeout(WITHIN_S):
        while True:
            page = await feed.read(seen[-1].position - 1 if seen else after, limit)
            if seen:
                assert page[:1] == seen[-1:], "a page begins with the reader's own event"
            seen += page[1:] if seen else page
            dense = range(after + 1, after + 1 + len(seen))
            assert [event.position for event in seen] == list(dense)
            if seen and seen[-1].position >= position:
                return seen
            await feed.wait(0.2)


# --- the promises ----------------------------------------------------------------------------


async def everything_once_and_in_order(side: Side) -> None:
    await side.append(40)
    await side.feed.resume(Cursor(0, 0, None))
    seen = await read_up_to(side.feed, 41)
    assert [event.position for event in seen] == list(range(1, 42))
    assert [leaf(event) for event in seen] == [leaf(event) for event in await side.log()]


async def pages_are_no_larger_than_asked(side: Side) -> None:
    await side.append(20)
    await side.feed.resume(Cursor(0, 0, None))
    seen = await read_up_to(side.feed, 21, limit=4)
    assert [event.position for event in seen] == list(range(1, 22))
    assert len(await side.feed.read(19, 1)) == 1


async def a_page_can_be_read_again(side: Side) -> None:
    """A reader that could apply only half of a page asks for the rest of it once more."""
    await side.append(10)
    await side.feed.resume(Cursor(0, 0, None))
    seen = await read_up_to(side.feed, 11)
    again = await side.feed.read(seen[-1].position - 1, 500)
    assert [leaf(event) for event in again] == [leaf(seen[-1])]


async def a_reader_goes_on_from_any_cursor(side: Side) -> None:
    await side.append(30)
    for position in (1, 2, 17, 31):
        await side.feed.resume(await side.cursor(position))
        await side.append(2)
        head = len(await side.log())
        seen = await read_up_to(side.feed, head, after=position - 1)
        assert [event.position for event in seen] == list(range(position, head + 1))
        assert [leaf(event) for event in seen] == [
            leaf(e) for e in (await side.log())[position - 1 :]
        ]


async def what_is_appended_arrives(side: Side) -> None:
    await side.feed.resume(Cursor(0, 0, None))
    for _ in range(12):
        await side.append(1)
        head = len(await side.log())
        seen = await read_up_to(side.feed, head)
        assert seen[-1].position == head
        await side.feed.resume(await side.cursor(head))


async def the_head_is_told_and_never_an_old_one(side: Side) -> None:
    """Silence is told as silence: what was the head once must not pass for the head of now."""
    await side.append(5)
    await side.feed.resume(Cursor(0, 0, None))
    await read_up_to(side.feed, 6)
    assert (await told(side.feed)).position == 6
    await side.stop()
    await side.append(1)
    async with asyncio.timeout(TOLD_WITHIN_S + WITHIN_S):
        while (head := await side.feed.head()) is not None and head.position < 7:
            await side.feed.read(5, 500)
            await side.feed.wait(0.2)
    assert head is None or head.position == 7


async def told(feed: Feed) -> Head:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if (head := await feed.head()) is not None:
                return head
            await feed.read(5, 500)
            await feed.wait(0.2)


async def another_line_is_not_read_on(side: Side) -> None:
    """Same store, same epoch, same positions, other bytes: the event at the cursor tells."""
    await side.append(5)
    ours = await side.cursor(6)
    twin = await side.twin()
    await twin.resume(ours)
    with suppress(ForkedError):
        seen = await read_up_to(twin, 6, after=5)
        assert leaf(seen[0]) != ours.leaf, "it gave the other line for ours"


PROMISES = (
    everything_once_and_in_order,
    pages_are_no_larger_than_asked,
    a_page_can_be_read_again,
    a_reader_goes_on_from_any_cursor,
    what_is_appended_arrives,
    the_head_is_told_and_never_an_old_one,
    another_line_is_not_read_on,
)


# --- the adapters ----------------------------------------------------------------------------


@asynccontextmanager
async def direct(new_store: NewStore, kafka: Kafka) -> AsyncIterator[Side]:
    store = await new_store()

    async def nothing() -> None:
        """Nobody stands between the log and its feed."""

    async def twin() -> Feed:
        return (await forked(store, new_store)).feed()

    yield Side(store, store.feed(), nothing, twin)


async def forked(store: LogStore, new_store: NewStore) -> LogStore:
    """The same log up to its last event, which is another one there."""
    await close_all(store)
    other = await new_store(store)
    await other.execute(
        "ALTER TABLE es.events DISABLE TRIGGER ALL",
        'UPDATE es.events SET payload = \'{"fen":2,"note":""}\''
        " WHERE position = (SELECT max(position) FROM es.events)",
        "ALTER TABLE es.events ENABLE TRIGGER ALL",
    )
    return other


@asynccontextmanager
async def by_topic(new_store: NewStore, kafka: Kafka) -> AsyncIterator[Side]:
    store = await new_store()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(relayed(store, kafka))
        feed = KafkaFeed("purses", kafka, store.feed())
        stack.push_async_callback(feed.close)

        async def stop() -> None:
            running.cancel()
            await asyncio.wait([running])

        async def twin() -> Feed:
            """A topic of the other line, and its owner."""
            await stop()
            other, elsewhere = (
                await forked(store, new_store),
                Kafka(kafka.bootstrap, f"{kafka.prefix}twin-"),
            )
            await stack.enter_async_context(relayed(other, elsewhere))
            read = KafkaFeed("purses", elsewhere, other.feed())
            stack.push_async_callback(read.close)
            return read

        yield Side(store, feed, stop, twin)


@asynccontextmanager
async def relayed(store: LogStore, kafka: Kafka) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(relay(store, kafka))
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def relay(store: LogStore, kafka: Kafka) -> None:
    async with asyncpg.create_pool(**store.address(), min_size=1, max_size=2) as pool:
        await Relay("purses", store.feed(), pool, kafka).run()


ADAPTERS = (direct, by_topic)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
async def test_an_adapter_keeps_every_promise(
    adapter: Callable[..., Any],
    promise: Callable[[Side], Awaitable[None]],
    new_store: NewStore,
    kafka: Kafka,
) -> None:
    async with adapter(new_store, kafka) as side:
        await promise(side)


# --- broken ones -----------------------------------------------------------------------------


class Broken:
    """An adapter over a true one, wrong in one way."""

    def __init__(self, feed: Feed) -> None:
        self.feed, self.source = feed, feed.source

    async def resume(self, cursor: Cursor) -> None:
        await self.feed.resume(cursor)

    def offset_of(self, position: int) -> int | None:
        return self.feed.offset_of(position)

    async def read(self, after: int, limit: int) -> list[Recorded]:
        return await self.feed.read(after, limit)

    async def wait(self, timeout_s: float) -> None:
        await self.feed.wait(timeout_s)

    async def head(self) -> Head | None:
        return await self.feed.head()


class Swaps(Broken):
    async def read(self, after: int, limit: int) -> list[Recorded]:
        page = await super().read(after, limit)
        return [*page[:3], *reversed(page[3:5]), *page[5:]]


class Drops(Broken):
    async def read(self, after: int, limit: int) -> list[Recorded]:
        return [event for event in await super().read(after, limit) if event.position != 4]


class Repeats(Broken):
    async def read(self, after: int, limit: int) -> list[Recorded]:
        page = await super().read(after, limit)
        return [*page[:4], *page[3:]]


class Forks(Broken):
    """Gives an event of its own in the place of one of the log."""

    async def read(self, after: int, limit: int) -> list[Recorded]:
        page = await super().read(after, limit)
        return [_other(event) if event.position == 5 else event for event in page]


def _other(event: Recorded) -> Recorded:
    changed: dict[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
    return Recorded(**{**changed, "payload": b'{"fen":2,"note":""}'})


class FallsSilent(Broken):
    async def read(self, after: int, limit: int) -> list[Recorded]:
        return [event for event in await super().read(after, limit) if event.position <= 9]


class TellsAnOldHead(Broken):
    """A stale relay behind it: the last head it heard is the head for ever."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self.once: Head | None = None

    async def head(self) -> Head | None:
        self.once = self.once or await super().head()
        return self.once


BROKEN: tuple[tuple[type[Broken], Callable[[Side], Awaitable[None]]], ...] = (
    (Swaps, everything_once_and_in_order),
    (Drops, everything_once_and_in_order),
    (Repeats, everything_once_and_in_order),
    (Forks, everything_once_and_in_order),
    (FallsSilent, what_is_appended_arrives),
    (TellsAnOldHead, the_head_is_told_and_never_an_old_one),
)


@pytest.mark.parametrize(("broken", "promise"), BROKEN, ids=lambda one: one.__name__)
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
async def test_a_broken_adapter_fails_the_promise_it_breaks(
    adapter: Callable[..., Any],
    broken: type[Broken],
    promise: Callable[[Side], Awaitable[None]],
    new_store: NewStore,
    kafka: Kafka,
) -> None:
    async with adapter(new_store, kafka) as side:
        side.feed = broken(side.feed)
        with pytest.raises((AssertionError, TimeoutError)):
            await promise(side)
