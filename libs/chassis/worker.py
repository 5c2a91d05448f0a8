"""The worker: every reader of its services, in one task group, and a checker beside them.

A stopped feed is one reader's loud end: it says why in its cursor row and the others go on. Any
other failure ends the process, and whoever runs it starts it again: cursors hold what was done.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg
import structlog

from libs.events.codec import Contracts
from libs.events.contracts import BY_SERVICE
from libs.events.errors import FeedStoppedError
from libs.events.feed import DirectFeed
from libs.events.group_commit import Connect
from libs.events.log import keep_session
from libs.events.reader import Reading

from .checking import keep_checking
from .collector import quiet_gc
from .service import Service
from .stores import Stores, require_migrated

log = structlog.get_logger()


async def work(services: Sequence[Service], stores: Stores) -> None:
    """Run all readers until SIGTERM or SIGINT."""
    await require_migrated(stores, services)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        readings = await open_readings(services, stores, stack)
        await keep_checking(services, stores, stack)
        quiet_gc()
        log.info("worker_started", readers=[reading.reader.lease for reading in readings])
        await follow(readings, stop)
    log.info("worker_stopped")


async def follow(readings: Sequence[Reading], stop: asyncio.Event) -> None:
    """All readers until `stop`; a stopped feed ends its own, any other failure ends all."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_run(reading)) for reading in readings]
        await stop.wait()
        for task in running:
            task.cancel()


async def _run(reading: Reading) -> None:
    try:
        await reading.run()
    except FeedStoppedError:
        return  # written into the cursor row and logged; figures say `complete_to`


async def open_readings(
    services: Sequence[Service], stores: Stores, stack: AsyncExitStack
) -> list[Reading]:
    """One feed a source and one pool a service, shared by their readers."""
    feeds = open_feeds({s for service in services for s in service.sources}, stores, stack)
    readings = []
    for service in services:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                **stores.app(service.name),
                min_size=1,
                max_size=2,
                reset=keep_session,
                server_settings={"jit": "off"},
                command_timeout=60,
            )
        )
        for reader in service.readers:
            contracts: Contracts = BY_SERVICE[reader.source]
            readings.append(Reading(reader, feeds[reader.source], pool, contracts))
    return readings


def open_feeds(sources: set[str], stores: Stores, stack: AsyncExitStack) -> dict[str, DirectFeed]:
    """Direct feeds that close with the stack."""
    feeds = {}
    for source in sorted(sources):
        feeds[source] = DirectFeed(source, connector(stores, source))
        stack.push_async_callback(feeds[source].close)
    return feeds


def connector(stores: Stores, source: str) -> Connect:
    """How the feed role reaches a source's store."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            **stores.feed(source), timeout=10, command_timeout=60, server_settings={"jit": "off"}
        )

    return connect
