"""How fast is the relay, beside a producer that sends the same bytes and does nothing else?

The limit: records made before the clock runs, the same keys, values and headers, in batches of the
same size, one after the other, by the same idempotent producer to the same broker. The relay reads
the log, computes the leaf of every event, builds the headers and moves its cursor beside.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from libs.chassis import broker
from libs.events.feed import DirectFeed
from libs.events.leaf import leaf
from libs.events.producing import made_topic, producing
from libs.events.relay import READER, Relay
from libs.events.topic import PARTITION, Headers, Kafka, event_record
from libs.events.types import Recorded

from .filled import fill
from .installation import Installation, installed, temporary_home
from .rounds import Goal, Round, interleaved, show

EVENTS = 60_000
ROUNDS = 4
SOURCE = "funds"
Record = tuple[bytes, bytes, Headers]
_numbers = itertools.count(1)


def fresh(bootstrap: str) -> Kafka:
    """Topics that no other round has written."""
    return Kafka(bootstrap, f"bench-{next(_numbers)}-")


def records(events: list[Recorded]) -> list[Record]:
    """All that a producer needs, made beforehand."""
    made, previous = [], None
    for event in events:
        made.append(event_record(SOURCE, event, previous))
        previous = leaf(event)
    return made


def bare(bootstrap: str, prepared: list[Record]) -> Round:
    """Records a second of batches given one after the other."""

    async def round_() -> float:
        topic = fresh(bootstrap).topic(SOURCE)
        await made_topic(bootstrap, topic)
        async with producing(bootstrap) as producer:
            began = time.perf_counter()
            await _send(producer, topic, prepared)
            return len(prepared) / (time.perf_counter() - began)

    return round_


async def _send(producer: Any, topic: str, prepared: list[Record]) -> None:
    given, batch = [], producer.create_batch()
    for key, value, told in prepared:
        if batch.append(timestamp=None, key=key, value=value, headers=told) is None:
            given.append(await producer.send_batch(batch, topic, partition=PARTITION))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=told)
    given.append(await producer.send_batch(batch, topic, partition=PARTITION))
    await asyncio.gather(*given)


def relayed(installation: Installation, bootstrap: str, pool: asyncpg.Pool, head: int) -> Round:
    """Events a second from the first acknowledgement to the last."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(**installation.stores.feed(SOURCE))

    async def round_() -> float:
        kafka = fresh(bootstrap)
        await made_topic(bootstrap, kafka.topic(SOURCE))
        await _forget(installation)
        feed = DirectFeed(SOURCE, connect)
        relay = Relay(SOURCE, feed, pool, kafka)
        running = asyncio.create_task(relay.run())
        try:
            began, first = await _reached(pool, 1)
            ended, last = await _reached(pool, head)
        finally:
            running.cancel()
            await asyncio.wait([running])
            await feed.close()
        return (last - first) / (ended - began)

    return round_


async def _reached(pool: asyncpg.Pool, position: int) -> tuple[float, int]:
    """When the relay's cursor stands there, or further, and where."""
    at = f"SELECT position FROM es.cursors WHERE reader = '{READER}' AND source = '{SOURCE}'"  # noqa: S608 - constants
    while (found := await pool.fetchval(at) or 0) < position:  # noqa: ASYNC110 - in the database
        await asyncio.sleep(0.002)
    return time.perf_counter(), found


async def _forget(installation: Installation) -> None:
    admin = await asyncpg.connect(**installation.cluster.address(f"suyuan_{SOURCE}"))
    await admin.execute("DELETE FROM es.cursors WHERE reader = $1", READER)
    await admin.execute("DELETE FROM es.leases")
    await admin.close()


@asynccontextmanager
async def brokered() -> AsyncIterator[str]:
    """A broker with the memory that ships."""
    with temporary_home() as home:
        async with await broker.start(home / "kafka") as started:
            yield started.bootstrap


async def measure() -> list[Goal]:
    async with installed() as installation, brokered() as bootstrap:
        head = await fill(installation, EVENTS)
        address = installation.stores.app(SOURCE)
        async with asyncpg.create_pool(**address, min_size=1, max_size=2) as pool:
            feed = DirectFeed(SOURCE, lambda: asyncpg.connect(**installation.stores.feed(SOURCE)))
            prepared = records(await feed.read(0, head))
            await feed.close()
            variants = {
                "bare send_batch": bare(bootstrap, prepared),
                "relay": relayed(installation, bootstrap, pool, head),
            }
            found = await interleaved(variants, ROUNDS)
    size = sum(len(value) for _, value, _ in prepared) // len(prepared)
    show(f"relay of {head} events of {size} bytes", found, "events/s")
    return [Goal("relay / bare send_batch", found["relay"].per(found["bare send_batch"]), 0.35)]
