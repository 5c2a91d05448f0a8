"""Rules of reforms 区划撤并: an area moves, is merged, is split; what lies below it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import (
    AreaFollowed,
    AreaMerged,
    AreaMoved,
    AreaPlaced,
    AreaRegistered,
    AreaSplit,
    AreaSucceeded,
)
from libs.events.decider import Decision
from services.households.domain import area, reform
from services.households.domain.area import (
    AreaNoMore,
    AreaNotRegistered,
    ChangeAreaCode,
    Changing,
    LevelOutOfOrder,
    RegisterArea,
    Registering,
    UnknownParent,
)
from services.households.domain.reform import (
    AlreadyBelow,
    BelowItself,
    ChildrenLeft,
    MergeArea,
    MoveArea,
    NotRightBelow,
    NotYetThere,
    Reform,
    ReformOutOfOrder,
    SplitArea,
    SplitPart,
    SuccessorOfOtherLevel,
    TooManyBelow,
    UnknownSuccessor,
)
from services.households.domain.tree import Area, areas, children, children_stream
from tests.spec import when

BEGIN, DAY, LATER = date(2013, 1, 1), date(2021, 1, 1), date(2023, 1, 1)
LETTER = "某政发〔2020〕12号"
CITY, COUNTY, EAST, WEST, VILLAGE, GROUP, OTHER = (UUID(int=n) for n in range(1, 8))
TREE: Mapping[UUID, tuple[str, tuple[UUID, ...]]] = {
    CITY: ("prefecture", ()),
    COUNTY: ("county", (CITY,)),
    EAST: ("township", (CITY, COUNTY)),
    WEST: ("township", (CITY, COUNTY)),
    VILLAGE: ("village", (CITY, COUNTY, EAST)),
    GROUP: ("group", (CITY, COUNTY, EAST, VILLAGE)),
    OTHER: ("village", (CITY, COUNTY, EAST)),
}


def founded(id_: UUID, since: date = BEGIN) -> Area:
    level, above = TREE[id_]
    fact = AreaRegistered(
        area=id_,
        code=str(id_.int),
        name="x",
        level=level,  # type: ignore[arg-type]  # of the tree above
        parent=above[-1] if above else None,
        path=(*above, id_),
        valid_from=since,
    )
    return areas.over([fact])


def told(decision: Decision, *known: Area) -> dict[UUID, Area]:
    """The areas after a decision, by id."""
    return {one.id: areas.over(decision.events.get(one.id, ()), one) for one in known if one.id}


east, west = founded(EAST), founded(WEST)
village, group, other = founded(VILLAGE), founded(GROUP), founded(OTHER)
MOVE = MoveArea(occurred_on=DAY, parent=WEST, valid_from=DAY, document=LETTER)
MERGE = MergeArea(occurred_on=DAY, successor=WEST, valid_from=DAY, document=LETTER)


def moving(known: Area = village, to: Area = west, below: Sequence[Area] = (group,)) -> Reform:
    return Reform(known, (to,), below)


def test_what_lies_below_a_moved_area_follows_from_that_day() -> None:
    decision = when(reform.move, moving(), MOVE).then(
        AreaMoved(
            area=VILLAGE,
            parent=WEST,
            path=(CITY, COUNTY, WEST, VILLAGE),
            valid_from=DAY,
            document=LETTER,
        ),
        AreaFollowed(
            area=GROUP,
            path=(CITY, COUNTY, WEST, VILLAGE, GROUP),
            valid_from=DAY,
            after=VILLAGE,
        ),
        AreaPlaced(area=VILLAGE, parent=WEST, valid_from=DAY),
    )
    assert decision.document == LETTER
    assert children.over(decision.events[children_stream(WEST)]) == (VILLAGE,)
    followed = told(decision, group)[GROUP]
    assert followed.path_on(date(2020, 12, 31)) == (CITY, COUNTY, EAST, VILLAGE, GROUP)
    assert followed.path_on(DAY) == followed.path == (CITY, COUNTY, WEST, VILLAGE, GROUP)


def test_what_left_before_does_not_follow_and_what_came_later_does() -> None:
    """One child had gone before the day; another stands below the area only from a later day."""
    gone = told(when(reform.move, moving(below=()), MOVE).accepted(), village)[VILLAGE]
    late = replace(other, codes=(other.codes[0]._replace(valid_from=LATER),))
    asked = MergeArea(occurred_on=DAY, successor=WEST, valid_from=LATER, document=LETTER)
    decision = when(reform.merge, Reform(east, (west,), (gone, late)), asked).accepted()
    assert VILLAGE not in decision.events
    assert told(decision, late)[OTHER].path == (CITY, COUNTY, WEST, OTHER)


def test_a_parent_that_moved_later_takes_its_new_child_along() -> None:
    """Recorded late: from the day below the parent where it was then, later where it went."""
    went = areas.over(
        [AreaFollowed(area=WEST, path=(UUID(int=9), WEST), valid_from=LATER, after=UUID(int=9))],
        west,
    )
    decision = when(reform.move, moving(to=went), MOVE).accepted()
    after = told(decision, village, group)
    assert after[VILLAGE].path_on(DAY) == (CITY, COUNTY, WEST, VILLAGE)
    assert after[VILLAGE].path == (UUID(int=9), WEST, VILLAGE)
    assert after[GROUP].path_on(DAY) == (CITY, COUNTY, WEST, VILLAGE, GROUP)
    assert after[GROUP].path == (UUID(int=9), WEST, VILLAGE, GROUP)


def test_an_area_registered_late_has_every_path_of_its_parent() -> None:
    went = areas.over(
        [AreaFollowed(area=WEST, path=(UUID(int=9), WEST), valid_from=DAY, after=UUID(int=9))],
        west,
    )
    asked = RegisterArea(
        occurred_on=DAY, code="9", name="新村", level="village", parent=WEST, valid_from=BEGIN
    )
    decision = when(area.register, Registering(Area(), went, []), asked).accepted()
    new = told(decision, replace(Area(), id=asked.area()))[asked.area()]
    assert new.path_on(BEGIN) == (CITY, COUNTY, WEST, asked.area())
    assert new.path == (UUID(int=9), WEST, asked.area())


def test_a_merged_area_stands_in_its_successor_and_its_children_below_that() -> None:
    state = Reform(east, (west,), (village, group))
    decision = when(reform.merge, state, MERGE).then(
        AreaMerged(
            area=EAST,
            successor=WEST,
            path=(CITY, COUNTY, WEST, EAST),
            valid_from=DAY,
            document=LETTER,
        ),
        AreaSucceeded(area=WEST, predecessor=EAST, how="merged", valid_from=DAY, document=LETTER),
        AreaFollowed(area=VILLAGE, path=(CITY, COUNTY, WEST, VILLAGE), valid_from=DAY, after=EAST),
        AreaFollowed(
            area=GROUP,
            path=(CITY, COUNTY, WEST, VILLAGE, GROUP),
            valid_from=DAY,
            after=EAST,
        ),
        AreaPlaced(area=EAST, parent=WEST, valid_from=DAY),
        AreaPlaced(area=VILLAGE, parent=WEST, valid_from=DAY),
    )
    after = told(decision, east, west)
    assert (after[EAST].ended_on, after[EAST].successors[0].area) == (DAY, WEST)
    assert after[WEST].predecessors[0].area == EAST
    assert decision.document == LETTER


def test_what_was_merged_goes_along_when_its_successor_is_merged() -> None:
    first = told(when(reform.merge, Reform(east, (west,), ()), MERGE).accepted(), east, west)
    third = replace(founded(WEST), id=UUID(int=9), founded=(CITY, COUNTY, UUID(int=9)))
    asked = MergeArea(occurred_on=DAY, successor=UUID(int=9), valid_from=LATER, document=LETTER)
    state = Reform(first[WEST], (third,), (first[EAST],))
    decision = when(reform.merge, state, asked).accepted()
    assert told(decision, first[EAST])[EAST].path == (CITY, COUNTY, UUID(int=9), EAST)
    assert set(children.over(decision.events[children_stream(UUID(int=9))])) == {WEST, EAST}


def parts(*given: tuple[UUID, tuple[UUID, ...]], ends: bool = True) -> SplitArea:
    return SplitArea(
        occurred_on=DAY,
        parts=tuple(SplitPart(area=one, takes=takes) for one, takes in given),
        ends=ends,
        valid_from=DAY,
        document=LETTER,
    )


SOUTH = UUID(int=9)
south = replace(founded(WEST), id=SOUTH, founded=(CITY, COUNTY, SOUTH))
BELOW = (village, group, other)


def test_what_the_successors_of_a_split_take_moves_below_them() -> None:
    asked = parts((WEST, (VILLAGE,)), (SOUTH, (OTHER,)))
    decision = when(reform.split, Reform(east, (west, south), BELOW), asked).accepted()
    assert decision.events[EAST] == (
        AreaSplit(area=EAST, successors=(WEST, SOUTH), ends=True, valid_from=DAY, document=LETTER),
    )
    after = told(decision, east, west, south, *BELOW)
    assert after[EAST].path == (CITY, COUNTY, EAST)
    assert after[EAST].ended_on == DAY
    assert after[VILLAGE].path == (CITY, COUNTY, WEST, VILLAGE)
    assert after[GROUP].path == (CITY, COUNTY, WEST, VILLAGE, GROUP)
    assert after[OTHER].path == (CITY, COUNTY, SOUTH, OTHER)
    assert [one.area for one in after[SOUTH].predecessors] == [EAST]
    assert [one.area for one in after[EAST].successors] == [WEST, SOUTH]


def test_an_area_that_lives_on_smaller_keeps_what_nobody_took() -> None:
    asked = parts((WEST, (VILLAGE,)), ends=False)
    decision = when(reform.split, Reform(east, (west,), BELOW), asked).accepted()
    after = told(decision, east, other)
    assert after[EAST].ended_on is None
    assert after[OTHER].path == (CITY, COUNTY, EAST, OTHER)


def test_an_area_that_ends_leaves_no_child_behind() -> None:
    asked = parts((WEST, (VILLAGE,)))
    when(reform.split, Reform(east, (west,), BELOW), asked).refused(
        ChildrenLeft, count=1, areas=str(OTHER)
    )


def test_only_a_child_can_be_taken() -> None:
    asked = parts((WEST, (GROUP,)), ends=False)
    when(reform.split, Reform(east, (west,), BELOW), asked).refused(NotRightBelow, area=str(GROUP))


def test_a_part_is_named_once() -> None:
    with pytest.raises(ValidationError, match="重复"):
        parts((WEST, ()), (WEST, ()))
    with pytest.raises(ValidationError, match="重复"):
        parts((WEST, (VILLAGE,)), (SOUTH, (VILLAGE,)))


def test_days_follow_one_another_and_the_last_of_a_day_holds() -> None:
    known = told(when(reform.move, moving(), MOVE).accepted(), village)[VILLAGE]
    back = MOVE.model_copy(update={"parent": EAST, "valid_from": date(2020, 1, 1)})
    when(reform.move, moving(known, east), back).refused(
        ReformOutOfOrder, valid_from="2020-01-01", since="2021-01-01", begins="2013-01-01"
    )
    same = MOVE.model_copy(update={"parent": EAST})
    again = told(when(reform.move, moving(known, east), same).accepted(), known)[VILLAGE]
    assert [move.path for move in again.moves] == [(CITY, COUNTY, EAST, VILLAGE)]
    first = MOVE.model_copy(update={"valid_from": BEGIN})
    when(reform.move, moving(), first).refused(ReformOutOfOrder)


def test_a_parent_must_be_there_above_and_another() -> None:
    when(reform.move, moving(Area()), MOVE).refused(AreaNotRegistered)
    when(reform.move, moving(to=Area()), MOVE).refused(UnknownParent, parent=str(WEST))
    when(reform.move, moving(to=other), MOVE).refused(LevelOutOfOrder)
    when(reform.move, moving(to=founded(WEST, LATER)), MOVE).refused(
        NotYetThere, area=str(WEST), begins="2023-01-01", valid_from="2021-01-01"
    )
    when(reform.move, moving(to=east), MOVE).refused(AlreadyBelow, parent=str(EAST))


def test_a_successor_must_be_there_of_the_same_level_and_another() -> None:
    when(reform.merge, Reform(east, (Area(),), ()), MERGE).refused(UnknownSuccessor)
    when(reform.merge, Reform(east, (east,), ()), MERGE).refused(BelowItself)
    when(reform.merge, Reform(east, (founded(COUNTY),), ()), MERGE).refused(
        SuccessorOfOtherLevel, level="乡级", successor_level="县级"
    )
    when(reform.merge, Reform(east, (founded(WEST, LATER),), ()), MERGE).refused(NotYetThere)


def test_an_area_that_is_no_more_changes_no_more_and_takes_nothing_in() -> None:
    ended = told(when(reform.merge, Reform(east, (west,), ()), MERGE).accepted(), east)[EAST]
    later = MERGE.model_copy(update={"valid_from": LATER})
    when(reform.merge, Reform(ended, (south,), ()), later).refused(
        AreaNoMore, area=str(EAST), ended_on="2021-01-01"
    )
    into = MERGE.model_copy(update={"successor": EAST, "valid_from": LATER})
    when(reform.merge, Reform(south, (ended,), ()), into).refused(AreaNoMore)
    below = MOVE.model_copy(update={"parent": EAST})
    when(reform.move, moving(other, ended), below).refused(AreaNoMore)
    renamed = ChangeAreaCode(occurred_on=DAY, code="7", name="x", valid_from=LATER)
    when(area.change_code, Changing(ended, []), renamed).refused(AreaNoMore)
    child = RegisterArea(
        occurred_on=DAY, code="8", name="x", level="village", parent=EAST, valid_from=BEGIN
    )
    when(area.register, Registering(Area(), ended, []), child).refused(AreaNoMore)


def test_the_code_of_an_ended_area_is_free_from_that_day() -> None:
    ended = told(when(reform.merge, Reform(east, (west,), ()), MERGE).accepted(), east)[EAST]
    taking = ChangeAreaCode(occurred_on=DAY, code=str(EAST.int), name="x", valid_from=DAY)
    when(area.change_code, Changing(west, [ended]), taking).accepted()


def test_more_areas_than_one_request_can_carry_are_refused() -> None:
    many = [replace(village, id=UUID(int=n)) for n in range(1000, 1000 + reform.MOST_BELOW + 1)]
    when(reform.move, moving(below=many), MOVE).refused(TooManyBelow, most=reform.MOST_BELOW)
