"""Rules of populations: one count of one population, place, project and day."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import PopulationCounted
from services.households.domain import population
from services.households.domain.population import (
    AlreadyCounted,
    Counting,
    CountPopulation,
    Population,
    populations,
)
from services.households.domain.tree import Area
from tests.spec import when

DAY = date(2020, 12, 31)
COUNT = CountPopulation(
    occurred_on=DAY, area=UUID(int=1), population="insured", households=814, quote="814 户"
)
COUNTED = PopulationCounted(
    area=UUID(int=1),
    population="insured",
    households=814,
    persons=None,
    counted_on=DAY,
    project=None,
    quote="814 户",
)


def test_a_population_is_counted_without_a_list() -> None:
    when(population.count, Counting(Population(), Area()), COUNT).then(COUNTED)


def test_a_second_count_of_the_same_key_is_refused() -> None:
    known = populations.over([COUNTED])
    when(population.count, Counting(known, Area()), COUNT).refused(
        AlreadyCounted, population="insured", counted_on="2020-12-31", households=814, persons=None
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"area": UUID(int=2)},
        {"population": "lifted"},
        {"project": UUID(int=3)},
        {"occurred_on": date(2021, 12, 31)},
    ],
)
def test_another_key_is_another_count(changed: dict[str, object]) -> None:
    assert COUNT.model_copy(update=changed).count() != COUNT.count()


def test_the_numbers_are_not_part_of_the_key() -> None:
    assert COUNT.model_copy(update={"households": 815, "persons": 1}).count() == COUNT.count()


def test_something_is_counted() -> None:
    with pytest.raises(ValidationError, match="户数与人数至少填一项"):
        CountPopulation(occurred_on=DAY, area=UUID(int=1), population="insured")
