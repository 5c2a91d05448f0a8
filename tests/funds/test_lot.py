"""Rules of lots: F1, F2, F3, F5 and capability 1 to 4."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.events.contracts.funds import FundAllocated, FundReallocated, LotRegistered
from services.funds.domain import lot, reallocation
from services.funds.domain.balances import held
from services.funds.domain.document import Document, DocumentNotRegistered
from services.funds.domain.lot import (
    AllocateFund,
    AllocationFacts,
    InsufficientLot,
    Lot,
    ProjectElsewhere,
    PurposeNotAllowed,
    PurposesDiffer,
    RegisterLot,
    lots,
)
from services.funds.domain.lot_key import LotAlreadyRegistered
from services.funds.domain.project import NotInLibrary, Project, ProjectNotProposed
from services.funds.domain.reallocation import ApprovalNeeded, ReallocateFund
from tests.funds.given import (
    ALLOCATING,
    APPROVAL,
    AREA,
    LETTER,
    after,
    allocated,
    in_library,
    on,
    registered,
    yuan,
)
from tests.spec import when


def a_lot(**changed: object) -> RegisterLot:
    fields: dict[str, object] = {
        "area": AREA,
        "level": "county",
        "year": 2020,
        "fund_name": "测试资金",
        "batch": "1",
        "document": LETTER.id,
        "amount": {"text": "19.65"},
        "purposes": [
            {"purpose": "insurance", "amount": {"text": "15.6"}},
            {"purpose": "yulu", "amount": {"text": "4.05"}},
        ],
    }
    command: RegisterLot = on(RegisterLot, **{**fields, **changed})
    return command


def test_a_lot_is_received_by_purpose_to_the_fen() -> None:
    decision = when(lot.register, (Lot(), LETTER), a_lot()).accepted()
    known: Lot = after(Lot(), lots, decision)
    assert held(known.balances, "unallocated", "insurance") == 15_600_000
    assert held(known.balances, "unallocated", "yulu") == 4_050_000
    assert held(known.balances, "received", "yulu") == -4_050_000
    assert decision.document == LETTER.number


def test_the_text_as_typed_is_kept() -> None:
    decision = when(lot.register, (Lot(), LETTER), a_lot()).accepted()
    event = next(iter(decision.events.values()))[0]
    assert isinstance(event, LotRegistered)
    assert (event.amount.amount_text, event.amount.unit) == ("19.65", "万元")


def test_a_second_lot_of_the_same_name_and_batch_is_refused() -> None:
    known = after(Lot(), lots, when(lot.register, (Lot(), LETTER), a_lot()).accepted())
    again = a_lot(amount={"text": "30"}, purposes=[{"purpose": "yulu", "amount": {"text": "30"}}])
    when(lot.register, (known, LETTER), again).refused(
        LotAlreadyRegistered, amount_fen=19_650_000, batch="1"
    )


def test_parts_that_do_not_sum_are_refused() -> None:
    wrong = a_lot(amount={"text": "19.650001"})
    when(lot.register, (Lot(), LETTER), wrong).refused(
        PurposesDiffer, parts_fen=19_650_000, amount_fen=19_650_001
    )


def test_a_lot_needs_its_document() -> None:
    when(lot.register, (Lot(), Document()), a_lot()).refused(DocumentNotRegistered)


def test_a_seventh_decimal_is_malformed() -> None:
    with pytest.raises(ValidationError, match="7 位小数"):
        a_lot(amount={"text": "0.0000001"})


def allocation(text: str, purpose: str = "relief") -> AllocateFund:
    command: AllocateFund = on(
        AllocateFund, project=in_library().id, purpose=purpose, amount=yuan(text)
    )
    return command


def test_allocation_within_the_balance_moves_fen_to_the_project() -> None:
    known, project = registered("county", "1", "100"), in_library()
    moved, funded = allocated(known, project, "60.01")
    assert held(moved.balances, "allocated", "relief", project.id) == 60_01
    assert held(moved.balances, "unallocated", "relief") == 39_99
    assert sum(funded.funded.values()) == 60_01


def test_allocation_beyond_the_balance_is_refused_with_what_is_missing() -> None:
    state = (registered("county", "1", "100"), in_library(), None)
    when(lot.allocate, state, allocation("100.01"), ALLOCATING).refused(
        InsufficientLot, needed_fen=100_01, available_fen=100_00, short_fen=1
    )


def test_allocation_to_another_purpose_is_refused() -> None:
    state = (registered("county", "1", "100", "pv_retention"), in_library("insurance"), None)
    when(lot.allocate, state, allocation("1", "pv_retention"), ALLOCATING).refused(
        PurposeNotAllowed, purpose="pv_retention", needed="insurance"
    )


@pytest.mark.parametrize(
    ("project", "reason"),
    [(Project(), ProjectNotProposed), (Project(AREA, AREA, (AREA,), "x", "relief"), NotInLibrary)],
)
def test_allocation_needs_a_project_of_the_library(
    project: Project, reason: type[Exception]
) -> None:
    state = (registered("county", "1", "100"), project, None)
    refusal = when(lot.allocate, state, allocation("1"), ALLOCATING).refusal
    assert isinstance(refusal, reason)


def change(text: str) -> ReallocateFund:
    command: ReallocateFund = on(
        ReallocateFund,
        from_purpose="relief",
        to_purpose="habitat",
        amount=yuan(text),
        document=APPROVAL.id,
    )
    return command


def test_change_of_use_moves_unallocated_fen_and_keeps_what_was_received() -> None:
    known = registered("county", "1", "941")
    decision = when(reallocation.reallocate, (known, APPROVAL), change("211")).accepted()
    moved: Lot = after(known, lots, decision)
    assert held(moved.balances, "unallocated", "habitat") == 211_00
    assert held(moved.balances, "unallocated", "relief") == 730_00
    assert held(moved.balances, "received", "relief") == -941_00
    assert decision.document == APPROVAL.number


def test_change_of_use_needs_an_approval_document() -> None:
    known = registered("county", "1", "941")
    when(reallocation.reallocate, (known, LETTER), change("211")).refused(
        ApprovalNeeded, number=LETTER.number
    )


def test_change_of_use_beyond_what_lies_unallocated_is_refused() -> None:
    known, _ = allocated(registered("county", "1", "941"), in_library(), "731")
    when(reallocation.reallocate, (known, APPROVAL), change("211")).refused(
        InsufficientLot, short_fen=1_00
    )


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["allocate", "reallocate"]), st.integers(1, 40_00)), max_size=25
    )
)
def test_accounts_of_a_lot_sum_to_zero_at_every_version(acts: list[tuple[str, int]]) -> None:
    known, project = registered("county", "1", "100"), in_library()
    for act, fen in acts:
        text = f"{fen // 100}.{fen % 100:02d}"
        if act == "allocate":
            outcome = when(lot.allocate, (known, project, None), allocation(text), ALLOCATING)
        else:
            outcome = when(reallocation.reallocate, (known, APPROVAL), change(text))
        if outcome.decision is not None:
            known = after(known, lots, outcome.decision)
            kinds = {type(e) for facts in outcome.decision.events.values() for e in facts}
            assert kinds & {FundAllocated, FundReallocated}
        assert sum(known.balances.values()) == 0
        assert all(
            fen >= 0
            for standing, fen in known.balances.items()
            if standing.account not in ("received", "reallocated")
        )


def test_money_comes_down_and_never_across() -> None:
    """A lot pays for projects of its own area or below it."""
    known = registered("county", "1", "100")
    below = replace(in_library(), area=UUID(int=77), path=(AREA, UUID(int=77)))
    when(lot.allocate, (known, below, None), allocation("1"), ALLOCATING).accepted()
    across = replace(in_library(), area=UUID(int=78), path=(UUID(int=10), UUID(int=78)))
    when(lot.allocate, (known, across, None), allocation("1"), ALLOCATING).refused(
        ProjectElsewhere, lot_area=str(AREA), project_area=str(UUID(int=78))
    )


def test_money_of_a_merged_area_comes_down_from_its_successor() -> None:
    """The lot's area stands in its successor today, and so does the project's."""
    known, successor, village = registered("county", "1", "100"), UUID(int=90), UUID(int=91)
    elsewhere = replace(in_library(), area=village, path=(UUID(int=10), village))
    asked = allocation("1")
    facts = AllocationFacts(path=(successor, AREA), home=successor, project=(successor, village))
    when(lot.allocate, (known, elsewhere, None), asked, facts).accepted()
    apart = AllocationFacts(path=(AREA,), home=AREA, project=(successor, village))
    when(lot.allocate, (known, elsewhere, None), asked, apart).refused(ProjectElsewhere)


def test_a_name_typed_another_way_is_the_same_receipt() -> None:
    """F5: blanks and full-width digits make no second lot."""
    assert a_lot(batch="1").lot() == a_lot(batch=" １").lot()
    assert a_lot(fund_name="测试  资金").lot() == a_lot(fund_name="测试 资金").lot()
    with pytest.raises(ValidationError):
        a_lot(fund_name="  ")
