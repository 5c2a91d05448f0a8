"""The reactors of the services, their deliveries, erasure, deadlines: what has an effect that is no
row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from libs.events.acting import Sources
from libs.events.contracts import BY_SERVICE
from libs.events.kafka_feed import KafkaFeed
from libs.events.log import Log, open_log
from libs.events.reactor import Reacting
from libs.events.scheduler import Scheduling
from libs.events.topic import Kafka

from .deliveries import Deliveries
from .erasing import Erasing
from .feeds import open_feeds
from .files.store import open_store as open_files
from .imports.jobs import Jobs
from .service import Service
from .stores import Stores
from .vault.store import open_store
from .vault.vault import open_vault

Effects = Reacting | Deliveries | Erasing | Jobs | Scheduling


class Folder(NamedTuple):
    """Of the files, and the key file that wraps their keys."""

    path: Path
    key_file: Path


async def open_effects(
    services: Sequence[Service],
    stores: Stores,
    stack: AsyncExitStack,
    kafka: Kafka | None,
    webhooks: Sequence[str],
    *,
    vault: Path,
    files: Folder,
) -> list[Effects]:
    """Those of each service over one log of its own. `webhooks`: addresses that may be told;
    `vault`: the folder of the master key and the tombstones; `files`: where uploads are kept."""
    sources = {service.name for service in services}
    sources |= {reactor.source for service in services for reactor in service.every_reactor}
    owners = open_feeds(sources, stores, stack)
    effects: list[Effects] = []
    for service in services:
        opened = open_log(service.name, stores.app(service.name), service.contracts)
        store = await stack.enter_async_context(opened)
        for reactor in service.every_reactor:
            followed = Sources.direct(owners[reactor.source])
            if kafka is not None and reactor.source != service.name:
                feed = KafkaFeed(reactor.source, kafka, owners[reactor.source])
                stack.push_async_callback(feed.close)
                followed = Sources(feed, owners[reactor.source])
            told = BY_SERVICE[reactor.source]
            effects.append(Reacting(reactor, followed, store, told, service.every_decider))
        own = Sources.direct(owners[service.name])
        effects.append(Deliveries(own, store, service.contracts, webhooks))
        if service.importers:
            effects.append(await _jobs(service, stores, store, stack, vault=vault, files=files))
        effects.append(Scheduling(store, service.every_deadline, service.every_decider))
        if service.vault:
            keys = await stack.enter_async_context(open_store(stores.keys()))
            effects.append(Erasing(own, store, service.contracts, keys, vault))
    return effects


async def _jobs(
    service: Service,
    stores: Stores,
    store: Log,
    stack: AsyncExitStack,
    *,
    vault: Path,
    files: Folder,
) -> Jobs:
    kept = await asyncio.to_thread(open_files, files.path, service.name, files.key_file)
    stack.callback(kept.close)
    opened = None
    if service.vault:
        opened = await stack.enter_async_context(open_vault(stores.keys(), vault))
    return Jobs(service.importers, store, kept, opened)
