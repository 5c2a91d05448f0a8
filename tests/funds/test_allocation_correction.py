"""Rules of a corrected allocation: back, then anew, and only what still lies with the project."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.correction import EvidenceNeeded, NotCorrectable, NothingToCorrect
from libs.events.decider import Decision
from services.funds.domain.allocation_correction import (
    AllocationMovedOn,
    CorrectAllocation,
    NoSuchAllocation,
    Rearranging,
    correct_allocation,
)
from services.funds.domain.balances import held, moved
from services.funds.domain.lot import InsufficientLot, Lot, PurposeNotAllowed, in_treasury, lots
from services.funds.domain.project import NotInLibrary, Project, projects
from tests.funds.given import ALLOCATING, LETTER, after, allocated, in_library, on, registered, yuan
from tests.spec import when

OTHER = UUID(int=77)
LOT, HERE = allocated(registered("county", "1", "100"), in_library(), "60")
THERE: Project = replace(in_library(), id=OTHER)


def wrong(*, bare: Any = False, nth: Any = 1, **changes: Any) -> Any:
    letter = {} if bare else {"document": LETTER.number}
    return on(CorrectAllocation, reason="看错一行", allocation=nth, changes=changes, **letter)


def corrected(decision: Decision, known: Lot = LOT) -> Lot:
    assert known.id is not None
    found: Lot = lots.over(decision.events[known.id], known)
    return found


def sums(known: Lot, project: Project = HERE) -> tuple[int, int]:
    """Unallocated, and with the project."""
    free = held(known.balances, "unallocated", "relief")
    return free, held(known.balances, "allocated", "relief", project.id)


def drawn(text_fen: int) -> Lot:
    """So much of it is held for a list."""
    movement = in_treasury(LOT, "relief", HERE.id, ("allocated", "reserved"), text_fen)
    return replace(LOT, balances=moved(LOT.balances, (movement,)))


def test_less_goes_back_and_more_comes_from_what_is_unallocated() -> None:
    state = Rearranging(LOT, HERE, None)
    less = when(correct_allocation, state, wrong(amount=yuan("20")), ALLOCATING).accepted()
    assert sums(corrected(less)) == (80_00, 20_00)
    assert less.body["derived"] == [{"field": "unallocated.relief", "was": 40_00, "now": 80_00}]
    more = when(correct_allocation, state, wrong(amount=yuan("100")), ALLOCATING).accepted()
    assert sums(corrected(more)) == (0, 100_00)
    assert HERE.id is not None
    side = projects.over(less.events[HERE.id], HERE)
    assert list(side.funded.values()) == [20_00]
    beyond = wrong(amount=yuan("100.01"))
    when(correct_allocation, state, beyond, ALLOCATING).refused(InsufficientLot, short_fen=1)


def test_another_project_gets_it_and_the_first_has_nothing_of_it() -> None:
    state = Rearranging(LOT, THERE, None)
    asked = wrong(project=str(OTHER), amount=yuan("70"))
    decision = when(correct_allocation, state, asked, ALLOCATING).accepted()
    now = corrected(decision)
    assert (sums(now), sums(now, THERE)) == ((30_00, 0), (30_00, 70_00))
    assert HERE.id is not None
    assert projects.over(decision.events[HERE.id], HERE).funded == {}
    assert list(projects.over(decision.events[OTHER], THERE).funded.values()) == [70_00]
    assert [(one.project, one.amount_fen) for one in now.allocations] == [(OTHER, 70_00)]
    again = when(
        correct_allocation, Rearranging(now, HERE, None), wrong(project=str(HERE.id)), ALLOCATING
    ).accepted()
    assert sums(corrected(again, now)) == (30_00, 70_00)


def test_null_takes_it_back_whole_and_it_may_be_said_again() -> None:
    state = Rearranging(LOT, HERE, None)
    none = corrected(when(correct_allocation, state, wrong(amount=None), ALLOCATING).accepted())
    assert sums(none) == (100_00, 0)
    same = Rearranging(none, HERE, None)
    when(correct_allocation, same, wrong(amount=None), ALLOCATING).refused(NothingToCorrect)
    back = when(correct_allocation, same, wrong(amount=yuan("60")), ALLOCATING).accepted()
    assert sums(corrected(back, none)) == (40_00, 60_00)


def test_what_has_moved_on_stays_where_it_is() -> None:
    """Held for a list, sent or paid: it comes back by its own way first."""
    state = Rearranging(drawn(50_00), HERE, None)
    when(correct_allocation, state, wrong(amount=yuan("49.99")), ALLOCATING).refused(
        AllocationMovedOn, needed_fen=10_01, available_fen=10_00, short_fen=1
    )
    elsewhere = Rearranging(drawn(1), THERE, None)
    when(correct_allocation, elsewhere, wrong(project=str(OTHER)), ALLOCATING).refused(
        AllocationMovedOn, needed_fen=60_00
    )
    when(correct_allocation, state, wrong(amount=yuan("50")), ALLOCATING).accepted()


def test_what_an_allocation_may_not_be_a_correction_may_not_make_of_it() -> None:
    poor = Rearranging(LOT, replace(THERE, purpose="habitat"), None)
    when(correct_allocation, poor, wrong(project=str(OTHER)), ALLOCATING).refused(PurposeNotAllowed)
    outside = Rearranging(LOT, replace(THERE, in_library=False), None)
    when(correct_allocation, outside, wrong(project=str(OTHER)), ALLOCATING).refused(NotInLibrary)
    state = Rearranging(LOT, HERE, None)
    when(correct_allocation, state, wrong(nth=2, amount=None), ALLOCATING).refused(
        NoSuchAllocation, allocation=2, count=1
    )
    when(correct_allocation, state, wrong(bare=True, amount=None), ALLOCATING).refused(
        EvidenceNeeded, field="amount"
    )
    for field, value in (("purpose", "habitat"), ("effective_on", "2020-01-01")):
        when(correct_allocation, state, wrong(**{field: value}), ALLOCATING).refused(
            NotCorrectable, field=field
        )


def test_a_letter_that_was_forgotten_moves_nothing() -> None:
    state = Rearranging(LOT, HERE, LETTER)
    asked = wrong(bare=True, document=str(LETTER.id))
    decision = when(correct_allocation, state, asked, ALLOCATING).accepted()
    assert list(decision.events) == [LOT.id]
    assert corrected(decision).balances == LOT.balances
    assert corrected(decision).allocations[0].document == LETTER.id


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 120_00)), max_size=6))
def test_however_often_it_is_corrected_every_fen_stands_somewhere(
    steps: list[tuple[bool, int]],
) -> None:
    known, here, there = LOT, HERE, THERE
    for across, fen in steps:
        to = there if across else here
        amount = {"text": f"{fen // 100}.{fen % 100:02}", "unit": "元"} if fen else None
        asked = wrong(project=str(to.id), amount=amount)
        decision = when(
            correct_allocation, Rearranging(known, to, None), asked, ALLOCATING
        ).decision
        if decision is not None:
            known = corrected(decision, known)
            here = after(here, projects, _of(decision, here))
            there = after(there, projects, _of(decision, there))
    assert sum(known.balances.values()) == 0
    free, with_here = sums(known, here)
    with_there = sums(known, there)[1]
    assert free + with_here + with_there == 100_00
    assert sum(here.funded.values()) == with_here
    assert sum(there.funded.values()) == with_there


def _of(decision: Decision, project: Project) -> Decision:
    assert project.id is not None
    return Decision({project.id: decision.events.get(project.id, ())})
