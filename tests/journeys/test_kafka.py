"""The published case over Kafka: the same figures, heads and contents as over the direct feed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from libs.chassis.cases import Case, compare, read_case
from libs.chassis.cli.carried import carried
from libs.chassis.feeds import open_feeds
from libs.chassis.loader import Load
from libs.chassis.worker import open_readings, open_relays, sources_of
from libs.events.canonical import canonical, sha256
from libs.events.topic import Kafka
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.loaded import CASES, different, served

ORIGIN_OF_A_STORE = ("EpochOpened",)


@asynccontextmanager
async def by_kafka(installation: Installation, kafka: Kafka) -> AsyncIterator[None]:
    """The readers of all services by their topics, and the relays that fill them."""
    async with AsyncExitStack() as stack:
        stores = installation.stores
        owners = open_feeds(sources_of(SERVICES), stores, stack)
        runs: list[Any] = [*await open_readings(SERVICES, stores, owners, stack, kafka)]
        runs += await open_relays(SERVICES, stores, owners, stack, kafka)
        running = [asyncio.create_task(one.run()) for one in runs]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)


async def contents(installation: Installation) -> dict[str, tuple[int, str]]:
    """Head of each log, and a digest of what each of its streams says: types and payloads, but not
    up to where another log was known, which is a matter of milliseconds, nor in which order the
    chunks of a list arrived, which are sent together."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(**installation.stores.feed(service.name))
        rows = await connection.fetch("SELECT stream_id::text, type, payload::text FROM es.events")
        await connection.close()
        told = sorted(
            canonical([row["stream_id"], row["type"], _without_reliance(row["payload"])])
            for row in rows
            if row["type"] not in ORIGIN_OF_A_STORE
        )
        found[service.name] = len(rows), sha256(*told).hex()
    return found


def _without_reliance(payload: str) -> dict[str, Any]:
    fact: dict[str, Any] = json.loads(payload)
    fact.pop("relies_on", None)
    return fact


async def loaded(case: Case, installation: Installation, kafka: Kafka | None) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        if kafka is not None:
            await stack.enter_async_context(by_kafka(installation, kafka))
        door = await stack.enter_async_context(served(installation, readers=kafka is None))
        load = Load(case, door)
        await load.run()
        statement = await load.statement()
        if kafka is not None:
            read = await carried(installation.stores, SERVICES)
            assert {one.holes for one in read} == {0}
            assert sum(one.taken for one in read) == sum(one.position for one in read) > 100
    return statement


@pytest.mark.parametrize("name", ["004", "900"])
async def test_a_case_over_kafka_is_the_case_over_the_direct_feed(
    name: str, installation: Installation, empty: Installation, kafka: Kafka
) -> None:
    case = read_case(CASES / name)
    directly = await loaded(case, installation, None)
    by_topics = await loaded(case, empty, kafka)
    assert different(case, by_topics) == []
    assert compare(case, by_topics) == compare(case, directly)
    assert await contents(empty) == await contents(installation)
