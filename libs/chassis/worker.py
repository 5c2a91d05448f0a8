"""The worker: every reader, reactor and delivery of its services, in one task group.

A stopped feed is one reader's loud end: it says why in its cursor row and the others go on. Any
other failure ends the process, and whoever runs it starts it again: cursors hold what was done.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import asyncpg
import structlog

from libs.events.acting import Sources
from libs.events.codec import Contracts
from libs.events.contracts import BY_SERVICE
from libs.events.errors import FeedStoppedError
from libs.events.feed import DirectFeed
from libs.events.group_commit import Connect
from libs.events.log import keep_session, open_log
from libs.events.reactor import Reacting
from libs.events.reader import Reading

from .collector import quiet_gc
from .deliveries import Deliveries
from .service import Service
from .stores import Stores, require_migrated

log = structlog.get_logger()


async def work(services: Sequence[Service], stores: Stores, webhooks: Sequence[str] = ()) -> None:
    """Run all readers, reactors and deliveries until SIGTERM or SIGINT."""
    await require_migrated(stores, services)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        readings = await open_readings(services, stores, stack)
        effects = await open_effects(services, stores, stack, webhooks)
        quiet_gc()
        log.info("worker_started", readers=[reading.reader.lease for reading in readings])
        await follow([*readings, *effects], stop)
    log.info("worker_stopped")


class Runs(Protocol):
    """What works until it is cancelled."""

    async def run(self) -> None: ...


async def follow(readings: Sequence[Runs], stop: asyncio.Event) -> None:
    """All readers until `stop`; a stopped feed ends its own, any other failure ends all."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_run(reading)) for reading in readings]
        await stop.wait()
        for task in running:
            task.cancel()


async def _run(reading: Runs) -> None:
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
        for reader in service.every_reader:
            contracts: Contracts = BY_SERVICE[reader.source]
            readings.append(Reading(reader, feeds[reader.source], pool, contracts))
    return readings


async def open_effects(
    services: Sequence[Service], stores: Stores, stack: AsyncExitStack, webhooks: Sequence[str]
) -> list[Runs]:
    """The reactors of the services and their deliveries, each service over one log."""
    sources = {service.name for service in services}
    sources |= {reactor.source for service in services for reactor in service.reactors}
    feeds = open_feeds(sources, stores, stack)
    effects: list[Runs] = []
    for service in services:
        opened = open_log(service.name, stores.app(service.name), service.contracts)
        store = await stack.enter_async_context(opened)
        for reactor in service.reactors:
            feed, told = Sources.direct(feeds[reactor.source]), BY_SERVICE[reactor.source]
            effects.append(Reacting(reactor, feed, store, told, service.every_decider))
        own = Sources.direct(feeds[service.name])
        effects.append(Deliveries(own, store, service.contracts, webhooks))
    return effects


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
