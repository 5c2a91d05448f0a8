"""An older copy in the place of a store, under running consumers: each that had read on stops.

None goes on as if nothing had happened, with or without new events on the copy: its cursor row says
where and why, `status` is unhealthy and names it, figures say to where they are complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from libs.chassis.cli.status import UNHEALTHY, Health, measured, tell
from libs.chassis.feeds import open_feeds
from libs.chassis.migrate import Store
from libs.chassis.service import Service
from libs.chassis.worker import follow, open_readings, open_relays, sources_of
from libs.events.reader import Reading
from libs.events.relay import Relay
from libs.events.topic import Kafka
from services.__main__ import SERVICES
from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.conftest import Installation, Templates
from tests.journeys.loaded import asked, opened, served
from tests.journeys.settled import Cursors, caught_up, cursors, followers
from tests.journeys.test_faults import letter
from tests.registry import County, area, made, post, register_county
from tests.reporting.definitions import UNSPENT

WITHIN_S = 60
Who = tuple[str, str, str]
"""Service, reader, source."""


@asynccontextmanager
async def followed(installation: Installation, kafka: Kafka | None) -> AsyncIterator[None]:
    """Every reader of every service, and by topic every relay, as a worker runs them."""
    async with AsyncExitStack() as stack:
        stores, stop = installation.stores, asyncio.Event()
        owners = open_feeds(sources_of(SERVICES), stores, stack)
        runs: list[Reading | Relay] = [*await open_readings(SERVICES, stores, owners, stack, kafka)]
        if kafka is not None:
            runs += await open_relays(SERVICES, stores, owners, stack, kafka)
        following = asyncio.create_task(follow(runs, stop))
        try:
            yield
        finally:
            stop.set()
            await following


async def happened(installation: Installation, county: County, *numbers: int) -> None:
    """An area and a document by each number: an event in households and one in funds."""
    steward = await installation.client(households, "steward", subject="steward")
    clerk = await installation.client(funds, "clerk")
    for number in numbers:
        named = area(f"370112100{number:03}", f"村 {number}", "village", county.east)
        await made(steward, "/areas", named)
        await made(clerk, "/documents", letter(county, number))


async def declared(installation: Installation, county: County) -> None:
    clerk = await installation.client(reporting, "clerk")
    body = {"figure": "unspent", "title": "结余", "area": str(county.id), "definition": UNSPENT}
    assert (await post(clerk, "/figures", body)).status_code == 201


async def copied(installation: Installation, service: Service) -> str:
    """The store as a backup of this moment would be, as another database."""
    name = installation.stores.prefix + service.name
    async with shut(installation, name) as admin:
        await admin.execute(f'CREATE DATABASE "{name}_older" TEMPLATE "{name}"')
    return f"{name}_older"


async def put_in_place(installation: Installation, service: Service, older: str) -> None:
    name = installation.stores.prefix + service.name
    async with shut(installation, name) as admin:
        await admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_lost"')
        await admin.execute(f'ALTER DATABASE "{older}" RENAME TO "{name}"')
        app = Store.of(service.name).app
        await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{app}", feed')
        await admin.execute(f'DROP DATABASE "{name}_lost" WITH (FORCE)')


@asynccontextmanager
async def shut(installation: Installation, name: str) -> AsyncIterator[asyncpg.Connection]:
    """Nobody is in the database, and nobody gets in."""
    admin = await asyncpg.connect(**installation.admin("postgres"))
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    try:
        yield admin
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()


async def stopped(installation: Installation, expected: set[Who]) -> dict[Who, str]:
    """Who stopped and why, once all that should have done so did."""
    found: Cursors = {}
    async with asyncio.timeout(WITHIN_S):
        while not expected <= {who for who, row in found.items() if row["stopped"] is not None}:
            await asyncio.sleep(0.2)
            found = await cursors(installation.stores)
    await asyncio.sleep(2)  # nobody else may follow
    found = await cursors(installation.stores)
    return {who: row["stopped"] for who, row in found.items() if row["stopped"] is not None}


@pytest.mark.parametrize(
    ("restored", "more"), [(households, False), (funds, True)], ids=["left", "written_on"]
)
@pytest.mark.parametrize("by_topic", [False, True], ids=["direct", "kafka"])
async def test_an_older_copy_stops_every_consumer_that_had_read_further(
    installation: Installation,
    templates: Templates,
    kafka: Kafka,
    capsys: pytest.CaptureFixture[str],
    *,
    by_topic: bool,
    restored: Service,
    more: bool,
) -> None:
    topics = kafka if by_topic else None
    # A reader whose cursor comes back with the log fits it, unless it meets the log first.
    follow_it = {who for who in followers(relays=by_topic) if who[2] == restored.name}
    own = {who for who in follow_it if who[0] == restored.name and who[1] != "relay"}
    expected = follow_it - own
    county = await register_county(installation)
    async with followed(installation, topics):
        await caught_up(installation.stores, relays=by_topic)
        await declared(installation, county)
        await happened(installation, county, 11)
        older = await copied(installation, restored)
        await happened(installation, county, 12, 13)
        await caught_up(installation.stores, relays=by_topic)
        await put_in_place(installation, restored, older)
        if more:
            async with opened(templates, installation.stores.prefix) as anew:
                await happened(anew, county, 14, 15, 16, 17)
        found = await stopped(installation, expected)
    assert found.keys() - own == expected
    assert all("已读" in found[who] or "主题" in found[who] for who in expected)
    async with followed(installation, topics):  # a worker that is started again
        assert (await stopped(installation, expected)).keys() - own == expected
    assert tell(Health(await measured(installation.stores, SERVICES))) == UNHEALTHY
    told = capsys.readouterr().out
    assert all(f"{reader}:{source}" in told for _, reader, source in expected)
    async with served(installation) as door:
        figure = await asked(door, "reporting/figures/unspent/value")
    assert figure["complete_to"][restored.name]["stopped"] is not None
