"""Households counted again: members listed are as many as the persons (H2)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from libs.events.contracts.changes import Change
from libs.events.contracts.households import HouseholdRegistered, MemberChanged
from libs.events.contracts.registers import HouseholdCorrected
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


def after_a_death(persons: int, *members: int) -> MemberChanged:
    return MemberChanged(
        household=UUID(int=9),
        area=UUID(int=1),
        change="death",
        person=UUID(int=13),
        relation=None,
        members=tuple(UUID(int=one) for one in members),
        persons=persons,
        era="standing",
        register_type="registered_poor",
        registered_on=date(2020, 3, 16),
        synthetic=True,
        changed_on=date(2021, 6, 1),
    )


def corrected(persons: int) -> HouseholdCorrected:
    return HouseholdCorrected(
        household=UUID(int=9),
        area=UUID(int=1),
        era="standing",
        register_type="registered_poor",
        persons=persons,
        registered_on=date(2020, 3, 16),
        synthetic=True,
        changes=(Change(field="persons", was=2, now=persons),),
        reason="测试",
        evidence=None,
    )


@pytest.mark.parametrize("fact", [registered(3), registered(0), registered(2, 11, 12)])
def test_members_are_left_out_or_are_the_persons(fact: HouseholdRegistered) -> None:
    state, numbers = INVARIANT.step({}, RECORDED, fact)
    assert numbers is None
    assert state == ({"listed": 2} if fact.members else {})


@pytest.mark.parametrize(
    ("fact", "members", "different"),
    [
        (registered(3, 11, 12), 2, 2),
        (registered(1, 11, 12), 2, 2),
        (registered(2, 11, 11), 2, 1),
        (after_a_death(2, 11), 1, 1),
        (after_a_death(1), 0, 0),
    ],
)
def test_members_that_are_not_the_persons_are_named(
    fact: HouseholdRegistered | MemberChanged, members: int, different: int
) -> None:
    _, numbers = INVARIANT.step({}, RECORDED, fact)
    told = {"persons": fact.persons, "members": members, "different": different}
    assert numbers == {"household": str(fact.household), **told}


def test_a_correction_must_say_what_the_members_before_it_say() -> None:
    state, _ = INVARIANT.step({}, RECORDED, registered(2, 11, 12))
    state, _ = INVARIANT.step(state, RECORDED, after_a_death(1, 11))
    assert INVARIANT.step(state, RECORDED, corrected(1))[1] is None
    _, numbers = INVARIANT.step(state, RECORDED, corrected(2))
    assert numbers is not None
    assert (numbers["persons"], numbers["members"]) == (2, 1)
    assert INVARIANT.step({}, RECORDED, corrected(7))[1] is None  # nobody was ever listed
