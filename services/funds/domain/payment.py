"""A payment 拨付 to one payee: ordered by lot, in flight, then confirmed or returned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.events.amount import AmountTyped
from libs.events.contracts import funds
from libs.events.contracts.funds import PaymentConfirmed, PaymentOrdered, PaymentReturned
from libs.events.contracts.money import Draw
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, Reliance

from .drawing import Purse, Share, Way, movements
from .lot import area_of
from .project import known

SEND = Way("allocated", "in_flight")
PAY = Way("in_flight", "paid")
RETURN = Way("in_flight", "allocated")


class PayeeTyped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["contractor", "insurer", "unit"]
    organisation: UUID


class NamedDraw(BaseModel):
    """资金来源与金额，须与支出顺序一致。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lot: UUID
    amount: AmountTyped


class OrderPayment(Command):
    """向单位付款。资金按支出顺序从项目的各笔资金中提取；可写明，但须与顺序一致。"""

    project: UUID
    payee: PayeeTyped
    use: str = Field(min_length=1, max_length=200)
    amount: AmountTyped
    draws: tuple[NamedDraw, ...] = Field(default=(), max_length=50)


class ConfirmPayment(Command):
    """银行已入账。"""

    credited_on: date


class ReturnPayment(Command):
    """银行退回，同样的分回到原来的资金。"""

    returned_on: date
    reason: str = Field(min_length=1, max_length=200)


class UnknownPayee(Refused):
    """收款单位未登记：{organisation}。"""


class PaymentNotInFlight(Refused):
    """该笔付款不在途：当前状态为 {state}。"""


class PayFacts(Facts, frozen=True, kw_only=True):
    """The payee as households knows it."""

    relies_on: tuple[Reliance, ...]
    payee_known: bool


LotFact = type[funds.FundSent] | type[funds.FundPaid] | type[funds.FundReturned]
PaymentState = Literal["none", "in_flight", "paid", "returned"]


@dataclass(frozen=True, slots=True)
class Payment:
    id: UUID | None = None
    area: UUID | None = None
    project: UUID | None = None
    state: PaymentState = "none"
    amount_fen: int = 0
    draws: tuple[Draw, ...] = ()


@dataclass(frozen=True, slots=True)
class Paying:
    """What a payment's rules look at: the payment to be or as it is, and the project's purse."""

    id: UUID
    payment: Payment
    purse: Purse


def order(state: Paying, command: OrderPayment, facts: PayFacts) -> Decision:
    """F1, F4: every fen names its lot; allocated money of the project only."""
    _, area = known(state.purse.project)
    if not facts.payee_known:
        raise UnknownPayee(organisation=str(command.payee.organisation))
    amount = command.amount.read()
    named = [(draw.lot, draw.amount.read().amount_fen) for draw in command.draws]
    draws = state.purse.draw(amount.amount_fen, command.counted_on, named)
    ordered = PaymentOrdered(
        area=area,
        project=command.project,
        payee=funds.Payee(kind=command.payee.kind, organisation=command.payee.organisation),
        use=command.use,
        amount=amount,
        draws=draws,
        policy=state.purse.policy.used(command.counted_on),
        relies_on=facts.relies_on,
    )
    moved = lot_events(state, funds.FundSent, SEND, draws)
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
        credited_on=command.credited_on,
        amount_fen=state.payment.amount_fen,
    )
    moved = lot_events(state, funds.FundPaid, PAY, state.payment.draws)
    events = {state.id: (confirmed,), **moved}
    return Decision(events, {"id": str(state.id)})


def send_back(state: Paying, command: ReturnPayment, _: Facts) -> Decision:
    """The same fen lie on the same lots again, for the same project."""
    area = _in_flight(state.payment)
    returned = PaymentReturned(
        area=area,
        payment=state.id,
        returned_on=command.returned_on,
        reason=command.reason,
        amount_fen=state.payment.amount_fen,
    )
    moved = lot_events(state, funds.FundReturned, RETURN, state.payment.draws)
    events = {state.id: (returned,), **moved}
    return Decision(events, {"id": str(state.id)})


def lot_events(
    state: Paying, fact: LotFact, way: Way, draws: Iterable[Draw]
) -> dict[UUID, tuple[Event, ...]]:
    """The lots' side: one event a lot with its movements."""
    moved = movements(state.purse, way, map(Share, draws))
    return {
        lot: (
            fact(area=area_of(state.purse.lots[lot]), lot=lot, payment=state.id, movements=moves),
        )
        for lot, moves in moved.items()
    }


def _in_flight(payment: Payment) -> UUID:
    if payment.state != "in_flight" or payment.area is None:
        raise PaymentNotInFlight(state=payment.state)
    return payment.area


def evolve(state: Payment, event: Event) -> Payment:
    match event:
        case PaymentOrdered():
            return Payment(
                area=event.area,
                project=event.project,
                state="in_flight",
                amount_fen=event.amount.amount_fen,
                draws=event.draws,
            )
        case PaymentConfirmed():
            return replace(state, id=event.payment, state="paid")
        case PaymentReturned():
            return replace(state, id=event.payment, state="returned")
        case _:
            return state


payments: Fold[Payment] = Fold("payment", Payment(), evolve)
