"""Rules of areas: the tree, its levels, names and codes that follow one another in time."""

from __future__ import annotations

from datetime import date

import pytest

from libs.events.contracts.households import AreaAliasAdded, AreaCodeChanged, AreaRegistered
from services.households.domain import area
from services.households.domain.area import (
    LEVELS,
    AddAreaAlias,
    AliasAlreadyAdded,
    Area,
    AreaAlreadyRegistered,
    AreaCodeTaken,
    AreaNotRegistered,
    ChangeAreaCode,
    CodeOutOfOrder,
    LevelOutOfOrder,
    RegisterArea,
    UnknownParent,
    area_stream,
    areas,
    bearers,
    code_stream,
)
from tests.spec import when

DAY = date(2020, 1, 1)
COUNTY = area_stream("370112", DAY)
TOWN = area_stream("370112100", DAY)
COUNTY_REGISTERED = AreaRegistered(
    area=COUNTY,
    code="370112",
    name="历城区",
    level="county",
    parent=None,
    path=(COUNTY,),
    valid_from=DAY,
)
county = areas.over([COUNTY_REGISTERED])
TOWN_ASKED = RegisterArea(
    occurred_on=DAY, code="370112100", name="东镇", level="township", parent=COUNTY, valid_from=DAY
)


def test_a_child_carries_the_path_of_its_parent() -> None:
    when(area.register, (Area(), county, None), TOWN_ASKED).then(
        AreaRegistered(
            area=TOWN,
            code="370112100",
            name="东镇",
            level="township",
            parent=COUNTY,
            path=(COUNTY, TOWN),
            valid_from=DAY,
        )
    )


def test_a_top_area_is_its_own_path() -> None:
    asked = TOWN_ASKED.model_copy(
        update={"code": "370112", "name": "历城区", "level": "county", "parent": None}
    )
    when(area.register, (Area(), None, None), asked).then(COUNTY_REGISTERED)


def test_the_same_code_from_the_same_day_is_one_area() -> None:
    when(area.register, (county, None, None), TOWN_ASKED).refused(
        AreaAlreadyRegistered, code="370112100", name="历城区"
    )


def test_an_unknown_parent_is_refused() -> None:
    when(area.register, (Area(), Area(), None), TOWN_ASKED).refused(
        UnknownParent, parent=str(COUNTY)
    )


@pytest.mark.parametrize("level", ["county", "prefecture", "nation"])
def test_a_level_must_be_below_the_parents(level: str) -> None:
    asked = TOWN_ASKED.model_copy(update={"level": level})
    refusal = when(area.register, (Area(), county, None), asked).refused(LevelOutOfOrder)
    assert refusal.detail == f"区域级别不符：{LEVELS[asked.level]}区域不能设在县级区域之下。"


def test_levels_may_be_skipped() -> None:
    asked = TOWN_ASKED.model_copy(update={"level": "village"})
    assert when(area.register, (Area(), county, None), asked).accepted().body == {"id": str(TOWN)}


def test_an_alias_is_added_once_and_is_never_the_name() -> None:
    asked = AddAreaAlias(occurred_on=DAY, alias="历城县", document="鲁政字〔1987〕1号")
    added = AreaAliasAdded(area=COUNTY, alias="历城县", document="鲁政字〔1987〕1号")
    decision = when(area.add_alias, county, asked).then(added)
    assert decision.document == "鲁政字〔1987〕1号"
    known = areas.over([added], county)
    when(area.add_alias, known, asked).refused(AliasAlreadyAdded, alias="历城县")
    named = asked.model_copy(update={"alias": "历城区"})
    when(area.add_alias, county, named).refused(AliasAlreadyAdded)
    when(area.add_alias, Area(), asked).refused(AreaNotRegistered)


CHANGE = ChangeAreaCode(
    occurred_on=DAY, code="370113", name="历城新区", valid_from=date(2021, 1, 1)
)


def test_a_code_changes_from_a_later_day_on() -> None:
    changed = AreaCodeChanged(
        area=COUNTY, code="370113", name="历城新区", valid_from=date(2021, 1, 1)
    )
    when(area.change_code, (county, None), CHANGE).then(changed, changed)
    known = areas.over([changed], county)
    assert [dated.code for dated in known.codes] == ["370112", "370113"]
    when(area.change_code, (known, None), CHANGE).refused(
        CodeOutOfOrder, valid_from="2021-01-01", code="370113", since="2021-01-01"
    )


def test_a_code_that_another_area_bears_from_that_day_is_taken() -> None:
    when(area.change_code, (county, COUNTY), CHANGE).refused(AreaCodeTaken, area=str(COUNTY))


def test_a_code_taken_by_a_change_cannot_be_registered_or_taken_again() -> None:
    taken = when(area.change_code, (county, None), CHANGE).accepted()
    stream = code_stream(CHANGE.code, CHANGE.valid_from)
    bearer = bearers.over(taken.events[stream])
    assert bearer == COUNTY
    asked = TOWN_ASKED.model_copy(update={"code": CHANGE.code, "valid_from": CHANGE.valid_from})
    when(area.register, (Area(), county, bearer), asked).refused(AreaCodeTaken, area=str(COUNTY))
    when(area.change_code, (Area(TOWN), bearer), CHANGE).refused(AreaCodeTaken, area=str(COUNTY))
