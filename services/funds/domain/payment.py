"""A payment 拨付 to one payee: ordered by lot, in flight, then confirmed or returned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.events.amount import AmountTyped
from libs.events.contracts import funds
from libs.events.contracts.funds import (
    PaymentConfirmed,
    PaymentCorrected,
    PaymentOrdered,
    PaymentReturned,
)
from libs.events.contracts.money import Draw
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.severity import Overridable
from libs.events.types import Command, Event, Reliance

from .drawing import Places, Purse, Share, Way, movements
from .lot import area_of
from .project import known

SEND = Way("allocated", "in_flight")
PAY = Way("in_flight", "paid")
RETURN = Way("in_flight", "allocated")
PayeeKind = Literal["contractor", "insurer", "unit"]


class PayeeTyped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PayeeKind
    organisation: UUID


class NamedDraw(BaseModel):
    """资金来源与金额，须与支出顺序一致。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lot: UUID
    amount: AmountTyped


class OrderPayment(Overridable):
    """向单位付款。资金按支出顺序从项目的各笔资金中提取；可写明，但须与顺序一致。"""

    project: UUID
    payee: PayeeTyped
    use: str = Field(min_length=1, max_length=200)
    amount: AmountTyped
    draws: tuple[NamedDraw, ...] = Field(default=(), max_length=50)


class ConfirmPayment(Command):
    """银行已入账。业务发生日即入账日。"""


class ReturnPayment(Command):
    """银行退回，同样的分回到原来的资金。业务发生日即退回日。"""

    reason: str = Field(min_length=1, max_length=200)


class UnknownPayee(Refused):
    """收款单位未登记：{organisation}。"""


class PayeeKindDiffers(Refused):
    """收款单位类别不符：登记为 {registered}，付款写的是 {given}。"""


class PaymentNotInFlight(Refused):
    """该笔付款不在途：当前状态为 {state}。"""


class PayFacts(Facts, frozen=True, kw_only=True):
    """The payee as households knows it."""

    relies_on: tuple[Reliance, ...]
    payee_kind: str | None


LotFact = type[funds.FundSent] | type[funds.FundPaid] | type[funds.FundReturned]
PaymentState = Literal["none", "in_flight", "paid", "returned"]


@dataclass(frozen=True, slots=True)
class Payment:
    id: UUID | None = None
    area: UUID | None = None
    project: UUID | None = None
    state: PaymentState = "none"
    payee: UUID | None = None
    amount_fen: int = 0
    draws: tuple[Draw, ...] = ()
    use: str = ""
    payee_kind: PayeeKind = "unit"


@dataclass(frozen=True, slots=True)
class Paying:
    """What a payment's rules look at: the payment to be or as it is, and the project's purse."""

    id: UUID
    payment: Payment
    purse: Purse


def order(state: Paying, command: OrderPayment, facts: PayFacts) -> Decision:
    """F1, F4: every fen names its lot; allocated money of the project only."""
    _, area = known(state.purse.project)
    _require_payee(command.payee, facts.payee_kind)
    amount = command.amount.read()
    named = [(draw.lot, draw.amount.read().amount_fen) for draw in command.draws]
    draws = state.purse.draw(amount.amount_fen, command.counted_on, named)
    ordered = PaymentOrdered(
        payment=state.id,
        area=area,
        project=command.project,
        payee=funds.Payee(kind=command.payee.kind, organisation=command.payee.organisation),
        use=command.use,
        amount=amount,
        draws=draws,
        policy=state.purse.policy.used(command.counted_on),
        relies_on=facts.relies_on,
    )
    moved = _on_lots(state, funds.FundSent, SEND, evolve(Payment(), ordered))
    events = {state.id: (ordered,), **moved}
    body = {
        "id": str(state.id),
        "draws": [{"lot": str(draw.lot), "amount_fen": draw.amount_fen} for draw in draws],
    }
    return Decision(events, body)


def confirm(state: Paying, command: ConfirmPayment, _: Facts) -> Decision:
    """The bank credited it: in flight becomes paid."""
    area = _in_flight(state.payment)
    confirmed = PaymentConfirmed(
        area=area,
        payment=state.id,
        credited_on=command.occurred_on,
        amount_fen=state.payment.amount_fen,
    )
    moved = _on_lots(state, funds.FundPaid, PAY, state.payment)
    events = {state.id: (confirmed,), **moved}
    return Decision(events, {"id": str(state.id)})


def send_back(state: Paying, command: ReturnPayment, _: Facts) -> Decision:
    """The same fen lie on the same lots again, for the same project."""
    area = _in_flight(state.payment)
    returned = PaymentReturned(
        area=area,
        payment=state.id,
        returned_on=command.occurred_on,
        reason=command.reason,
        amount_fen=state.payment.amount_fen,
    )
    moved = _on_lots(state, funds.FundReturned, RETURN, state.payment)
    events = {state.id: (returned,), **moved}
    return Decision(events, {"id": str(state.id)})


def _on_lots(
    state: Paying, fact: LotFact, way: Way, payment: Payment
) -> dict[UUID, tuple[Event, ...]]:
    """The lots' side: one event a lot with its movements."""
    assert payment.payee is not None, "a payment has a payee"
    places = Places.of(None, payment.payee)
    moved = movements(state.purse, way, places, map(Share, payment.draws))
    return {
        lot: (
            fact(
                area=area_of(state.purse.lots[lot]),
                lot=lot,
                payment=state.id,
                batch=None,
                movements=moves,
            ),
        )
        for lot, moves in moved.items()
    }


def _require_payee(payee: PayeeTyped, registered: str | None) -> None:
    if registered is None:
        raise UnknownPayee(organisation=str(payee.organisation))
    if payee.kind not in (registered, "unit"):
        raise PayeeKindDiffers(registered=registered, given=payee.kind)


def _in_flight(payment: Payment) -> UUID:
    if payment.state != "in_flight" or payment.area is None:
        raise PaymentNotInFlight(state=payment.state)
    return payment.area


def evolve(state: Payment, event: Event) -> Payment:
    match event:
        case PaymentOrdered():
            return Payment(
                id=event.payment,
                payee=event.payee.organisation,
                area=event.area,
                project=event.project,
                state="in_flight",
                amount_fen=event.amount.amount_fen,
                draws=event.draws,
                use=event.use,
                payee_kind=event.payee.kind,
            )
        case PaymentCorrected():
            return replace(state, use=event.use)
        case PaymentConfirmed():
            return replace(state, state="paid")
        case PaymentReturned():
            return replace(state, state="returned")
        case _:
            return state


payments: Fold[Payment] = Fold("payment", Payment(), evolve)
