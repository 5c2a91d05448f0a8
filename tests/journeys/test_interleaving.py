"""Sources in any order, events more than once, pages of any size: the tables are the same (X2)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.compare import digest, tables
from libs.events.feed import DirectFeed
from libs.events.reader import Reading
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.test_j1_again import Delivered
from tests.reporting.planted import SUMMER, plant_all, plant_merger

EXAMPLES = 12


@dataclass(frozen=True)
class Planted:
    """Four logs of a few facts of every kind, and the tables that one reading of them gave."""

    installation: Installation
    admins: dict[str, asyncpg.Connection]
    feeds: dict[str, DirectFeed]
    tables: dict[str, dict[str, str]]

    async def forget(self) -> None:
        """As before any event was read."""
        for admin in self.admins.values():
            names = [shape.place(None) for shape in await tables(admin)]
            await admin.execute(f"TRUNCATE {', '.join(names)}, es.cursors, es.leases")

    async def readings(self, chance: random.Random) -> list[Reading]:
        """Every reader of every service on a feed that repeats, in pages of two events and more."""
        found = []
        for service in SERVICES:
            for reader in service.readers:
                reading = await self.installation.reading(service, reader)
                reading.feed = Delivered(self.feeds[reader.source], chance, at_most=9)
                found.append(reading)
        return found


@pytest.fixture
async def planted(installation: Installation) -> AsyncIterator[Planted]:
    logs = {service.name: await installation.log(service) for service in SERVICES}
    await plant_all(logs)
    await plant_merger(logs["households"], SUMMER)
    await installation.catch_up()
    names = [service.name for service in SERVICES]
    admins = {name: await asyncpg.connect(**installation.stores.admin(name)) for name in names}
    first = await digests(admins)
    assert sum(found != "[]" for of in first.values() for found in of.values()) > 20
    yield Planted(installation, admins, {name: installation.feed(name) for name in names}, first)
    for admin in admins.values():
        await admin.close()


async def digests(admins: dict[str, asyncpg.Connection]) -> dict[str, dict[str, str]]:
    """Every read table of every service."""
    return {name: await digest(admin) for name, admin in admins.items()}


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_any_interleaving_with_repeats_gives_identical_tables(
    planted: Planted, seed: int
) -> None:
    chance = random.Random(seed)
    await planted.forget()
    cursors = {r: await r.begin() for r in await planted.readings(chance)}
    while cursors:
        reading = chance.choice(list(cursors))
        moved = await reading.step(cursors[reading])
        if moved == cursors.pop(reading):
            await reading.row.lease.release()
        else:
            cursors[reading] = moved
    assert await digests(planted.admins) == planted.tables
