"""Rules of areas: the tree, its levels, names and codes that follow one another in time."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaCodeTaken,
    AreaPlaced,
    AreaRegistered,
)
from services.households.domain import area
from services.households.domain.area import (
    AddAreaAlias,
    AliasAlreadyAdded,
    AreaAlreadyRegistered,
    AreaNotRegistered,
    ChangeAreaCode,
    Changing,
    CodeOutOfOrder,
    CodeTaken,
    LevelOutOfOrder,
    RegisterArea,
    Registering,
    UnknownParent,
    area_stream,
    code_stream,
)
from services.households.domain.tree import LEVELS, Area, areas, bearers
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
    when(area.register, Registering(Area(), county, []), TOWN_ASKED).then(
        AreaRegistered(
            area=TOWN,
            code="370112100",
            name="东镇",
            level="township",
            parent=COUNTY,
            path=(COUNTY, TOWN),
            valid_from=DAY,
        ),
        AreaPlaced(area=TOWN, parent=COUNTY, valid_from=DAY),
        AreaCodeTaken(area=TOWN, code="370112100", valid_from=DAY),
    )


def test_a_top_area_is_its_own_path() -> None:
    asked = TOWN_ASKED.model_copy(
        update={"code": "370112", "name": "历城区", "level": "county", "parent": None}
    )
    when(area.register, Registering(Area(), None, []), asked).then(
        COUNTY_REGISTERED, AreaCodeTaken(area=COUNTY, code="370112", valid_from=DAY)
    )


def test_the_same_code_from_the_same_day_is_one_area() -> None:
    when(area.register, Registering(county, None, [county]), TOWN_ASKED).refused(
        AreaAlreadyRegistered, code="370112100", name="历城区"
    )


def test_an_unknown_parent_is_refused() -> None:
    when(area.register, Registering(Area(), Area(), []), TOWN_ASKED).refused(
        UnknownParent, parent=str(COUNTY)
    )


@pytest.mark.parametrize("level", ["county", "prefecture", "nation"])
def test_a_level_must_be_below_the_parents(level: str) -> None:
    asked = TOWN_ASKED.model_copy(update={"level": level})
    refusal = when(area.register, Registering(Area(), county, []), asked).refused(LevelOutOfOrder)
    assert refusal.detail == f"区域级别不符：{LEVELS[asked.level]}区域不能设在县级区域之下。"


def test_levels_may_be_skipped() -> None:
    asked = TOWN_ASKED.model_copy(update={"level": "village"})
    assert when(area.register, Registering(Area(), county, []), asked).accepted().body == {
        "id": str(TOWN)
    }


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
    when(area.change_code, Changing(county, []), CHANGE).then(
        changed, AreaCodeTaken(area=COUNTY, code="370113", valid_from=date(2021, 1, 1))
    )
    known = areas.over([changed], county)
    assert [dated.code for dated in known.codes] == ["370112", "370113"]
    when(area.change_code, Changing(known, [known]), CHANGE).refused(
        CodeOutOfOrder, valid_from="2021-01-01", code="370113", since="2021-01-01"
    )


def _area(code: str, since: date, *changes: tuple[str, date]) -> Area:
    """An area that was registered under a code, and since then has gone by others."""
    id_ = area_stream(code, since)
    registered = AreaRegistered(
        area=id_, code=code, name="x", level="county", parent=None, path=(id_,), valid_from=since
    )
    changed = [AreaCodeChanged(area=id_, code=to, name="x", valid_from=day) for to, day in changes]
    return areas.over([registered, *changed])


@pytest.mark.parametrize("since", [date(2019, 1, 1), CHANGE.valid_from, date(2030, 1, 1)])
def test_a_code_that_another_area_bears_is_taken_whatever_its_day(since: date) -> None:
    bearer = _area(CHANGE.code, since)
    taken = {"area": str(bearer.id), "valid_from": since.isoformat()}
    when(area.change_code, Changing(county, [bearer]), CHANGE).refused(CodeTaken, **taken)
    asked = TOWN_ASKED.model_copy(update={"code": CHANGE.code, "valid_from": CHANGE.valid_from})
    when(area.register, Registering(Area(), county, [bearer]), asked).refused(CodeTaken, **taken)


def test_a_code_is_free_from_the_day_on_which_its_bearer_left_it() -> None:
    left = _area(CHANGE.code, DAY, ("370199", CHANGE.valid_from))
    asked = TOWN_ASKED.model_copy(update={"code": CHANGE.code, "valid_from": CHANGE.valid_from})
    when(area.register, Registering(Area(), county, [left]), asked).accepted()
    when(area.change_code, Changing(county, [left]), CHANGE).accepted()
    early = asked.model_copy(update={"valid_from": date(2020, 12, 31)})
    when(area.register, Registering(Area(), county, [left]), early).refused(CodeTaken)


def test_an_area_keeps_its_code_under_a_new_name() -> None:
    asked = CHANGE.model_copy(update={"code": "370112"})
    when(area.change_code, Changing(county, [county]), asked).accepted()


def test_registration_and_change_mark_the_code_on_one_stream() -> None:
    top = TOWN_ASKED.model_copy(update={"parent": None})
    founded = when(area.register, Registering(Area(), None, []), top).accepted()
    assert bearers.over(founded.events[code_stream(top.code)]) == (TOWN,)
    changed = when(area.change_code, Changing(county, []), CHANGE).accepted()
    marks = changed.events[code_stream(CHANGE.code)]
    assert bearers.over(marks) == bearers.over([*marks, *marks]) == (COUNTY,)


def test_a_name_of_blanks_is_malformed_and_others_are_trimmed() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        AddAreaAlias(occurred_on=DAY, alias="历城县", document="  ")
    assert AddAreaAlias(occurred_on=DAY, alias="历城县", document=" 1号 ").document == "1号"
