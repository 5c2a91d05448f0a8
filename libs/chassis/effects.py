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
from libs.events.log import open_log
from libs.events.reactor import Reacting
from libs.events.scheduler import Scheduling
from libs.events.topic import Kafka

from .deliveries import Deliveries
from .erasing import Erasing
from .errands import Errands
from .feeds import Owners
from .files.store import FileStore, open_store
from .imports.jobs import Jobs
from .service import Service
from .stores import Stores
from .vault.vault import Vault, open_vault

CONNECTIONS = 2
"""Of a service's effects together, to its own store: none holds one while it asks for another."""
Effects = Reacting | Deliveries | Erasing | Jobs | Scheduling


class Folder(NamedTuple):
    """Of the files, and the key file that wraps their keys."""

    path: Path
    key_file: Path


async def open_effects(
    services: Sequence[Service],
    stores: Stores,
    owners: Owners,
    stack: AsyncExitStack,
    kafka: Kafka | None,
    *,
    listed: Sequence[str],
    vault: Path,
    files: Folder,
    errands: Errands | None,
) -> list[Effects]:
    """Those of each service over one log of its own. `listed`: addresses that webhooks may tell;
    `vault`: the folder of the master key and the tombstones; `files`: where uploads are kept;
    `errands`: how one service asks another."""
    effects: list[Effects] = []
    for service in services:
        address = stores.app(service.name)
        opened = open_log(service.name, address, service.contracts, readers=CONNECTIONS)
        store = await stack.enter_async_context(opened)
        keys = await _vault(service, stores, stack, vault)
        for reactor in service.every_reactor:
            followed = Sources.direct(owners[reactor.source])
            if kafka is not None and reactor.source != service.name:
                feed = KafkaFeed(reactor.source, kafka, owners[reactor.source])
                stack.push_async_callback(feed.close)
                followed = Sources(feed, owners[reactor.source])
            told = BY_SERVICE[reactor.source]
            effects.append(Reacting(reactor, followed, store, told, service.every_decider))
        own = Sources.direct(owners[service.name])
        effects.append(Deliveries(own, store, service.contracts, listed))
        if service.importers:
            kept = await _files(service, stack, files)
            effects.append(Jobs(service.importers, store, kept, keys, errands))
        effects.append(Scheduling(store, service.every_deadline, service.every_decider))
        if keys is not None:
            effects.append(Erasing(own, store, service.contracts, keys.store, vault))
    return effects


async def _vault(
    service: Service, stores: Stores, stack: AsyncExitStack, folder: Path
) -> Vault | None:
    if not service.vault:
        return None
    return await stack.enter_async_context(open_vault(stores.keys(), folder))


async def _files(service: Service, stack: AsyncExitStack, files: Folder) -> FileStore:
    kept = await asyncio.to_thread(open_store, files.path, service.name, files.key_file)
    stack.callback(kept.close)
    return kept
