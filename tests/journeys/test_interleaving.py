"""Sources in any order, events more than once, pages of any size: the tables are the same (X2)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.compare import digest
from libs.events.reader import Reading
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.test_j1_again import Delivered, forget_projections
from tests.reporting.planted import plant_all

EXAMPLES = 25


@dataclass(frozen=True)
class Planted:
    """Four logs of a few facts of every kind, and the tables that one reading of them gave."""

    installation: Installation
    tables: dict[str, dict[str, str]]


@pytest.fixture
async def planted(installation: Installation) -> Planted:
    await plant_all({service.name: await installation.log(service) for service in SERVICES})
    await installation.catch_up()
    tables = await digests(installation)
    assert sum(found != "[]" for of in tables.values() for found in of.values()) > 20
    return Planted(installation, tables)


async def digests(installation: Installation) -> dict[str, dict[str, str]]:
    """Every read table of every service."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(**installation.stores.admin(service.name))
        found[service.name] = await digest(connection)
        await connection.close()
    return found


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chance=st.randoms(use_true_random=False))
async def test_any_interleaving_with_repeats_gives_identical_tables(
    planted: Planted, chance: random.Random
) -> None:
    for service in SERVICES:
        await forget_projections(planted.installation, service.name)
    readings = await reading_all(planted.installation, chance)
    cursors = {reading: await reading.begin() for reading in readings}
    while cursors:
        reading = chance.choice(list(cursors))
        moved = await reading.step(cursors[reading])
        if moved == cursors.pop(reading):
            await reading.row.lease.release()
        else:
            cursors[reading] = moved
    for reading in readings:
        await reading.feed.close()  # type: ignore[attr-defined]  # those made above have it
    assert await digests(planted.installation) == planted.tables


async def reading_all(installation: Installation, chance: random.Random) -> list[Reading]:
    """Every reader of every service on a feed that repeats, in pages of two events and more."""
    readings = []
    for service in SERVICES:
        for reader in service.readers:
            reading = await installation.reading(service, reader)
            reading.feed = Delivered(reading.feed, chance, at_most=9)
            readings.append(reading)
    return readings
