"""Households counted again: members listed are as many as the persons (H2)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from libs.events.contracts.households import HouseholdRegistered
from services.households.domain.counted import INVARIANTS
from tests.funds.test_books import RECORDED

(INVARIANT,) = INVARIANTS


def registered(persons: int, *members: int) -> HouseholdRegistered:
    return HouseholdRegistered(
        household=UUID(int=9),
        area=UUID(int=1),
        era="standing",
        register_type="registered_poor",
        persons=persons,
        members=tuple(UUID(int=one) for one in members),
        registered_on=date(2020, 3, 16),
        synthetic=True,
    )


@pytest.mark.parametrize("fact", [registered(3), registered(2, 11, 12), registered(0)])
def test_members_are_left_out_or_are_the_persons(fact: HouseholdRegistered) -> None:
    assert INVARIANT.step({}, RECORDED, fact) == ({}, None)


@pytest.mark.parametrize(
    ("fact", "members", "different"),
    [(registered(3, 11, 12), 2, 2), (registered(1, 11, 12), 2, 2), (registered(2, 11, 11), 2, 1)],
)
def test_members_that_are_not_the_persons_are_named(
    fact: HouseholdRegistered, members: int, different: int
) -> None:
    _, numbers = INVARIANT.step({}, RECORDED, fact)
    told = {"persons": fact.persons, "members": members, "different": different}
    assert numbers == {"household": str(fact.household), **told}
