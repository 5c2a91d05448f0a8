"""A tree whose broker is its own master, and what is seen of it from outside while it is hurt."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from libs.chassis import broker
from libs.chassis.stores import Stores
from libs.events.topic import PARTITION, Arrived, read_record
from services.__main__ import SERVICES
from tests.conftest import Templates
from tests.journeys.load import Load, prepared
from tests.journeys.loaded import MIGRATED, copy
from tests.journeys.settled import Cursors, asked, settled, tables_are_fresh
from tests.journeys.tree import Tree, running


@dataclass
class Hurt:
    """A tree, the load on it, and a broker outside of it."""

    tree: Tree
    load: Load
    broker: broker.Broker

    def to_broker(self, number: int) -> None:
        os.kill(self.broker.pid, number)

    async def whole_again(self, templates: Templates, prefix: str) -> Cursors:
        """Nothing lost, nothing doubled, and every read table as one made anew."""
        found = await settled(self.load, relays=True)
        async with copy(templates, MIGRATED, prefix) as fresh:
            await tables_are_fresh(self.tree.stores, fresh)
        return found

    async def lag(self) -> list[dict[str, Any]]:
        """`lag --json`, row by row."""
        _, said = await self.tree.said("lag", "--json")
        rows: list[dict[str, Any]] = json.loads(said)
        return rows

    @property
    def relay_lines(self) -> int:
        """Lines in the log of the relay."""
        path = self.tree.settings.home / "logs" / "relay.log"
        return len(path.read_bytes().splitlines())

    @property
    def relay_mib(self) -> int:
        pages = Path(f"/proc/{self.tree.child('relay')}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") // 2**20


@asynccontextmanager
async def hurt(home: Path, *, callers: int, pause_s: float) -> AsyncIterator[Hurt]:
    """`home` is new and empty."""
    os.chmod(home, 0o711)  # noqa: S103 - the server runs as nobody and passes through
    os.mkdir(home / "tree")
    own = await broker.start(home / "kafka", settings=broker.QUICK, memory=broker.SMALL)
    async with own, running(home / "tree", broker=own.bootstrap) as tree:
        load = await prepared(tree, callers, pause_s)
        try:
            yield Hurt(tree, load, own)
        finally:
            load.close()
            with suppress(ProcessLookupError):
                os.kill(own.pid, signal.SIGCONT)
            tree.kill("relay", signal.SIGCONT)


@asynccontextmanager
async def loaded(load: Load) -> AsyncIterator[None]:
    """The callers at work for as long as the block runs."""
    stop = asyncio.Event()
    calling = asyncio.create_task(load.run(stop))
    try:
        yield
    finally:
        stop.set()
        await calling


async def holders(stores: Stores) -> dict[str, int]:
    """Token of the relay's lease of each service: it rises with each new holder."""
    found = {}
    for service in SERVICES:
        async with asked(stores.app(service.name)) as connection:
            found[service.name] = await connection.fetchval(
                "SELECT token FROM es.leases WHERE name = $1", f"relay:{service.name}"
            )
    return found


async def repeats_in(topic: str, bootstrap: str) -> tuple[int, int]:
    """(events, repeats) in a topic from its beginning, where each position must first come right
    behind the one before: what is sent again is lower, never ahead."""
    partition = TopicPartition(topic, PARTITION)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, (await consumer.beginning_offsets([partition]))[partition])
        last = repeats = 0
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(partition, timeout_ms=500)).get(partition, ()):
                match read_record(record):
                    case Arrived(event=event) if event.position > last:
                        assert event.position == last + 1, (topic, last, event.position)
                        last = event.position
                    case Arrived():
                        repeats += 1
        assert last > 0, f"nothing in {topic}"
        return last, repeats
    finally:
        await consumer.stop()
