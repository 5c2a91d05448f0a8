"""J1 again: a second load, rebuilt read tables, repeats in any order; nothing changes (X1, X2)."""

from __future__ import annotations

import random

import asyncpg

from libs.chassis.loader import Load
from libs.events.cursor import Cursor
from libs.events.feed import Feed
from libs.events.types import Head, Recorded
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.conftest import Reproduced
from tests.journeys.loaded import (
    asked,
    digests,
    load,
    served,
)


async def test_a_second_load_gets_every_first_answer_again(
    kept: Installation, reproduced: Reproduced
) -> None:
    again, statement = await load(reproduced.case, kept)
    assert (again.requests, again.replays, again.events) == (
        reproduced.case.requests,
        reproduced.case.requests,
        0,
    )
    assert again.answers == reproduced.answers
    assert statement["lines"] == reproduced.statement["lines"]
    assert await digests(kept) == reproduced.digests


async def test_rebuilt_projections_give_identical_figures(
    copied: Installation, reproduced: Reproduced
) -> None:
    """X1: every read table and cursor of all services dropped, every event applied again."""
    for service in SERVICES:
        await forget_projections(copied, service.name)
    async with served(copied) as door:
        again = Load(reproduced.case, door, answers=reproduced.answers)
        again.heads = await door.heads()
        assert await again.statement() == reproduced.statement
        checks = await asked(door, "reporting/balances/check")
    assert [checks.pop(name)["breaches"] for name in list(checks) if name != "applied"] == [[]] * 3


async def forget_projections(installation: Installation, service: str) -> None:
    admin = await asyncpg.connect(**installation.admin(installation.stores.prefix + service))
    tables = await admin.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('view', 'known')"
    )
    assert tables
    for name in [*(row["name"] for row in tables), "es.cursors", "es.leases"]:
        await admin.execute(f"TRUNCATE {name}")
    await admin.close()


class Delivered:
    """A feed that gives every event twice or more, and the sources in no order: what a broker may
    do. Pages begin anywhere at or before what was asked for, and overlap."""

    def __init__(self, feed: Feed, chance: random.Random, at_most: int = 400) -> None:
        self._feed, self._chance, self.source = feed, chance, feed.source
        self._at_most = at_most
        self.repeated = 0

    async def resume(self, cursor: Cursor) -> None:
        await self._feed.resume(cursor)

    def offset_of(self, position: int) -> int | None:
        return self._feed.offset_of(position)

    async def read(self, after: int, limit: int) -> list[Recorded]:
        page = await self._feed.read(after, min(limit, self._chance.randint(2, self._at_most)))
        again = [event for event in page for _ in range(self._chance.randint(1, 2))]
        self.repeated += len(again) - len(page)
        return again

    async def wait(self, timeout_s: float) -> None:
        await self._feed.wait(timeout_s)

    async def head(self) -> Head | None:
        return await self._feed.head()


async def test_repeats_and_any_order_of_sources_change_nothing(
    copied: Installation, reproduced: Reproduced
) -> None:
    """X2: every message delivered more than once, sources interleaved at random: same figures."""
    seed = 20201231
    chance = random.Random(seed)
    for service in SERVICES:
        await forget_projections(copied, service.name)
    readings = [
        await copied.reading(service, reader)
        for service in SERVICES
        for reader in service.every_reader
    ]
    feeds = [Delivered(reading.feed, chance) for reading in readings]
    cursors = {reading: await reading.begin() for reading in readings}
    for reading, feed in zip(readings, feeds, strict=True):
        reading.feed = feed
    while cursors:
        reading = chance.choice(list(cursors))
        moved = await reading.step(cursors[reading])
        if moved == cursors.pop(reading):
            await reading.row.lease.release()
        else:
            cursors[reading] = moved
    assert sum(feed.repeated for feed in feeds) > 1000, seed
    async with served(copied) as door:
        again = Load(reproduced.case, door, answers=reproduced.answers)
        again.heads = await door.heads()
        assert await again.statement() == reproduced.statement
        checks = await asked(door, "reporting/balances/check")
    assert [checks.pop(name)["breaches"] for name in list(checks) if name != "applied"] == [[]] * 3
