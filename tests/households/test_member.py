"""Rules of members: who comes, who leaves, who lives apart from now on; 人 are the members."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import HouseholdRegistered, MemberChanged
from services.households.domain import member
from services.households.domain.household import Household, HouseholdNotRegistered, evolve
from services.households.domain.household_row import household_id
from services.households.domain.member import (
    AlreadyMember,
    ChangeMember,
    Changing,
    MembersNotListed,
    NobodyLeft,
    NotAMember,
    NumberTaken,
    OneHeadNeeded,
    PersonNotRegistered,
    RelationUnchanged,
    SecondHead,
    SplitHousehold,
    Splitting,
)
from services.households.domain.person import Person, PersonIsErased
from services.households.domain.tree import Area
from tests.spec import when

DAY, SINCE = date(2021, 6, 1), date(2015, 12, 31)
COUNTY, VILLAGE, HOME = UUID(int=1), UUID(int=2), UUID(int=9)
HEAD, SPOUSE, SON, NEW = (UUID(int=one) for one in (11, 12, 13, 14))
AREAS = {
    COUNTY: Area(COUNTY, "county", (COUNTY,)),
    VILLAGE: Area(VILLAGE, "village", (COUNTY, VILLAGE)),
}
REGISTERED = HouseholdRegistered(
    household=HOME,
    area=VILLAGE,
    era="alleviation",
    register_type="registered_poor",
    persons=3,
    members=(HEAD, SPOUSE, SON),
    registered_on=SINCE,
    synthetic=True,
    relations=("head", "spouse", "son"),
)
HOUSE = evolve(Household(), REGISTERED)
KNOWN = Person(area=VILLAGE)


def changed(was: str, person: UUID, relation: str | None, *members: UUID) -> MemberChanged:
    return MemberChanged(
        household=HOME,
        area=VILLAGE,
        change=was,  # type: ignore[arg-type]
        person=person,
        relation=relation,
        members=members,
        persons=len(members),
        era="alleviation",
        register_type="registered_poor",
        registered_on=SINCE,
        synthetic=True,
        changed_on=DAY,
    )


def change(kind: str, person: UUID, relation: str | None = None) -> ChangeMember:
    said: dict[str, Any] = {"occurred_on": DAY, "change": kind, "person": person}
    return ChangeMember.model_validate(said | ({"relation": relation} if relation else {}))


def splitting(key: str = "H-2", **members: UUID) -> SplitHousehold:
    listed = [{"person": who, "relation": relation} for relation, who in members.items()]
    return SplitHousehold.model_validate({"occurred_on": DAY, "key": key, "members": listed})


def here(household: Household = HOUSE, person: Person = KNOWN) -> Changing:
    return Changing(HOME, household, AREAS[VILLAGE], person)


def apart(household: Household = HOUSE, other: Household | None = None) -> Splitting:
    return Splitting(HOME, household, AREAS[VILLAGE], AREAS, other or Household())


@pytest.mark.parametrize("kind", ["death", "marriage_out", "move_out"])
def test_who_leaves_is_one_person_less(kind: str) -> None:
    asked = when(member.change_member, here(), change(kind, SPOUSE))
    asked.then(changed(kind, SPOUSE, None, HEAD, SON))


@pytest.mark.parametrize("kind", ["birth", "marriage_in", "move_in"])
def test_who_comes_is_one_person_more(kind: str) -> None:
    asked = when(member.change_member, here(), change(kind, NEW, "daughter"))
    decision = asked.then(changed(kind, NEW, "daughter", HEAD, SPOUSE, SON, NEW))
    assert decision.body["persons"] == 4


def test_a_household_whose_head_died_has_none_until_another_is_named() -> None:
    when(member.change_member, here(), change("relation", SPOUSE, "head")).refused(
        SecondHead, head=str(HEAD)
    )
    widowed = evolve(HOUSE, changed("death", HEAD, None, SPOUSE, SON))
    assert (widowed.persons, widowed.listed) == (2, 2)
    asked = when(member.change_member, here(widowed), change("relation", SPOUSE, "head"))
    asked.then(changed("relation", SPOUSE, "head", SPOUSE, SON))


def test_what_cannot_be_is_refused() -> None:
    unlisted = Household(area=VILLAGE, persons=3, registered_on=SINCE)
    rule = member.change_member
    when(rule, here(Household()), change("death", SON)).refused(HouseholdNotRegistered)
    when(rule, here(unlisted), change("death", SON)).refused(MembersNotListed, persons=3)
    when(rule, here(), change("death", NEW)).refused(NotAMember, members=3)
    when(rule, here(), change("birth", SON, "son")).refused(AlreadyMember, members=3)
    when(rule, here(person=Person()), change("birth", NEW, "son")).refused(PersonNotRegistered)
    erased = here(person=Person(area=VILLAGE, erased=True))
    when(rule, erased, change("birth", NEW, "son")).refused(PersonIsErased)
    when(rule, here(), change("relation", SON, "son")).refused(RelationUnchanged, relation="son")


@pytest.mark.parametrize(("kind", "relation"), [("death", "son"), ("birth", None)])
def test_a_relation_is_said_of_those_who_are_there(kind: str, relation: str | None) -> None:
    with pytest.raises(ValidationError, match="在户的须写与户主关系"):
        change(kind, SON, relation)


def test_a_split_moves_persons_and_makes_one_household() -> None:
    decision = when(member.split, apart(), splitting(head=SON)).accepted()
    new = household_id(COUNTY, "H-2")
    ((registered,), (left,)) = decision.events[new], decision.events[HOME]
    assert isinstance(registered, HouseholdRegistered)
    assert isinstance(left, MemberChanged)
    assert (registered.members, registered.persons, registered.split_from) == ((SON,), 1, HOME)
    assert (registered.area, registered.era, registered.registered_on) == (
        VILLAGE,
        "alleviation",
        DAY,
    )
    assert (left.change, left.other, left.members) == ("split_out", new, (HEAD, SPOUSE))
    assert left.persons + registered.persons == HOUSE.persons


def test_who_follows_later_joins_the_household_that_was_split_off() -> None:
    first = when(member.split, apart(), splitting(head=SON)).accepted()
    new = household_id(COUNTY, "H-2")
    other = evolve(Household(), first.events[new][0])
    rest = evolve(HOUSE, first.events[HOME][0])
    decision = when(member.split, apart(rest, other), splitting(mother=SPOUSE)).accepted()
    (came,) = decision.events[new]
    assert isinstance(came, MemberChanged)
    assert (came.change, came.other, came.members) == ("split_in", HOME, (SON, SPOUSE))
    assert decision.body["persons"] == 2


def test_a_split_that_cannot_be_is_refused() -> None:
    rule = member.split
    everyone = splitting(head=SON, mother=SPOUSE, father=HEAD)
    when(rule, apart(), everyone).refused(NobodyLeft, members=3, leaving=3)
    when(rule, apart(), splitting(son=SON)).refused(OneHeadNeeded, heads=0)
    when(rule, apart(), splitting(head=NEW)).refused(NotAMember)
    stranger = Household(area=VILLAGE, persons=1, members=(NEW,), listed=1, registered_on=SINCE)
    when(rule, apart(other=stranger), splitting(head=SON)).refused(NumberTaken, key="H-2")


def test_a_number_is_given_once_also_to_a_household_split_from_another() -> None:
    with pytest.raises(ValidationError, match="成员编号重复"):
        SplitHousehold.model_validate(
            {
                "occurred_on": DAY,
                "key": "H-2",
                "members": [{"person": SON, "relation": "head"}] * 2,
            }
        )
