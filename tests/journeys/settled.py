"""What must be so when a tree that was hurt has come to rest: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from libs.chassis.service import Service
from libs.chassis.stores import Stores
from libs.events.feed import DirectFeed
from libs.events.reader import Reading
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.load import Load

SETTLED_WITHIN_S = 180
Digest = tuple[int, str]
"""Rows of a table, and a sum of hashes that no order changes."""
Cursors = dict[tuple[str, str, str], asyncpg.Record]
"""By service, reader and source."""


@asynccontextmanager
async def asked(address: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**address)
    try:
        yield connection
    finally:
        await connection.close()


async def settled(load: Load, *, relays: bool) -> Cursors:
    """All of it: answers, log, cursors. Read tables are compared by `tables_are_fresh`."""
    await load.again()
    await one_effect_a_key(load)
    for service in SERVICES:
        await dense(load.tree.stores, service)
    return await caught_up(load.tree.stores, relays=relays)


async def one_effect_a_key(load: Load) -> None:
    """As many effects as accepted keys, each of one request."""
    effects = list[int]()
    for service, kind in (("funds", "FundAllocated"), ("households", "AreaRegistered")):
        async with asked(load.tree.stores.app(service)) as connection:
            rows = await connection.fetch(
                "SELECT count(*) AS n FROM es.events WHERE type = $1 GROUP BY metadata->>'request'",
                kind,
            )
            effects += [row["n"] for row in rows]
    assert set(effects) == {1}
    assert {status for status, _ in load.answers.values()} == {201}
    prepared_areas = 1
    assert len(effects) - prepared_areas == len(load.answers)


async def dense(stores: Stores, service: Service) -> None:
    """Positions and versions without a hole."""
    async with asked(stores.app(service.name)) as connection:
        row = await connection.fetchrow(
            "SELECT count(*) AS n, max(position) AS last FROM es.events"
        )
        torn = await connection.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM es.events GROUP BY stream_id"
            " HAVING count(*) <> max(version) OR count(DISTINCT version) <> count(*)) AS gaps"
        )
    assert row is not None
    assert row["n"] == row["last"]
    assert torn == 0


async def heads(stores: Stores) -> dict[str, int]:
    """Where each log ends."""
    found = {}
    for service in SERVICES:
        async with asked(stores.feed(service.name)) as connection:
            found[service.name] = await connection.fetchval("SELECT max(position) FROM es.events")
    return found


async def cursors(stores: Stores) -> Cursors:
    found = {}
    for service in SERVICES:
        async with asked(stores.app(service.name)) as connection:
            for row in await connection.fetch("SELECT * FROM es.cursors"):
                found[service.name, row["reader"], row["source"]] = row
    return found


def followers(*, relays: bool) -> set[tuple[str, str, str]]:
    """Whoever follows a log in an installation."""
    readers = {(s.name, reader.name, reader.source) for s in SERVICES for reader in s.every_reader}
    return readers | ({(s.name, "relay", s.name) for s in SERVICES} if relays else set())


async def caught_up(stores: Stores, *, relays: bool) -> Cursors:
    """Every reader of every service has applied all there is, and none says that it stopped."""
    ends = await heads(stores)
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            found = await cursors(stores)
            behind = [
                who
                for who in followers(relays=relays)
                if who not in found
                or found[who]["position"] < ends[who[2]]
                or found[who]["stopped"] is not None
            ]
            if not behind:
                return found
            await asyncio.sleep(0.2)


async def tables_are_fresh(stores: Stores, fresh: Installation) -> dict[str, Digest]:
    """Each read table of each service, against one made anew from the logs by direct feeds."""
    told: dict[str, Digest] = {}
    for service in SERVICES:
        await project_anew(stores, fresh, service)
        kept = await digests(stores.app(service.name))
        made = await digests(fresh.stores.app(service.name))
        assert kept == made, service.name
        told |= {f"{service.name}.{table}": digest for table, digest in kept.items()}
    return told


async def project_anew(stores: Stores, fresh: Installation, service: Service) -> None:
    pool = (await fresh.log(service)).pool
    by_name = {source.name: source for source in SERVICES}
    for reader in service.readers:

        async def connect(source: str = reader.source) -> asyncpg.Connection:
            return await asyncpg.connect(**stores.feed(source))

        feed = DirectFeed(reader.source, connect)
        reading = Reading(reader, feed, pool, by_name[reader.source].contracts)
        await reading.catch_up()
        await reading.row.lease.release()
        await feed.close()


async def digests(address: dict[str, Any]) -> dict[str, Digest]:
    """Of every table that readers write."""
    async with asked(address) as connection:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname IN ('view', 'known') ORDER BY 1"
        )
        assert tables
        return {row["name"]: await _digest(connection, row["name"]) for row in tables}


async def _digest(connection: asyncpg.Connection, table: str) -> Digest:
    hashed = "coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
    row = await connection.fetchrow(f"SELECT count(*) AS n, {hashed} AS h FROM {table} AS t")  # noqa: S608 - from the catalogue
    assert row is not None
    return row["n"], row["h"]
