"""The relay: one store's log into its topic, in order, each event at least once.

A cursor like any other, moved when the broker has acknowledged; one holder by a fenced lease, which
is renewed apart from the sending, since a send may wait for ever. What a sleeper or a lost answer
sends again is a repeat, never a hole: readers drop it. Design 4, ADR 0009.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NoReturn

import asyncpg
import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from . import measures, spans
from .cursor import Cursor, check
from .cursor_row import CursorRow
from .ending import end
from .errors import FeedStoppedError, ForkedError, ReplacedError
from .feed import DirectFeed
from .group_commit import UNKNOWN_OUTCOME, unavailable
from .leaf import leaf
from .producing import last_record, made_topic, producing
from .topic import PARTITION, Arrived, Kafka, Tick, event_record, tick_record
from .types import Recorded

PAGE = 600
"""Events: about a batch; larger pages fall out of the processor's cache between two looks."""
ACKNOWLEDGED_WITHIN_S = 20
"""Then the producer is given up and made anew; the broker may still write what it was given."""
TICK_S = 1.0
PAUSE_S = 1.0
READER = "relay"

log = structlog.get_logger()


class Relay:
    """The relay of one source at work; `pool` reaches the source's own store."""

    def __init__(self, source: str, feed: DirectFeed, pool: asyncpg.Pool, kafka: Kafka) -> None:
        self.source, self.feed, self.pool = source, feed, pool
        self.topic, self._bootstrap = kafka.topic(source), kafka.bootstrap
        self.row = CursorRow(READER, source, pool)

    async def run(self) -> NoReturn:
        """Relay until cancelled. Raises: FeedStoppedError, after writing it into the cursor row."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(PAUSE_S)
        finally:
            await self.row.lease.release()

    async def _try(self) -> None:
        """Relay until something gives way; what can be mended by trying again is only told."""
        try:
            await self._held()
        except ReplacedError:
            pass  # told by the lease or the cursor row
        except FeedStoppedError as error:
            await self.row.say_stopped(str(error))
            raise
        except KafkaError as error:
            measures.RELAY_FAILURES.add(1, {"source": self.source})
            await self._say_waiting(error)
        except (asyncpg.PostgresError, *UNKNOWN_OUTCOME) as error:
            if not unavailable(error):
                raise
            log.warning("log_unreachable", source=self.source, error=type(error).__name__)

    async def _say_waiting(self, error: Exception) -> None:
        """So that `lag` tells it; the cursor moves again when the broker is back."""
        log.warning("broker_unreachable", source=self.source, error=repr(error)[:200])
        with suppress(asyncpg.PostgresError, *UNKNOWN_OUTCOME):
            await self.row.say_waiting(f"Kafka 未应答（{type(error).__name__}），继续重试")

    async def _held(self) -> None:
        """Send while the lease is renewed beside; whichever ends first ends the other."""
        cursor = await self.row.open()
        tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._send(cursor))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*tasks)
        done.pop().result()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.row.lease.keep()

    async def _send(self, cursor: Cursor) -> None:
        await made_topic(self._bootstrap, self.topic)
        await self._same_line(cursor)
        async with producing(self._bootstrap) as producer:
            sending, ahead = Sending(self, producer, cursor), None
            try:
                while True:
                    page = await (ahead or self._page(sending.sent.position))
                    ahead = self._ahead(page)
                    await asyncio.sleep(0)  # it asks now
                    fresh = check(self.row.lease.name, sending.sent, page)
                    if fresh:
                        await sending.events(fresh)
                    await sending.tick()
                    if not fresh:
                        await sending.acknowledged()
                        await self.feed.wait(TICK_S)
            finally:
                if ahead is not None:
                    await end(ahead)

    async def _page(self, position: int) -> list[Recorded]:
        """From the event at a position on, so that it can be compared with what was sent."""
        return await self.feed.read(max(0, position - 1), PAGE)

    def _ahead(self, page: list[Recorded]) -> asyncio.Task[list[Recorded]] | None:
        """The next page on its way, where this one says that there is more."""
        if len(page) < PAGE:
            return None
        return asyncio.create_task(self._page(page[-1].position))

    async def _same_line(self, cursor: Cursor) -> None:
        """The topic must end with what this log holds: else the log was restored under it.

        Raises: ForkedError.
        """
        match await last_record(self._bootstrap, self.topic):
            case Arrived(event=event):
                position, told = event.position, leaf(event).hex()
            case Tick(position=position, leaf=told) if position:
                pass
            case _:
                return
        ours = await self.feed.at(position)
        if ours is None or leaf(ours).hex() != told:
            found = None if ours is None else leaf(ours).hex()
            raise ForkedError(
                f"{self.topic}: 位置 {position} 分叉：主题 {told}，本库 {found}", position=position
            )


class Sending:
    """What one producer was given and the broker has not acknowledged yet, in order."""

    def __init__(self, relay: Relay, producer: Any, cursor: Cursor) -> None:
        self.relay, self.producer = relay, producer
        self.sent = self.moved = cursor
        self._waiting: deque[tuple[asyncio.Future[Any], Cursor | Tick, float]] = deque()
        self._tick_at = 0.0
        self._named = {"source": relay.source}

    async def events(self, fresh: list[Recorded]) -> None:
        """Give a page to the producer, in as many batches as it fills."""
        rest = fresh
        while rest:
            batch, count = self._batch(rest)
            last = rest[count - 1]
            self.sent = Cursor(last.epoch, last.position, leaf(last))
            with spans.page("relay", rest[:count], source=self.relay.source):
                await self._give(batch, self.sent)
            measures.RELAY_BATCH.record(count, self._named)
            rest = rest[count:]

    def _batch(self, events: list[Recorded]) -> tuple[Any, int]:
        batch, previous = self.producer.create_batch(), self.sent.leaf
        for count, event in enumerate(events):
            key, value, told = event_record(self.relay.source, event, previous)
            if batch.append(timestamp=None, key=key, value=value, headers=told) is None:
                return batch, count
            previous = leaf(event)
        return batch, len(events)

    async def tick(self) -> None:
        """Once a second: where the log ends now, behind all that was given before."""
        now = asyncio.get_running_loop().time()
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_S
        asked_at = datetime.now(UTC)
        head = await self.relay.feed.head()
        behind = head.position - self.moved.position
        measures.LAG.tell(behind, service=self.relay.source, reader=READER, **self._named)
        told = None if head.leaf is None else head.leaf.hex()
        tick = Tick(
            store=head.store,
            epoch=head.epoch,
            position=head.position,
            leaf=told,
            token=self.relay.row.lease.token,
            at=asked_at,
            sent=self.sent.position,
        )
        value, named = tick_record(tick)
        batch = self.producer.create_batch()
        batch.append(timestamp=None, key=None, value=value, headers=named)
        await self._give(batch, tick)

    async def _give(self, batch: Any, reaches: Cursor | Tick) -> None:
        async with acknowledged_in_time():
            given = await self.producer.send_batch(batch, self.relay.topic, partition=PARTITION)
        given.add_done_callback(_heard)
        self._waiting.append((given, reaches, time.monotonic()))
        while self._waiting and self._waiting[0][0].done():
            await self._one()

    async def acknowledged(self) -> None:
        """Until all is. Raises: KafkaError."""
        while self._waiting:
            await self._one()

    async def _one(self) -> None:
        given, reaches, began = self._waiting.popleft()
        async with acknowledged_in_time():
            offset = (await given).offset
        if isinstance(reaches, Tick):
            await self._confirm(reaches)
        else:
            measures.RELAY_DURATION.record(time.monotonic() - began, self._named)
            moved = Cursor(reaches.epoch, reaches.position, reaches.leaf, offset)
            await self.relay.row.move(self.relay.pool, self.moved, moved)
            self.moved = moved

    async def _confirm(self, tick: Tick) -> None:
        if self.moved.position >= tick.position:
            age = datetime.now(UTC) - tick.at
            await self.relay.row.confirm(max(0.0, age.total_seconds()))


@asynccontextmanager
async def acknowledged_in_time() -> AsyncIterator[None]:
    """Raises: KafkaTimeoutError; a database that hangs is another thing and told as such."""
    try:
        async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
            yield
    except TimeoutError as error:
        raise KafkaTimeoutError from error


def _heard(given: asyncio.Future[Any]) -> None:
    """What a producer that is given up fails with need not be told when it is collected."""
    if not given.cancelled():
        given.exception()
