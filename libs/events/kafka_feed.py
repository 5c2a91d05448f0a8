"""The feed of a log by its Kafka topic: positions decide, the topic only carries.

One consumer a reader, assigned, never in a group; where it goes on stands beside the reader's
effect and is a hint. Each record names the leaf of the event before it, so a fork is found at the
first event behind it; while nobody sends, the owner is asked. What the topic lacks is read from the
owner's log and counted; what it repeats is dropped. Design 4, ADR 0009.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, UnknownTopicOrPartitionError

from . import measures
from .cursor import Cursor
from .errors import ForkedError
from .feed import DirectFeed
from .group_commit import UNKNOWN_OUTCOME, unavailable
from .leaf import leaf
from .producing import stop_consumer
from .topic import PARTITION, Arrived, Kafka, Tick, read_record
from .types import Head, Recorded

TOLD_WITHIN_S = 5
"""Ticks come each second; a head told longer ago is no longer known."""
HELD_AHEAD = 2_000
REQUEST_MS = 3_000
"""A start is up to three of them, less than a lease lasts: a silent broker costs no reader its own.
A limit around the start would leave connections open that only the library knows."""
PAUSE_S = 1

log = structlog.get_logger()


class KafkaFeed:
    """One reader's way through the topic of a source, beside the owner's own feed."""

    def __init__(self, source: str, kafka: Kafka, owner: DirectFeed) -> None:
        self.source, self.owner = source, owner
        self._bootstrap = kafka.bootstrap
        self._partition = TopicPartition(kafka.topic(source), PARTITION)
        self._consumer: Any = None
        self._again_at = 0.0
        self._at = Cursor(0, 0, None)
        self._next: int | None = None
        self._page: list[Arrived] = []
        self._ahead: deque[Arrived] = deque()
        self._offsets: dict[int, int | None] = {}
        self._tick: tuple[Tick, float] | None = None
        self._highest = 0
        self._sent = 0
        self._doubted = False

    async def resume(self, cursor: Cursor) -> None:
        """Go on behind a cursor; its own event is read from the owner, who may have forked."""
        self._at, self._page, self._tick = cursor, [], None
        self._next = None if cursor.offset is None else cursor.offset + 1
        self._highest, self._sent, self._doubted = cursor.position, 0, False
        self._ahead.clear()
        await self.close()

    def offset_of(self, position: int) -> int | None:
        return self._offsets.get(position)

    async def read(self, after: int, limit: int) -> list[Recorded]:
        """What the topic has brought, dense behind `after`; gaps are filled from the owner."""
        await self._listen(0)
        page = [one for one in self._page if one.position > after]
        if len(page) >= limit:  # a page that was applied in part is asked for again
            return [one.event for one in page[:limit]]
        if not page and self._at.position > after:
            page = [Arrived(event, None, None) for event in await self.owner.read(after, 1)]
        self._go_on(page, after, limit)
        if len(page) < limit:
            page += await self._missing(page, after, limit - len(page))
        self._page = page
        self._offsets = {one.position: one.offset for one in page}
        return [one.event for one in page]

    def _go_on(self, page: list[Arrived], after: int, limit: int) -> None:
        """Move what follows densely into the page. Raises: ForkedError."""
        last = page[-1].event if page else None
        while self._ahead and len(page) < limit:
            expected = last.position + 1 if last else after + 1
            first = self._ahead[0]
            if first.position > expected:
                return
            self._ahead.popleft()
            if first.position < expected:
                measures.REPEATS.add(1, {"source": self.source})
                continue
            _follows(self.source, first, last)
            page.append(first)
            last = first.event

    async def _missing(self, page: list[Arrived], after: int, room: int) -> list[Arrived]:
        """What the topic should have brought and did not, from the owner: up to what has arrived,
        or to what the last tick was sent behind. Raises: ForkedError, also when the owner is no
        longer on the line that was read."""
        behind, kept = (page[-1].position, leaf(page[-1].event)) if page else (after, None)
        reaches = self._ahead[0].position - 1 if self._ahead else self._sent
        if reaches <= behind:
            return []
        count = min(room, reaches - behind)
        found = await self.owner.read(max(0, behind - 1), count + min(behind, 1))
        if behind and found:
            before = found.pop(0)
            if kept is not None and leaf(before) != kept:
                raise _forked(self.source, behind, kept.hex(), leaf(before).hex())
        if not found or found[0].position != behind + 1:
            raise ForkedError(
                f"{self.source}: 主题已到 {reaches}，来源没有 {behind + 1}", position=behind
            )
        measures.HOLES.add(len(found), {"source": self.source})
        return [Arrived(event, None, None) for event in found]

    async def wait(self, timeout_s: float) -> None:
        if not self._ahead:
            await self._listen(timeout_s)

    async def head(self) -> Head | None:
        """As the last tick told it; None while no tick comes. Raises: ForkedError.

        A tick that ends before what the topic had brought is a sleeper's, or the log was restored:
        the owner is asked which. So it is while nobody sends: a relay that met a restored log does
        not go on.
        """
        if self._tick is None or _now() - self._tick[1] > TOLD_WITHIN_S:
            await self._same_line()
            return None
        if self._doubted:
            return await self.owner.head()
        tick = self._tick[0]
        position, kept = self._read_to()
        if tick.position == position and kept is not None and tick.leaf != kept.hex():
            raise _forked(self.source, position, kept.hex(), tick.leaf)
        age = max(timedelta(), datetime.now(UTC) - tick.at)
        return Head(tick.store, tick.epoch, max(tick.position, self._highest), None, age)

    async def _same_line(self) -> None:
        """The owner must still have what was read last; one that does not answer is no fork.

        Raises: ForkedError.
        """
        position, kept = self._read_to()
        if kept is None:
            return
        try:
            ours = await self.owner.at(position)
        except (asyncpg.PostgresError, *UNKNOWN_OUTCOME) as error:
            if not unavailable(error):
                raise
            return
        if ours is None or leaf(ours) != kept:
            found = None if ours is None else leaf(ours).hex()
            raise _forked(self.source, position, kept.hex(), found)

    def _read_to(self) -> tuple[int, bytes | None]:
        """The last event that was read, and its leaf."""
        if self._page:
            return self._page[-1].position, leaf(self._page[-1].event)
        return self._at.position, self._at.leaf

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _listen(self, timeout_s: float) -> None:
        """Take what comes within a time; a broker that is away is silence, and lag shows it."""
        if len(self._ahead) >= HELD_AHEAD:
            return
        if (pause_s := self._again_at - _now()) > 0:
            await asyncio.sleep(min(timeout_s, pause_s))
            return
        try:
            consumer = await self._started()
            polled = await consumer.getmany(
                self._partition, timeout_ms=round(timeout_s * 1000), max_records=HELD_AHEAD
            )
        except OffsetOutOfRangeError:  # older than the topic keeps, or a topic made anew
            self._next = None
            await self.close()
        except (KafkaError, OSError) as error:
            log.warning("broker_unreachable", source=self.source, error=repr(error)[:200])
            self._again_at = _now() + PAUSE_S
            await self.close()
        else:
            for record in polled.get(self._partition, ()):
                self._next = record.offset + 1
                self._take(read_record(record))

    def _take(self, said: Arrived | Tick | None) -> None:
        match said:
            case Tick():
                if self._tick is None or said.token >= self._tick[0].token:
                    self._tick = said, _now()
                    self._sent = said.sent
                    self._doubted = said.position < self._highest
            case Arrived():
                self._ahead.append(said)
                self._highest = max(self._highest, said.position)
            case None:
                pass  # a type of a newer release, or not ours

    async def _started(self) -> Any:
        """The consumer, where the reader goes on. Raises: KafkaError, OSError."""
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="none",
                request_timeout_ms=REQUEST_MS,
            )
            await self._consumer.start()
            if self._partition.topic not in await self._consumer.topics():
                raise UnknownTopicOrPartitionError(self._partition.topic)
            self._consumer.assign([self._partition])
            if self._next is None:
                await self._consumer.seek_to_beginning(self._partition)
            else:
                self._consumer.seek(self._partition, self._next)
        return self._consumer


def _follows(source: str, arrived: Arrived, last: Recorded | None) -> None:
    """Raises: ForkedError when a record's event before is not the one that was read."""
    before = None if last is None else leaf(last)
    if arrived.previous != before:
        kept, found = (None if x is None else x.hex() for x in (before, arrived.previous))
        raise _forked(source, arrived.position - 1, kept, found)


def _forked(source: str, position: int, kept: str | None, found: str | None) -> ForkedError:
    return ForkedError(
        f"{source}: 位置 {position} 分叉：已读 {kept}，来源 {found}",
        position=position,
        kept=kept,
        found=found,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
