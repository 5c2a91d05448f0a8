"""The copy of areas in a service: where each stands today, stood on a day, who answers for it."""

from __future__ import annotations

from datetime import date

from libs.events.decider import Facts
from libs.events.known import NOWHERE, Known, below, path_of, within
from libs.events.log import Log
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.reporting.planted import (
    COUNTY,
    NEW_TOWN,
    OTHER,
    PROVINCE,
    SUMMER,
    TOWN,
    VILLAGE,
    plant_areas,
    plant_merger,
)

OLD, NEW = (PROVINCE, COUNTY, TOWN, VILLAGE), (PROVINCE, COUNTY, NEW_TOWN, VILLAGE)
FUTURE = date(2999, 1, 1)


async def copied(installation: Installation, since: date) -> Log:
    """Funds, which knows of a township and its merger into another."""
    log = await installation.log(households)
    await plant_areas(log)
    await plant_merger(log, since)
    await installation.catch_up(funds)
    return await installation.log(funds)


async def test_an_area_stands_where_it_moved_and_stood_where_it_was(
    installation: Installation,
) -> None:
    known = (await copied(installation, SUMMER)).known
    assert await known.path(VILLAGE) == NEW
    place = await known.place(VILLAGE)
    assert (place.on(date(2020, 6, 30)), place.on(SUMMER), place.on(FUTURE)) == (OLD, NEW, NEW)
    assert [await known.ended(area) for area in (TOWN, VILLAGE)] == [SUMMER, None]
    assert [await known.home(area) for area in (TOWN, VILLAGE)] == [NEW_TOWN, VILLAGE]


async def test_what_is_yet_to_come_is_known_and_moves_nothing(installation: Installation) -> None:
    log = await copied(installation, FUTURE)
    assert await log.known.path(VILLAGE) == OLD
    assert await log.known.ended(TOWN) == FUTURE
    assert await log.known.home(TOWN) == TOWN
    rows = await log.pool.fetch(below("$1"), NEW_TOWN)
    assert [row["id"] for row in rows] == [NEW_TOWN]


async def test_facts_say_where_their_area_stood_on_the_day_that_counts(
    installation: Installation,
) -> None:
    known = (await copied(installation, SUMMER)).known
    facts = Facts(path=await known.path(VILLAGE))
    before = await known.dated(facts, date(2020, 3, 16))
    assert (before.path, before.then, before.path_then) == (NEW, OLD, OLD)
    assert await known.dated(facts, SUMMER) == facts
    assert facts.path_then == NEW
    unmoved = Facts(path=await known.path(OTHER))
    assert await known.dated(unmoved, date(1990, 1, 1)) == unmoved
    assert await known.dated(Facts(path=()), SUMMER) == Facts(path=())
    assert await known.place(NEW_TOWN) != NOWHERE


async def test_lists_and_single_questions_agree_for_every_area(installation: Installation) -> None:
    """`below` and `path_of` are one tree; of an ended area `within` adds what lay there."""
    log = await copied(installation, SUMMER)
    every = [row["id"] for row in await log.pool.fetch("SELECT id FROM known.areas")]
    for scope in every:
        listed = {row[0] for row in await log.pool.fetch(below("$1"), scope)}
        single = {
            area
            for area in every
            if scope in await log.pool.fetchval(f"SELECT {path_of('$1::uuid')}", area)
        }
        assert listed == single
    assert {row[0] for row in await log.pool.fetch(below("$1"), TOWN)} == {TOWN}
    assert {row[0] for row in await log.pool.fetch(within("$1"), TOWN)} == {TOWN, VILLAGE}


async def test_an_area_that_nothing_is_known_of_is_nowhere(installation: Installation) -> None:
    known: Known = (await installation.log(funds)).known
    assert await known.place(TOWN) == NOWHERE
    assert await known.path(TOWN) == ()
