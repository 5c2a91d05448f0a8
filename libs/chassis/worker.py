"""The worker: every reader, reactor and delivery of its services, in one task group, and a checker
beside them; in Kafka mode the relays too.

A stopped feed is one reader's loud end: it says why in its cursor row and the others go on. Any
other failure ends the process, and whoever runs it starts it again: cursors hold what was done.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import asyncpg
import structlog

from libs.events.acting import Acting
from libs.events.contracts import BY_SERVICE
from libs.events.ending import end
from libs.events.errors import FeedStoppedError
from libs.events.feed import Feed
from libs.events.kafka_feed import KafkaFeed
from libs.events.log import keep_session
from libs.events.reader import Reading
from libs.events.relay import Relay
from libs.events.scheduler import Scheduling
from libs.events.topic import Kafka

from .checking import keep_checking
from .collector import quiet_gc
from .deliveries import Deliveries
from .effects import Effects, Folder, open_effects
from .errands import Errands
from .feeds import Owners, open_feeds
from .imports.jobs import Jobs
from .observe import beside, keep_looking, look_at_pools
from .service import Service
from .stores import Stores, require_migrated
from .telemetry import exported
from .watchdog import watch_loop

log = structlog.get_logger()


Runs = Reading | Relay | Effects


async def work(
    services: Sequence[Service],
    stores: Stores,
    kafka: Kafka | None,
    webhooks: Sequence[str] = (),
    *,
    vault: Path,
    files: Folder,
    errands: Errands | None,
    relay: bool,
    otlp: str | None = None,
) -> None:
    """Run all of them until SIGTERM or SIGINT, with `relay` the relays of the services too.
    `webhooks`: addresses that may be told; `vault`, `files`: their folders; `errands`: how one
    service asks another; `otlp`: the collector that is told how it goes."""
    await require_migrated(stores, services)
    stop = stopped_by_signal()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(exported("work", otlp, stores, services))
        owners = open_feeds(sources_of(services), stores, stack)
        runs: list[Runs] = [*await open_readings(services, stores, owners, stack, kafka)]
        if kafka is not None and relay:
            runs += await open_relays(services, stores, owners, stack, kafka)
        runs += await open_effects(
            services,
            stores,
            owners,
            stack,
            kafka,
            listed=webhooks,
            vault=vault,
            files=files,
            errands=errands,
        )
        await keep_checking(services, stores, stack)
        await _until(stop, runs)
    log.info("worker_stopped")


async def relay(
    services: Sequence[Service], stores: Stores, kafka: Kafka, *, otlp: str | None = None
) -> None:
    """Run the relays alone until SIGTERM or SIGINT."""
    await require_migrated(stores, services)
    stop = stopped_by_signal()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(exported("relay", otlp, stores, services))
        owners = open_feeds({service.name for service in services}, stores, stack)
        await _until(stop, await open_relays(services, stores, owners, stack, kafka))
    log.info("worker_stopped")


def stopped_by_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _until(stop: asyncio.Event, runs: Sequence[Runs]) -> None:
    quiet_gc()
    log.info("worker_started", runs=[_named(one) for one in runs])
    pools = {one.pool: _whose(one) for one in runs}
    async with beside(watch_loop()), beside(keep_looking(partial(look_at_pools, pools))):
        await follow(runs, stop)


def _named(one: Runs) -> str:
    match one:
        case Deliveries():
            return f"deliveries:{one.store.service}"
        case Jobs():
            return f"jobs:{one.store.service}"
        case Scheduling():
            return f"deadlines:{one.store.service}"
        case _:
            return one.row.lease.name


def _whose(one: Runs) -> str:
    """Whose connections they are, for the measures."""
    match one:
        case Relay():
            return f"relay {one.source}"
        case Deliveries() | Acting() | Jobs() | Scheduling():
            return f"effects {one.store.service}"
        case Reading():
            return one.service


async def follow(runs: Sequence[Runs], stop: asyncio.Event) -> None:
    """All of them until `stop`; a stopped feed ends its own, any other failure ends all."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_run(one)) for one in runs]
        try:
            await stop.wait()
        finally:
            await end(*running)


async def _run(one: Runs) -> None:
    try:
        await one.run()
    except FeedStoppedError:
        return  # written into the cursor row and logged; figures say `complete_to`


def sources_of(services: Sequence[Service]) -> set[str]:
    """The services whose logs they read, their own among them."""
    of_reactors = {reactor.source for service in services for reactor in service.every_reactor}
    own = {service.name for service in services}
    return own | of_reactors | {source for service in services for source in service.sources}


async def open_readings(
    services: Sequence[Service],
    stores: Stores,
    owners: Owners,
    stack: AsyncExitStack,
    kafka: Kafka | None = None,
) -> list[Reading]:
    """One pool a service, shared by its readers. With Kafka a reader of another service has a feed
    of its own by the topic."""
    readings = []
    for service in services:
        pool = await _pool(service, stores, stack)
        for reader in service.every_reader:
            feed: Feed = owners[reader.source]
            if kafka is not None and reader.source != service.name:
                feed = by_topic = KafkaFeed(reader.source, kafka, owners[reader.source])
                stack.push_async_callback(by_topic.close)
            contracts = BY_SERVICE[reader.source]
            readings.append(Reading(reader, feed, pool, contracts, service=service.name))
    return readings


async def open_relays(
    services: Sequence[Service],
    stores: Stores,
    owners: Owners,
    stack: AsyncExitStack,
    kafka: Kafka,
) -> list[Relay]:
    """One relay a service, from its own log into its topic."""
    return [
        Relay(service.name, owners[service.name], await _pool(service, stores, stack), kafka)
        for service in services
    ]


async def _pool(service: Service, stores: Stores, stack: AsyncExitStack) -> asyncpg.Pool:
    return await stack.enter_async_context(
        asyncpg.create_pool(
            **stores.app(service.name),
            min_size=1,
            max_size=2,
            reset=keep_session,
            server_settings={"jit": "off"},
            command_timeout=60,
        )
    )
