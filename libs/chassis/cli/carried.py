"""What Kafka carried: the broker as the protocol tells it, and what came to each reader."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from libs.chassis.service import Service
from libs.chassis.stores import Stores
from libs.events.cluster import described, features

WITHIN_S = 60


@dataclass(frozen=True)
class Carried:
    """One reader of another service's log: applied up to `position`, `taken` of it by the topic."""

    service: str
    source: str
    position: int
    taken: int

    @property
    def holes(self) -> int:
        return self.position - self.taken


async def print_carried(bootstrap: str, stores: Stores, services: Sequence[Service]) -> bool:
    """Wait until the readers stand at the heads, then print; True when all came by Kafka."""
    cluster, levels = await described(bootstrap), await features(bootstrap)
    if cluster is None:
        raise TimeoutError(bootstrap)
    ids = ", ".join(str(broker["node_id"]) for broker in cluster["brokers"])
    release = f"metadata.version {levels['metadata.version']}"
    print(f"\nKafka: broker {ids} at {bootstrap}, cluster {cluster['cluster_id']}, {release}")
    found = await carried(stores, services)
    for one in found:
        told = f"{one.source + ' → ' + one.service:<24} events {one.position:>6}"
        print(f"  {told}  records taken {one.taken:>6}  holes read {one.holes}")
    events, taken = sum(one.position for one in found), sum(one.taken for one in found)
    print(f"  records taken from the broker {taken} = events {events}, holes read {events - taken}")
    return taken == events


async def carried(stores: Stores, services: Sequence[Service]) -> list[Carried]:
    """Every reader of another service, once it stands at the head. Raises: TimeoutError."""
    heads = {service.name: await _head(stores, service.name) for service in services}
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = [one for service in services for one in await _of(stores, service)]
            if found and all(one.position == heads[one.source] for one in found):
                return found
            await asyncio.sleep(0.2)


async def _head(stores: Stores, service: str) -> int:
    connection = await asyncpg.connect(**stores.feed(service))
    try:
        head: int = await connection.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
        return head
    finally:
        await connection.close()


async def _of(stores: Stores, service: Service) -> list[Carried]:
    """Of the readers that follow another service."""
    connection = await asyncpg.connect(**stores.app(service.name))
    try:
        rows = await connection.fetch("SELECT reader, source, position, taken FROM es.cursors")
    finally:
        await connection.close()
    readers = {(reader.name, reader.source) for reader in service.readers}
    return [
        Carried(service.name, row["source"], row["position"], row["taken"])
        for row in sorted(rows)
        if row["source"] != service.name and (row["reader"], row["source"]) in readers
    ]
