"""A store, its relay and readers by its topic, each started when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from libs.events.kafka_feed import KafkaFeed
from libs.events.producing import producing
from libs.events.reader import Reading
from libs.events.relay import Relay
from libs.events.topic import PARTITION, Arrived, Headers, Kafka, Tick, read_record, tick_record
from tests.events.conftest import LogStore, NewStore
from tests.events.test_reader import Desk, close_all

SOURCE = "purses"
WITHIN_S = 20


@dataclass
class Source:
    """A log whose events go by a topic."""

    store: LogStore
    pool: asyncpg.Pool
    kafka: Kafka
    feeds: list[KafkaFeed] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return self.kafka.topic(SOURCE)

    @property
    def partition(self) -> TopicPartition:
        return TopicPartition(self.topic, PARTITION)

    def relay(self) -> Relay:
        return Relay(SOURCE, self.store.feed(), self.pool, self.kafka)

    def feed(self) -> KafkaFeed:
        feed = KafkaFeed(SOURCE, self.kafka, self.store.feed())
        self.feeds.append(feed)
        return feed

    async def cursor(self) -> asyncpg.Record:
        """The relay's own."""
        row = await self.pool.fetchrow("SELECT * FROM es.cursors WHERE reader = 'relay'")
        assert row is not None
        return row

    async def relayed(self) -> None:
        """Let a relay carry all there is now into the topic, and end it."""
        head = (await self.store.feed().head()).position
        async with at_work(self.relay()):
            await until(self.pool, "relay", head)

    async def write(self, value: bytes | None, headers: Headers) -> None:
        """A record by another hand than the relay's."""
        async with producing(self.kafka.bootstrap) as producer:
            batch = producer.create_batch()
            batch.append(timestamp=None, key=None, value=value, headers=headers)
            await (await producer.send_batch(batch, self.topic, partition=PARTITION))

    async def tick(self, tick: Tick) -> None:
        await self.write(*tick_record(tick))

    async def remove_all(self) -> None:
        """As retention does: the records go, their offsets do not come again."""
        async with administering(self.kafka) as admin:
            await admin.delete_records({self.partition: RecordsToDelete(await self.end())})

    async def delete_topic(self) -> None:
        async with administering(self.kafka) as admin:
            await admin.delete_topics([self.topic])

    async def records(self) -> list[Arrived | Tick | None]:
        """All that the topic holds, repeats included."""
        end, found = await self.end(), list[Arrived | Tick | None]()
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap)
        await consumer.start()
        try:
            consumer.assign([self.partition])
            consumer.seek(self.partition, 0)
            async with asyncio.timeout(WITHIN_S):
                while len(found) < end:
                    found.append(read_record(await consumer.getone(self.partition)))
        finally:
            await consumer.stop()
        return found

    async def end(self) -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([self.partition])
        finally:
            await consumer.stop()
        offset: int = ends[self.partition]
        return offset


@asynccontextmanager
async def administering(kafka: Kafka) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def sourced(store: LogStore, kafka: Kafka) -> AsyncIterator[Source]:
    async with asyncpg.create_pool(**store.address(), min_size=1, max_size=4) as pool:
        source = Source(store, pool, kafka)
        yield source
        for feed in source.feeds:
            await feed.close()


@asynccontextmanager
async def at_work(*runs: Relay | Reading) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Each in a task of its own, ended with the block."""
    tasks = [asyncio.create_task(one.run()) for one in runs]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(pool: asyncpg.Pool, reader: str, position: int) -> None:
    """The reader has come so far. Raises: TimeoutError, AssertionError with why it stopped."""
    row = None
    with suppress(TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            while row is None or row["position"] < position:
                row = await pool.fetchrow("SELECT * FROM es.cursors WHERE reader = $1", reader)
                await asyncio.sleep(0.02)
            return
    raise AssertionError(f"{reader} at {row}, not at {position}")


async def caught_up(desk: Desk, position: int) -> None:
    await until(desk.pool, "totals", position)


async def copied(store: LogStore, new_store: NewStore) -> LogStore:
    """As a backup of this moment would be."""
    await shut(store)
    copy = await new_store(store)
    await _allow(store, connections=True)
    return copy


async def shut(store: LogStore) -> None:
    """Nobody gets in, and who was in is out: a pool would be back at once."""
    await _allow(store, connections=False)
    await close_all(store)


async def _allow(store: LogStore, *, connections: bool) -> None:
    admin = await asyncpg.connect(**store.cluster.address("postgres"))
    await admin.execute(f'ALTER DATABASE "{store.database}" ALLOW_CONNECTIONS {connections}')
    await admin.close()
