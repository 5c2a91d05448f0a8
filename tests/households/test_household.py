"""Rules of households: a list is registered whole, by opaque numbers, inside its area."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import HouseholdFlagged, HouseholdRegistered
from libs.events.errors import AreaEnded
from services.households.domain import household
from services.households.domain.household import (
    Flagging,
    FlagHousehold,
    Household,
    HouseholdAlreadyRegistered,
    HouseholdNotRegistered,
    HouseholdOutsideArea,
    Listed,
    RegisterHouseholds,
    households,
)
from services.households.domain.household_row import HouseholdRow
from services.households.domain.tree import Area, DatedPath
from tests.spec import ANYWHERE, when

DAY = date(2020, 1, 1)
LISTING = household.ListFacts(path=ANYWHERE.path)
COUNTY, VILLAGE, ELSEWHERE = UUID(int=1), UUID(int=2), UUID(int=3)
SECOND = UUID(int=9)
VILLAGES = {
    COUNTY: Area(COUNTY, "county", (COUNTY,)),
    VILLAGE: Area(VILLAGE, "village", (COUNTY, VILLAGE)),
    SECOND: Area(SECOND, "village", (COUNTY, SECOND)),
    ELSEWHERE: Area(ELSEWHERE, "village", (UUID(int=8), ELSEWHERE)),
    UUID(int=4): Area(),
}


def _registered(key: str) -> HouseholdRegistered:
    return HouseholdRegistered(
        household=_row(key).household(COUNTY),
        area=VILLAGE,
        era="alleviation",
        register_type="registered_poor",
        persons=2,
        members=(),
        registered_on=DAY,
        synthetic=True,
    )


def _row(key: str, /, **changed: Any) -> HouseholdRow:
    said = {
        "key": key,
        "area": VILLAGE,
        "era": "alleviation",
        "register_type": "registered_poor",
        "persons": 2,
        "registered_on": DAY,
        "synthetic": True,
    }
    return HouseholdRow.model_validate(said | changed)


def _list(*rows: HouseholdRow, **changed: Any) -> RegisterHouseholds:
    said = {"occurred_on": DAY, "area": COUNTY, "households": rows}
    return RegisterHouseholds.model_validate(said | changed)


def _state(*known: Household) -> Listed:
    return Listed(Area(), VILLAGES, list(known))


def test_every_row_becomes_a_household_with_an_id_of_its_own() -> None:
    asked = _list(_row("A-1"), _row("A-2"))
    decided = when(household.register, _state(Household(), Household()), asked, LISTING).then(
        _registered("A-1"), _registered("A-2")
    )
    ids = [str(row.household(COUNTY)) for row in asked.households]
    assert decided.body == {"count": 2, "ids": dict(zip(("A-1", "A-2"), ids, strict=True))}
    assert len(set(ids)) == 2


def test_an_id_follows_from_county_and_number_alone() -> None:
    """Whichever village and list it comes from: a number is given once in a county."""
    ids = set()
    for changed in ({}, {"persons": 5, "era": "linkage"}, {"area": SECOND}):
        for area in (COUNTY, changed.get("area", VILLAGE)):
            asked = _list(_row("A-1", **changed), area=area)
            ids |= set(
                when(household.register, _state(Household()), asked, LISTING).accepted().events
            )
    assert ids == {_row("A-1").household(COUNTY)}
    assert _row("A-1").household(UUID(int=8)) not in ids


def test_a_register_is_the_countys_or_of_what_stands_for_one() -> None:
    province, city, town, village = (UUID(int=n) for n in (20, 21, 22, 23))
    levels = {province: "province", city: "prefecture", town: "township", village: "village"}
    path = tuple(levels)
    without = {id_: Area(id_, level, path) for id_, level in levels.items()}  # type: ignore[arg-type]
    assert household.registry(village, without) == city
    county = {**without, city: Area(city, "county", path)}
    assert household.registry(village, county) == city
    small = {id_: Area(id_, "village", (town, village)) for id_ in (town, village)}
    assert household.registry(village, small) == town
    assert household.registry(UUID(int=4), VILLAGES) == UUID(int=4)


def test_one_known_row_refuses_the_whole_list_and_is_named() -> None:
    known = households.over([_registered("A-1")])
    asked = _list(_row("A-1"), _row("A-2"), _row("A-3"))
    when(household.register, _state(Household(), known, known), asked, LISTING).refused(
        HouseholdAlreadyRegistered, row=2, key="A-2", count=2
    )


@pytest.mark.parametrize("village", [ELSEWHERE, UUID(int=4)])
def test_a_village_outside_the_area_or_unknown_is_refused(village: UUID) -> None:
    asked = _list(_row("A-1"), _row("A-2", area=village))
    when(household.register, _state(Household(), Household()), asked, LISTING).refused(
        HouseholdOutsideArea, row=2, key="A-2", village=str(village), area=str(COUNTY)
    )


def test_members_are_opaque_ids_of_the_household() -> None:
    row = _row("A-1", members=("1", "2"))
    other = _row("A-2", members=("1", "2"))
    assert len({*row.persons_listed(COUNTY), *other.persons_listed(COUNTY)}) == 4
    decided = when(household.register, _state(Household()), _list(row), LISTING).accepted()
    (event,) = decided.events[row.household(COUNTY)]
    assert isinstance(event, HouseholdRegistered)
    assert event.members == row.persons_listed(COUNTY)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"members": ("1",)}, "列出成员 1 人, 与人数 2 不符"),
        ({"members": ("1", "1")}, "成员编号重复"),
        ({"key": "张三"}, "should match pattern"),
        ({"key": "11010519491231002X"}, "不得是公民身份号码"),
        ({"members": ("1", "11010519491231002x")}, "不得是公民身份号码"),
    ],
)
def test_a_row_that_cannot_be_is_malformed(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        _row("A-1", **changed)


def test_a_number_of_a_register_is_no_identity_number_by_its_length() -> None:
    assert _row("110105194912310021").key == "110105194912310021"


def test_a_list_names_each_household_once_and_has_no_external_ref() -> None:
    with pytest.raises(ValidationError, match="编号 A-1 在本批中出现 2 次"):
        _list(_row("A-1"), _row("A-2"), _row("A-1", area=ELSEWHERE))
    with pytest.raises(ValidationError, match="成批登记不用 external_ref"):
        _list(_row("A-1"), external_ref={"system": "x", "id": "1"})


FLAG = FlagHousehold(occurred_on=DAY, risks=("health",), source="survey", clue="大额自付名单")


def test_a_flag_is_a_clue_about_the_household() -> None:
    flagged = HouseholdFlagged(
        household=UUID(int=5),
        area=VILLAGE,
        risks=("health",),
        source="survey",
        clue="大额自付名单",
        flagged_on=DAY,
    )
    known = households.over([_registered("A-1")])
    when(household.flag, Flagging(UUID(int=5), known, Area()), FLAG).then(flagged)
    twice = households.over([flagged, flagged], known)
    assert (twice.flags, twice.risks, twice.flagged_on) == (2, ("health",), DAY)


def test_only_a_registered_household_is_flagged() -> None:
    when(household.flag, Flagging(UUID(int=5), Household(), Area()), FLAG).refused(
        HouseholdNotRegistered
    )


def test_a_risk_is_named_once() -> None:
    with pytest.raises(ValidationError, match="风险类型重复"):
        FlagHousehold(occurred_on=DAY, risks=("health", "health"), source="survey", clue="x")


def test_a_clue_of_blanks_is_malformed() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        FlagHousehold(occurred_on=DAY, risks=("health",), source="survey", clue=" \u3000")


def test_a_village_is_in_the_list_where_it_stands_today() -> None:
    """What moves only from a later day on is still where it was."""
    moved = replace(VILLAGES[VILLAGE], moves=(DatedPath(date(2021, 1, 1), (ELSEWHERE, VILLAGE)),))
    state = _state(Household())._replace(areas={**VILLAGES, VILLAGE: moved})
    before = household.ListFacts(path=(COUNTY,), today=date(2020, 12, 31))
    when(household.register, state, _list(_row("H-1")), before).accepted()
    after = household.ListFacts(path=(COUNTY,), today=date(2021, 1, 1))
    when(household.register, state, _list(_row("H-1")), after).refused(
        HouseholdOutsideArea, row=1, village=str(VILLAGE)
    )


def test_a_moved_village_keeps_the_registry_of_its_numbers() -> None:
    moved = replace(VILLAGES[VILLAGE], moves=(DatedPath(date(2021, 1, 1), (ELSEWHERE, VILLAGE)),))
    assert household.registry(VILLAGE, {**VILLAGES, VILLAGE: moved}) == COUNTY


def test_no_household_is_counted_in_a_village_after_its_end() -> None:
    ended = replace(VILLAGES[VILLAGE], ended_on=DAY)
    state = _state(Household())._replace(areas={**VILLAGES, VILLAGE: ended})
    when(household.register, state, _list(_row("H-1")), LISTING).refused(
        AreaEnded, area=str(VILLAGE), ended_on="2020-01-01", counted_on="2020-01-01"
    )
    late = _list(_row("H-1"), occurred_on=date(2019, 12, 31))
    when(household.register, state, late, LISTING).accepted()
