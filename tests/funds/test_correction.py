"""Corrections in funds: what may change, down to what; what is done instead of the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.events.contracts.funds import DocumentCorrected, LotCorrected, ProjectCorrected
from libs.events.correction import EvidenceNeeded, NotCorrectable, NothingToCorrect
from libs.events.types import plain
from services.funds.domain import correction, lot_correction
from services.funds.domain.balances import held
from services.funds.domain.batch import Batch
from services.funds.domain.correction import (
    BatchTooFar,
    CorrectBatch,
    CorrectDocument,
    CorrectPayment,
    CorrectProject,
    FewerThanOrdered,
    LetterOfApproval,
    ProjectAlreadyFunded,
)
from services.funds.domain.document import documents
from services.funds.domain.lot import Lot, lots
from services.funds.domain.lot_correction import (
    CorrectionBelowUsed,
    CorrectLot,
    LotAlreadyAllocated,
    LotWithoutAmount,
    Renaming,
)
from services.funds.domain.lot_key import LotAlreadyRegistered
from services.funds.domain.payment import Payment
from services.funds.domain.project import Project, ProjectAlreadyProposed, ProjectKeyUsed, projects
from tests.funds.given import (
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

WHY = {"reason": "看错一行", "document": "测财农〔2020〕9号"}
KNOWN = replace(LETTER, issued_on=date(2020, 1, 2))


def correcting(command: Any, *, why: Any = None, **changes: Any) -> Any:
    return on(command, changes=changes, **(WHY if why is None else why))


def relief(text: str | None) -> list[dict[str, Any]]:
    return [{"purpose": "relief", "amount": None if text is None else yuan(text)}]


def corrected(known: Lot, **changes: Any) -> Any:
    return when(
        lot_correction.correct_lot,
        Renaming(known, Lot(), LETTER),
        correcting(CorrectLot, **changes),
    )


# --- what every correction has ----------------------------------------------------------------


def test_only_what_differs_changes_old_and_new_side_by_side() -> None:
    command = correcting(CorrectDocument, title="下达第一批资金", kind="funding")
    decision = when(correction.correct_document, KNOWN, command).accepted()
    (event,) = decision.events[UUID(int=1)]
    assert isinstance(event, DocumentCorrected)
    assert plain(event.changes) == [{"field": "title", "was": "下达资金", "now": "下达第一批资金"}]
    assert (event.reason, decision.document) == (WHY["reason"], WHY["document"])
    assert after(KNOWN, documents, decision) == replace(KNOWN, title="下达第一批资金")


def test_what_it_says_already_is_no_correction() -> None:
    command = correcting(CorrectDocument, title=KNOWN.title)
    when(correction.correct_document, KNOWN, command).refused(NothingToCorrect)


def test_nothing_named_or_null_where_something_must_stand_is_malformed() -> None:
    for changes in ({}, {"title": None}, {"colour": "red"}):
        with pytest.raises(ValidationError):
            correcting(CorrectDocument, **changes)
    assert correcting(CorrectDocument, note=None).changes.says() == {"note": None}


def test_a_stored_correction_reads_back_as_it_was_asked() -> None:
    """What was not named stays apart from what was named null."""
    command = correcting(CorrectDocument, note=None)
    assert type(command).model_validate(plain(command)) == command
    assert plain(command)["changes"] == {"note": None}


@pytest.mark.parametrize(
    ("rule", "state", "command", "field"),
    [
        (correction.correct_document, KNOWN, (CorrectDocument, {"number": "另一号"}), "number"),
        (
            correction.correct_payment,
            Payment(UUID(int=5), AREA, UUID(int=6), "paid", UUID(int=7), 1),
            (CorrectPayment, {"amount": yuan("2")}),
            "amount",
        ),
        (
            correction.correct_project,
            correction.Renaming(in_library(), Project()),
            (CorrectProject, {"area": str(UUID(int=9))}),
            "area",
        ),
    ],
)
def test_what_others_rest_on_is_refused_with_the_way_that_is_right(
    rule: Any, state: Any, command: tuple[Any, Any], field: str
) -> None:
    kind, changes = command
    refusal = when(rule, state, correcting(kind, **changes)).refused(NotCorrectable, field=field)
    assert "请" in str(refusal.numbers["way"])


def test_money_is_corrected_by_a_document_or_evidence() -> None:
    known = registered("county", "1", "10")
    bare = correcting(CorrectLot, why={"reason": "看错"}, purposes=relief("9"))
    state = Renaming(known, Lot(), LETTER)
    when(lot_correction.correct_lot, state, bare).refused(EvidenceNeeded, field="purposes.relief")
    shown = {"reason": "看错", "evidence": "0f" * 32}
    proven = correcting(CorrectLot, why=shown, purposes=relief("9"))
    when(lot_correction.correct_lot, state, proven).accepted()


# --- lots --------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 60))
def test_a_lot_is_corrected_down_to_what_has_left_it_and_closes(
    received: int, out: int, wanted: int
) -> None:
    """F1, F2: whatever is asked, no account falls below zero, and per purpose they sum to zero."""
    known = registered("county", "1", f"{received}")
    if 0 < out <= received:
        known, _ = allocated(known, in_library(), f"{out}")
    used = out if 0 < out <= received else 0
    outcome = corrected(known, purposes=relief(f"{wanted}"))
    if wanted == received:
        outcome.refused(NothingToCorrect)
        return
    if wanted < used:
        outcome.refused(CorrectionBelowUsed, used_fen=used * 100, wanted_fen=wanted * 100)
        return
    now = after(known, lots, outcome.accepted())
    assert sum(now.balances.values()) == 0
    assert all((fen > 0) == (s.account != "received") for s, fen in now.balances.items())
    assert -held(now.balances, "received", "relief") == now.amount_fen == wanted * 100


def test_a_purpose_typed_for_another_is_moved_to_the_right_one() -> None:
    known = registered("county", "1", "10")
    right = [{"purpose": "yulu", "amount": yuan("10")}, *relief(None)]
    decision = corrected(known, purposes=right).accepted()
    now = after(known, lots, decision)
    assert held(now.balances, "unallocated", "yulu") == now.amount_fen == 1_000
    assert held(now.balances, "unallocated", "relief") == 0
    assert [(one["field"], one["now"]) for one in decision.body["derived"]] == [
        ("unallocated.relief", 0),
        ("unallocated.yulu", 1_000),
    ]


def test_a_lot_of_nothing_is_refused() -> None:
    corrected(registered("county", "1", "10"), purposes=relief(None)).refused(LotWithoutAmount)


def test_what_orders_the_draws_stays_once_money_is_arranged() -> None:
    known = registered("county", "1", "10")
    corrected(known, level="province").accepted()
    arranged, _ = allocated(known, in_library(), "1")
    corrected(arranged, level="province").refused(LotAlreadyAllocated, field="level")
    corrected(arranged, fund_name="改正的名称").accepted()


def test_a_lot_takes_no_name_that_another_has_and_its_new_name_is_taken() -> None:
    known, other = registered("county", "1", "10"), registered("county", "2", "5")
    command = correcting(CorrectLot, batch="2")
    state = Renaming(known, other, LETTER)
    when(lot_correction.correct_lot, state, command).refused(LotAlreadyRegistered, batch="2")
    decision = when(lot_correction.correct_lot, Renaming(known, Lot(), LETTER), command).accepted()
    own, mark = decision.events
    assert own == known.id
    taken = lots.over(decision.events[mark])
    assert (taken.id, taken.area) == (known.id, None)
    (event,) = decision.events[own]
    assert isinstance(event, LotCorrected)
    assert (event.batch, event.movements) == ("2", ())


# --- the others ---------------------------------------------------------------------------------


def test_a_letter_of_approval_stays_one() -> None:
    letter = replace(APPROVAL, issued_on=date(2020, 1, 2))
    command = correcting(CorrectDocument, kind="funding")
    when(correction.correct_document, letter, command).refused(LetterOfApproval)


def test_the_purpose_of_a_project_that_has_money_stays() -> None:
    project = in_library()
    command = correcting(CorrectProject, purpose="yulu", name="正确的名称")
    fresh = correction.Renaming(project, Project())
    decision = when(correction.correct_project, fresh, command).accepted()
    (event,) = next(iter(decision.events.values()))
    assert isinstance(event, ProjectCorrected)
    assert after(project, projects, decision).purpose == "yulu"
    _, funded = allocated(registered("county", "1", "10"), project, "3")
    state = correction.Renaming(funded, Project())
    when(correction.correct_project, state, command).refused(ProjectAlreadyFunded, funded_fen=300)
    when(correction.correct_project, state, correcting(CorrectProject, kind="industry")).accepted()


def test_a_project_takes_no_name_that_another_has() -> None:
    command = correcting(CorrectProject, name="另一项目")
    other = replace(in_library(), id=UUID(int=99))
    named = correction.Renaming(in_library(), replace(other, name="另一项目"))
    told = {"project": str(other.id)}
    when(correction.correct_project, named, command).refused(ProjectAlreadyProposed, **told)
    since = correction.Renaming(in_library(), other)
    when(correction.correct_project, since, command).refused(ProjectKeyUsed, **told)


def test_a_list_is_corrected_until_its_money_is_held_or_it_is_sealed() -> None:
    batch = Batch(UUID(int=3), AREA, UUID(int=4), step="declared", count=3, amount_fen=900)
    both = correcting(CorrectBatch, count=2, amount=yuan("6"))
    when(correction.correct_batch, batch, both).accepted()
    held_ = replace(batch, step="reserved", ordered=2)
    when(correction.correct_batch, held_, both).refused(BatchTooFar, field="amount")
    fewer = correcting(CorrectBatch, count=1)
    when(correction.correct_batch, held_, fewer).refused(FewerThanOrdered, ordered=2)
    for step in ("sealed", "sent", "answered"):
        when(correction.correct_batch, replace(batch, step=step), fewer).refused(BatchTooFar)
