"""Rules of lists: declare, reserve, order, seal, send, answer (P8, F7, F9; journey J2)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.batches import (
    BatchSealed,
    LinesOrdered,
    SubsidyDisbursed,
    SubsidyOrdered,
    SubsidyReturned,
)
from libs.events.contracts.money import Account
from libs.events.decider import Decision
from services.funds.domain import answers, batch, roster, sealing
from services.funds.domain.answers import AnswerLines, AnswerSummary, LineDiffers
from services.funds.domain.balances import held
from services.funds.domain.batch import (
    BankFacts,
    Batch,
    BatchAlreadyDeclared,
    BatchStepOutOfOrder,
    BatchTotalDiffers,
    DeclareBatch,
    GradeDiffers,
    Listing,
    ProjectOfAnotherArea,
    ReserveBatch,
    SendBatch,
    UnknownBank,
    batches_,
)
from services.funds.domain.entitlement import Entitlement, Roll, entitlements
from services.funds.domain.lot import InsufficientLot
from services.funds.domain.roster import (
    AlreadyPaid,
    LinesNotContiguous,
    OrderSubsidies,
    Registered,
    Roster,
    RosterFacts,
    UnknownHousehold,
    UnknownPerson,
)
from services.funds.domain.sealing import AreasDiffer, SealBatch, SealFacts
from tests.funds.given import AREA, HOUSEHOLD, RELIED, listing, on, purse, yuan
from tests.spec import ANYWHERE, when

BANK = BankFacts(path=ANYWHERE.path, relies_on=RELIED, bank_known=True)
WITHIN = SealFacts(path=ANYWHERE.path, relies_on=RELIED, within=(UUID(int=500), UUID(int=501)))
PURSE = purse(("province", "1", "10"), ("county", "1", "20"))


def house(nth: int) -> UUID:
    return UUID(int=HOUSEHOLD.int + nth)


def village(nth: int) -> UUID:
    return UUID(int=500 + nth % 2)


KNOWN = RosterFacts(
    path=ANYWHERE.path,
    relies_on=RELIED,
    households={
        str(house(nth)): Registered(area=village(nth), members=(UUID(int=9000 + nth),))
        for nth in range(1, 6)
    },
)


def declared(count: int = 4, text: str = "28", grade: str = "line") -> Listing:
    command = on(
        DeclareBatch,
        area=AREA,
        project=PURSE.project.id,
        scheme="relief",
        period="2020",
        grade=grade,
        count=count,
        amount=yuan(text),
    )
    decision = when(batch.declare, (Batch(), PURSE.project), command).accepted()
    return listing(Listing(Batch(), PURSE), decision)


def reserved(**wanted: object) -> Listing:
    state = declared(**wanted)  # type: ignore[arg-type]  # passed through to declared
    return listing(state, when(batch.reserve, state, on(ReserveBatch)).accepted())


def chunk(first: int, *amounts: str) -> OrderSubsidies:
    lines = [
        {
            "beneficiary": {"id": house(first + nth), "household": house(first + nth)},
            "amount": yuan(text),
        }
        for nth, text in enumerate(amounts)
    ]
    command: OrderSubsidies = on(OrderSubsidies, first=first, lines=lines)
    return command


def open_(state: Listing, count: int) -> Roster:
    return Roster(state, (Entitlement(),) * count)


def order(state: Listing, first: int, *amounts: str) -> tuple[Listing, Decision]:
    command = chunk(first, *amounts)
    decision = when(roster.order, open_(state, len(amounts)), command, KNOWN).accepted()
    return listing(state, decision), decision


def sent() -> tuple[Listing, dict[int, Entitlement]]:
    """Four lines of 7 yuan ordered in two chunks, sealed and sent."""
    state = reserved()
    state, one = order(state, 1, "7", "7")
    state, two = order(state, 3, "7", "7")
    state = listing(state, when(sealing.seal, state, on(SealBatch), WITHIN).accepted())
    send = on(SendBatch, bank=UUID(int=77))
    state = listing(state, when(batch.send, state, send, BANK).accepted())
    orders = [e for d in (one, two) for facts in d.events.values() for e in facts]
    found = [e for e in orders if isinstance(e, SubsidyOrdered)]
    return state, {line.line: entitlements.over([line]) for line in found}


def result(*lines: tuple[int, str]) -> AnswerLines:
    command: AnswerLines = on(
        AnswerLines,
        lines=[
            {
                "line": line,
                "beneficiary": {"id": house(line), "household": house(line)},
                "outcome": outcome,
                "reason": "账号不符" if outcome == "returned" else None,
            }
            for line, outcome in lines
        ],
    )
    return command


def in_account(state: Listing, account: Account) -> int:
    return sum(
        held(lot.balances, account, "relief", PURSE.project.id) for lot in state.purse.lots.values()
    )


def test_reserving_holds_the_whole_sum_once_in_the_order_of_the_policy() -> None:
    state = reserved()
    assert [draw.amount_fen for draw in state.batch.draws] == [10_00, 18_00]
    assert (in_account(state, "reserved"), in_account(state, "allocated")) == (28_00, 2_00)


def test_a_batch_is_declared_once() -> None:
    state = declared()
    command = on(
        DeclareBatch,
        area=AREA,
        project=PURSE.project.id,
        scheme="relief",
        period="2020",
        grade="summary",
        count=1,
        amount=yuan("1"),
    )
    when(batch.declare, (state.batch, PURSE.project), command).refused(
        BatchAlreadyDeclared, scheme="relief", tranche=1
    )


def test_reserving_beyond_the_project_is_refused() -> None:
    state = declared(text="30.01")
    when(batch.reserve, state, on(ReserveBatch)).refused(InsufficientLot, short_fen=1)


def test_each_line_draws_the_next_fen_of_the_whole() -> None:
    _, one = order(reserved(), 1, "7", "7")
    lines = [e for facts in one.events.values() for e in facts if isinstance(e, SubsidyOrdered)]
    drawn = [[draw.amount_fen for draw in line.draws] for line in lines]
    assert drawn == [[7_00], [3_00, 4_00]]
    totals = next(e for facts in one.events.values() for e in facts if isinstance(e, LinesOrdered))
    assert [(s.count, s.amount_fen) for s in totals.subtotals] == [(1, 7_00), (1, 3_00), (0, 4_00)]


def test_lines_come_in_order_and_within_the_declared_total() -> None:
    state = reserved()
    when(roster.order, open_(state, 1), chunk(2, "7"), KNOWN).refused(
        LinesNotContiguous, expected=1, first=2
    )
    when(roster.order, open_(state, 1), chunk(1, "28.01"), KNOWN).refused(
        BatchTotalDiffers, declared_fen=28_00, listed_fen=28_01
    )


def test_the_second_chunk_counts_on_from_the_first() -> None:
    state, one = order(reserved(), 1, "7", "7")
    assert one.body["amount_fen"] == 14_00
    when(roster.order, open_(state, 1), chunk(2, "7"), KNOWN).refused(
        LinesNotContiguous, expected=3, first=2
    )
    when(roster.order, open_(state, 3), chunk(3, "1", "1", "1"), KNOWN).refused(
        BatchTotalDiffers, declared=4, listed=5, listed_fen=17_00
    )
    state, two = order(state, 3, "7", "7")
    assert (two.body["ordered"], two.body["amount_fen"]) == (4, 28_00)


def test_a_strange_household_of_a_later_chunk_is_named_by_its_row() -> None:
    state, _ = order(reserved(), 1, "7", "7")
    few = RosterFacts(
        path=ANYWHERE.path,
        relies_on=RELIED,
        households={str(house(3)): Registered(area=village(3), members=())},
    )
    when(roster.order, open_(state, 2), chunk(3, "1", "1"), few).refused(
        UnknownHousehold, line=4, count=1
    )


def test_a_household_outside_the_register_is_named_by_its_row() -> None:
    strange = chunk(1, "1")
    strange = strange.model_copy(
        update={
            "lines": (
                strange.lines[0].model_copy(
                    update={
                        "beneficiary": roster.BeneficiaryTyped(
                            id=UUID(int=999), household=UUID(int=999)
                        )
                    }
                ),
            )
        }
    )
    when(roster.order, open_(reserved(), 1), strange, KNOWN).refused(
        UnknownHousehold, line=1, count=1
    )


@pytest.mark.parametrize("state", ["ordered", "paid"])
def test_nobody_is_paid_twice_for_the_same_entitlement(state: str) -> None:
    live = Entitlement(state)  # type: ignore[arg-type]  # parametrised over the states
    when(roster.order, Roster(reserved(), (live,)), chunk(1, "1"), KNOWN).refused(
        AlreadyPaid, line=1, state=state
    )


def test_a_returned_line_opens_its_entitlement_again() -> None:
    free = Roster(reserved(), (Entitlement("returned"),))
    when(roster.order, free, chunk(1, "1"), KNOWN).accepted()


def test_the_same_beneficiary_twice_in_a_chunk_is_refused() -> None:
    one = chunk(1, "1")
    twice = one.model_copy(update={"lines": one.lines * 2})
    when(roster.order, open_(reserved(), 2), twice, KNOWN).refused(
        AlreadyPaid, line=2, state="repeated"
    )


def test_sealing_needs_count_and_sum_as_declared() -> None:
    state, _ = order(reserved(), 1, "7", "7")
    when(sealing.seal, state, on(SealBatch), WITHIN).refused(
        BatchTotalDiffers, declared=4, listed=2, listed_fen=14_00
    )
    state, _ = order(state, 3, "7", "7")
    decision = when(sealing.seal, state, on(SealBatch), WITHIN).accepted()
    sealed = next(e for facts in decision.events.values() for e in facts)
    assert isinstance(sealed, BatchSealed)
    assert sealed.relies_on == RELIED
    assert sum(s.amount_fen for s in sealed.subtotals) == 28_00
    assert sum(s.count for s in sealed.subtotals) == 4
    assert len(sealed.root or "") == 64


def test_steps_are_taken_in_order() -> None:
    state = declared()
    when(roster.order, open_(state, 1), chunk(1, "1"), KNOWN).refused(
        BatchStepOutOfOrder, needed="reserved", step="declared"
    )
    send = on(SendBatch, bank=UUID(int=77))
    when(batch.send, reserved(), send, BANK).refused(BatchStepOutOfOrder, needed="sealed")


def test_an_unknown_bank_gets_nothing() -> None:
    state, _ = order(reserved(), 1, "7", "7")
    state, _ = order(state, 3, "7", "7")
    state = listing(state, when(sealing.seal, state, on(SealBatch), WITHIN).accepted())
    send = on(SendBatch, bank=UUID(int=77))
    unknown = BankFacts(path=ANYWHERE.path, relies_on=RELIED, bank_known=False)
    when(batch.send, state, send, unknown).refused(UnknownBank)


def test_credited_lines_are_paid_and_returned_fen_lie_on_their_lots_again() -> None:
    state, known = sent()
    assert in_account(state, "in_flight") == 28_00
    command = result((1, "credited"), (2, "returned"), (3, "credited"), (4, "credited"))
    rows = Roster(state, tuple(known[line] for line in (1, 2, 3, 4)))
    decision = when(answers.answer, rows, command).accepted()
    after = listing(state, decision)
    asked: tuple[Account, ...] = ("in_flight", "paid", "allocated", "reserved")
    accounts = {account: in_account(after, account) for account in asked}
    assert accounts == {"in_flight": 0, "paid": 21_00, "allocated": 9_00, "reserved": 0}
    kinds = [type(e) for facts in decision.events.values() for e in facts]
    assert (kinds.count(SubsidyDisbursed), kinds.count(SubsidyReturned)) == (3, 1)
    assert after.batch.step == "answered"
    back = next(
        e for facts in decision.events.values() for e in facts if isinstance(e, SubsidyReturned)
    )
    assert [draw.amount_fen for draw in back.draws] == [3_00, 4_00]


def test_the_same_result_again_changes_nothing() -> None:
    state, known = sent()
    paid = replace(known[1], state="paid")
    when(answers.answer, Roster(state, (paid,)), result((1, "credited"))).refused(
        LineDiffers, line=1, state="paid"
    )


def test_a_result_for_a_line_of_another_number_is_refused() -> None:
    state, known = sent()
    wrong = Roster(state, (known[2],))
    when(answers.answer, wrong, result((1, "credited"))).refused(LineDiffers, line=1)


def test_a_list_without_names_is_sealed_by_area_and_credited_whole() -> None:
    state = reserved(grade="summary")
    areas = [
        {"area": village(0), "count": 3, "amount": yuan("21")},
        {"area": village(1), "count": 1, "amount": yuan("7")},
    ]
    decision = when(sealing.seal, state, on(SealBatch, areas=areas), WITHIN).accepted()
    state = listing(state, decision)
    counted = [(s.area, s.count, s.amount_fen) for s in state.batch.subtotals]
    assert counted == [(village(0), 3, 10_00), (village(0), 0, 11_00), (village(1), 1, 7_00)]
    send = on(SendBatch, bank=UUID(int=77))
    state = listing(state, when(batch.send, state, send, BANK).accepted())
    credit = on(AnswerSummary)
    state = listing(state, when(answers.answer_summary, state, credit).accepted())
    assert (in_account(state, "paid"), state.batch.step) == (28_00, "answered")


def test_lines_and_summaries_are_never_mixed() -> None:
    summary = reserved(grade="summary")
    when(roster.order, open_(summary, 1), chunk(1, "1"), KNOWN).refused(GradeDiffers)
    areas = [{"area": village(0), "count": 4, "amount": yuan("28")}]
    when(sealing.seal, reserved(), on(SealBatch, areas=areas), WITHIN).refused(
        GradeDiffers, grade="line"
    )


def test_a_chunk_holds_at_most_a_thousand_lines() -> None:
    one = chunk(1, "0.01").lines[0].model_dump(mode="json")
    with pytest.raises(ValidationError):
        on(OrderSubsidies, first=1, lines=[one] * 1001)


@pytest.mark.parametrize("areas", [[UUID(int=999)], [UUID(int=500), UUID(int=500)]])
def test_a_sum_names_each_area_of_the_batch_once(areas: list[UUID]) -> None:
    named = [{"area": area, "count": 1, "amount": yuan("1")} for area in areas]
    when(sealing.seal, reserved(grade="summary"), on(SealBatch, areas=named), WITHIN).refused(
        AreasDiffer
    )


def test_a_batch_pays_for_a_project_of_its_own_area_only() -> None:
    command = on(
        DeclareBatch,
        area=UUID(int=12345),
        project=PURSE.project.id,
        scheme="relief",
        period="2020",
        grade="line",
        count=1,
        amount=yuan("1"),
    )
    when(batch.declare, (Batch(), PURSE.project), command).refused(
        ProjectOfAnotherArea, project_area=str(AREA)
    )


def test_a_household_is_its_own_beneficiary() -> None:
    one = chunk(1, "1").model_dump(mode="json")
    one["lines"][0]["beneficiary"]["id"] = str(UUID(int=4711))
    with pytest.raises(ValidationError, match="household"):
        OrderSubsidies.model_validate(one)


@pytest.mark.parametrize(("person", "listed"), [(9001, True), (9002, False)])
def test_a_person_is_paid_as_a_member_of_the_household_that_lists_it(
    person: int, listed: bool
) -> None:
    one = chunk(1, "1").model_dump(mode="json")
    one["lines"][0]["beneficiary"] |= {"kind": "person", "id": str(UUID(int=person))}
    asked = OrderSubsidies.model_validate(one)
    outcome = when(roster.order, open_(reserved(), 1), asked, KNOWN)
    if listed:
        outcome.accepted()
    else:
        outcome.refused(UnknownPerson, line=1, count=1)


def test_what_an_earlier_run_left_is_another_list_for_the_same_entitlements() -> None:
    fields = {"area": AREA, "project": PURSE.project.id, "scheme": "relief", "period": "2020"}
    rest = {"grade": "line", "count": 1, "amount": yuan("1")}
    first, second = (on(DeclareBatch, **fields, **rest, run=run) for run in (1, 2))
    assert first.batch() != second.batch()
    decision = when(batch.declare, (Batch(), PURSE.project), second).accepted()
    assert batches_.over(decision.events[second.batch()]).roll == Roll("relief", "2020", 1)


def test_a_return_says_why_and_a_credit_does_not() -> None:
    given = result((1, "returned")).model_dump(mode="json")
    given["lines"][0]["reason"] = None
    with pytest.raises(ValidationError, match="退回须写原因"):
        AnswerLines.model_validate(given)
