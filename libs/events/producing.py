"""A producer for one writer of a topic, and the topic itself.

Idempotent, acknowledged by all in-sync replicas, no transactions: what an error leaves unknown is
sent again by a new producer, and readers drop repeats by position.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    ProducerClosed,
    TopicAlreadyExistsError,
    for_code,
)

from .errors import FeedStoppedError
from .topic import KEPT_DAYS, PARTITION, Arrived, Tick, read_record

LARGEST_BATCH = 900 * 1024
"""Bytes; a topic takes 1 MiB by default, counted with what the protocol adds."""
REQUEST_MS = 5_000
CLOSED_WITHIN_S = 2
LOOKED_BACK = 100
"""Records, for the last one that is an event or a tick."""
CONFIGURED = {
    "retention.ms": str(KEPT_DAYS * 24 * 3600 * 1000),
    "cleanup.policy": "delete",
    # Retention counts from the sending: a history of years would else be gone at once.
    "message.timestamp.type": "LogAppendTime",
}


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[Any]:
    """A started producer; what it still holds at the end is given up, not waited for."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        max_batch_size=LARGEST_BATCH,
        request_timeout_ms=REQUEST_MS,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await _close(producer)


async def _close(producer: Any) -> None:
    """stop() waits until all that is pending is written, for ever while the broker is away: then
    the pending is failed, or its waiter would keep it in memory."""
    try:
        await asyncio.wait_for(producer.stop(), CLOSED_WITHIN_S)
    except (TimeoutError, KafkaError):
        producer._message_accumulator.fail_all(ProducerClosed())
        with suppress(TimeoutError, asyncio.CancelledError, KafkaError):
            await asyncio.wait_for(producer._sender.close(), CLOSED_WITHIN_S)
        await producer.client.close()


async def made_topic(bootstrap: str, topic: str) -> None:
    """Make the topic unless it is there, on up to three brokers, two of which must have a record
    before it counts. Raises: FeedStoppedError if it has several partitions: that is no order."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    try:
        await admin.start()
        replicas = min(3, len((await admin.describe_cluster())["brokers"]))
        told = {**CONFIGURED, "min.insync.replicas": str(max(1, replicas - 1))}
        done = await admin.create_topics([NewTopic(topic, 1, replicas, topic_configs=told)])
        code = done.topic_errors[0][1]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(topic)
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if len(described["partitions"]) > 1:
        raise FeedStoppedError(f"{topic}: {len(described['partitions'])} 个分区，只能有 1 个")


async def last_record(bootstrap: str, topic: str) -> Arrived | Tick | None:
    """What the topic ends with, passing over what is not ours; None for an empty one."""
    partition = TopicPartition(topic, PARTITION)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, request_timeout_ms=REQUEST_MS
    )
    try:
        await consumer.start()
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        begin = (await consumer.beginning_offsets([partition]))[partition]
        if end == begin:
            return None
        consumer.seek(partition, max(begin, end - LOOKED_BACK))
        last = None
        async with asyncio.timeout(REQUEST_MS / 1000):
            while await consumer.position(partition) < end:
                polled = await consumer.getmany(partition, timeout_ms=REQUEST_MS // 10)
                for record in polled.get(partition, ()):
                    last = read_record(record) or last
        return last
    except TimeoutError as error:
        raise KafkaTimeoutError(topic) from error
    finally:
        await stop_consumer(consumer)


async def stop_consumer(consumer: Any) -> None:
    """The library's stop() ends in a CancelledError of its own making when a fetch waits for its
    broker: that would end whoever stops it, silently, and leave the connections open."""
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled() or stopping.exception() is not None:
        await consumer._client.close()
