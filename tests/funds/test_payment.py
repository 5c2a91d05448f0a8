"""Rules of payments and draws: F4, capability 4; nothing is picked in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.contracts.money import Draw
from services.funds.domain import payment, policy
from services.funds.domain.balances import held
from services.funds.domain.drawing import DrawOrderDiffers, cut
from services.funds.domain.lot import InsufficientLot, PurposeNotAllowed
from services.funds.domain.payment import (
    ConfirmPayment,
    OrderPayment,
    PayeeKindDiffers,
    PayFacts,
    Paying,
    Payment,
    PaymentNotInFlight,
    ReturnPayment,
    UnknownPayee,
    payments,
)
from services.funds.domain.policy import DrawPolicy, InForce, LevelsIncomplete, NoDrawPolicy
from tests.funds.given import AREA, DAY, LEVELS, PAYEE, RELIED, moved, on, purse, registered, yuan
from tests.spec import ANYWHERE, when

KNOWN = PayFacts(path=ANYWHERE.path, relies_on=RELIED, payee_kind="insurer")
ID = UUID(int=99)
PURSE = purse(("county", "1", "65"), ("province", "2", "2.25"), ("province", "1", "15.6"))


def pay(text: str, **fields: object) -> OrderPayment:
    command: OrderPayment = on(
        OrderPayment,
        project=PURSE.project.id,
        payee={"kind": "insurer", "organisation": str(PAYEE)},
        use="保费",
        amount=yuan(text),
        **fields,
    )
    return command


def test_a_payment_draws_higher_levels_first_then_by_batch() -> None:
    decision = when(payment.order, Paying(ID, Payment(), PURSE), pay("30"), KNOWN).accepted()
    levels = [
        (
            PURSE.lots[UUID(draw["lot"])].level,
            PURSE.lots[UUID(draw["lot"])].batch,
            draw["amount_fen"],
        )
        for draw in decision.body["draws"]
    ]
    assert levels == [
        ("province", "1", 15_60),
        ("province", "2", 2_25),
        ("county", "1", 12_15),
    ]


def test_money_in_flight_is_neither_allocated_nor_paid() -> None:
    state = Paying(ID, Payment(), PURSE)
    after = moved(PURSE, when(payment.order, state, pay("30"), KNOWN).accepted())
    sums = {
        account: sum(
            held(lot.balances, account, "relief", PURSE.project.id) for lot in after.lots.values()
        )
        for account in ("allocated", "in_flight", "paid")
    }
    assert sums == {"allocated": 52_85, "in_flight": 30_00, "paid": 0}


def ordered() -> Paying:
    decision = when(payment.order, Paying(ID, Payment(), PURSE), pay("30"), KNOWN).accepted()
    return Paying(ID, payments.over(decision.events[ID]), moved(PURSE, decision))


def test_confirmation_pays_the_same_draws() -> None:
    state = ordered()
    after = moved(state.purse, when(payment.confirm, state, on(ConfirmPayment)).accepted())
    paid = [held(lot.balances, "paid", "relief", PURSE.project.id) for lot in after.lots.values()]
    assert sorted(paid) == [2_25, 12_15, 15_60]


def test_a_return_puts_the_same_fen_back_on_the_same_lots() -> None:
    state = ordered()
    back = on(ReturnPayment, reason="账号不符")
    after = moved(state.purse, when(payment.send_back, state, back).accepted())
    assert {id_: lot.balances for id_, lot in after.lots.items()} == {
        id_: lot.balances for id_, lot in PURSE.lots.items()
    }


def test_a_payment_is_answered_once() -> None:
    state = ordered()
    decision = when(payment.confirm, state, on(ConfirmPayment)).accepted()
    paid = replace(state, payment=payments.over(decision.events[ID], state.payment))
    back = on(ReturnPayment, reason="x")
    when(payment.send_back, paid, back).refused(PaymentNotInFlight, state="paid")


def test_a_payment_beyond_what_the_project_has_is_refused() -> None:
    when(payment.order, Paying(ID, Payment(), PURSE), pay("82.86"), KNOWN).refused(
        InsufficientLot, needed_fen=82_86, available_fen=82_85, short_fen=1
    )


def test_an_unknown_payee_is_refused() -> None:
    strange = PayFacts(path=ANYWHERE.path, relies_on=RELIED, payee_kind=None)
    when(payment.order, Paying(ID, Payment(), PURSE), pay("1"), strange).refused(UnknownPayee)


def test_a_lot_of_another_purpose_cannot_be_named() -> None:
    other = registered("county", "9", "2.35", "pv_retention")
    assert other.id is not None
    state = Paying(ID, Payment(), replace(PURSE, lots={**PURSE.lots, other.id: other}))
    named = pay("1", draws=[{"lot": str(other.id), "amount": yuan("1")}])
    when(payment.order, state, named, KNOWN).refused(
        PurposeNotAllowed, purpose="pv_retention", needed="relief"
    )


def test_lots_named_out_of_order_are_refused() -> None:
    county = next(id_ for id_, lot in PURSE.lots.items() if lot.level == "county")
    named = pay("1", draws=[{"lot": str(county), "amount": yuan("1")}])
    refusal = when(payment.order, Paying(ID, Payment(), PURSE), named, KNOWN)
    assert "100 分" in str(refusal.refused(DrawOrderDiffers).numbers["expected"])


def test_without_a_policy_nothing_is_drawn() -> None:
    state = Paying(ID, Payment(), replace(PURSE, policy=DrawPolicy()))
    when(payment.order, state, pay("1"), KNOWN).refused(NoDrawPolicy, on="2020-03-16")


def test_a_policy_counts_from_its_day_and_the_latest_adopted_wins() -> None:
    first = InForce(date(2020, 1, 1), 1, ("province",))
    second = InForce(date(2020, 7, 1), 2, ("county",))
    known = DrawPolicy(AREA, (first, second))
    assert [known.on(date(2020, month, 1)).version for month in (6, 7)] == [1, 2]
    with pytest.raises(NoDrawPolicy):
        known.on(date(2019, 12, 31))


@pytest.mark.parametrize("levels", [LEVELS[:4], (*LEVELS, "county"), ("county", *LEVELS[:4])])
def test_a_policy_names_each_level_once(levels: tuple[str, ...]) -> None:
    command = on(policy.AdoptDrawPolicy, area=AREA, in_force_from=DAY, levels=levels)
    when(policy.adopt, (DrawPolicy(), None), command).refused(LevelsIncomplete)


def test_a_payee_of_another_kind_is_refused() -> None:
    other = PayFacts(path=ANYWHERE.path, relies_on=RELIED, payee_kind="contractor")
    when(payment.order, Paying(ID, Payment(), PURSE), pay("1"), other).refused(
        PayeeKindDiffers, registered="contractor", given="insurer"
    )


def test_paid_money_is_with_its_payee() -> None:
    state = ordered()
    decision = when(payment.confirm, state, on(ConfirmPayment)).accepted()
    places = {
        movement.to_place
        for facts in decision.events.values()
        for event in facts
        for movement in getattr(event, "movements", ())
    }
    assert places == {f"payee:{PAYEE}"}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.data())
def test_draws_of_the_parts_are_the_draws_of_the_whole(
    wholes: list[int], data: st.DataObject
) -> None:
    draws = [Draw(lot=UUID(int=n), purpose="x", amount_fen=fen) for n, fen in enumerate(wholes)]
    total = sum(wholes)
    marks = sorted({0, total, *data.draw(st.lists(st.integers(0, total), max_size=8))})
    parts = [part for low, high in pairwise(marks) for part in cut(draws, low, high - low)]
    by_lot = {draw.lot: 0 for draw in draws}
    for part in parts:
        by_lot[part.lot] += part.amount_fen
    assert by_lot == {draw.lot: draw.amount_fen for draw in draws}
    assert all(part.amount_fen > 0 for part in parts)
