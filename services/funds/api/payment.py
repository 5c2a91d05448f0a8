"""Routes of payments 拨付: order, confirm, return."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import FromLot, Made
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import stream_id
from services.funds.domain import payment
from services.funds.domain.payment import (
    ConfirmPayment,
    OrderPayment,
    PayeeKind,
    PayFacts,
    Paying,
    Payment,
    PaymentState,
    ReturnPayment,
    payments,
)

from .purse import NOWHERE, path_of, purse_of, relied

router = APIRouter(tags=["拨付"])
Finance = Annotated[Call, Depends(Holds("finance"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class PaymentDrawn(Made):
    """The payment, and which lots it draws."""

    draws: list[FromLot]


class DrawShown(BaseModel):
    lot: UUID
    purpose: str
    amount_fen: int


class PaymentShown(BaseModel):
    id: UUID
    area: UUID
    project: UUID
    state: PaymentState
    payee: UUID
    amount_fen: int
    draws: list[DrawShown]
    use: str
    payee_kind: PayeeKind


async def _of_order(streams: Streams, ask: Ask[OrderPayment]) -> Paying:
    named = (draw.lot for draw in ask.command.draws)
    purse = await purse_of(streams, ask.command.project, *named)
    id_ = stream_id("payment", str(purse.project.area), str(ask.request))
    return Paying(id_, await streams.load(payments, id_), purse)


async def _payee(known: Knowing, state: Paying, ask: Ask[OrderPayment]) -> PayFacts:
    relies_on = await relied(known)
    kind = await known.pool.fetchval(
        "SELECT kind FROM known.organisations WHERE id = $1", ask.command.payee.organisation
    )
    return PayFacts(
        path=await path_of(known, state.purse.project.area),
        relies_on=relies_on,
        payee_kind=kind,
    )


async def _of_answer(streams: Streams, ask: Ask[Any]) -> Paying:
    known = await streams.load(payments, ask.subject)
    purse = await purse_of(streams, known.project or NOWHERE)
    return Paying(ask.subject, known, purse)


async def _where_payment_is(known: Knowing, state: Paying, _: Ask[Any]) -> Facts:
    return Facts(path=await path_of(known, state.payment.area))


ORDER = Decider(
    OrderPayment,
    PayFacts,
    _of_order,
    _payee,
    payment.order,
    keeps_key=True,
    noun="payment",
    amount=lambda _, command: command.amount.read().amount_fen,
)
CONFIRM = Decider(
    ConfirmPayment, Facts, _of_answer, _where_payment_is, payment.confirm, keeps_key=True
)
RETURN = Decider(
    ReturnPayment, Facts, _of_answer, _where_payment_is, payment.send_back, keeps_key=True
)
DECIDERS = (ORDER, CONFIRM, RETURN)


@router.post("/payments", status_code=201, response_model=PaymentDrawn, summary="向单位付款")
async def order(command: OrderPayment, call: Finance) -> Response:
    """资金按支出顺序从项目的各笔资金中提取，答复中列明；余额不足返回 409 与差额。"""
    return await call.execute(ORDER, command, location="/api/v1/funds/payments/{id}")


@router.post(
    "/payments/{id}/confirmations", status_code=201, response_model=Made, summary="银行已入账"
)
async def confirm(id: UUID, command: ConfirmPayment, call: Finance) -> Response:
    return await call.execute(CONFIRM, command, id)


@router.post("/payments/{id}/returns", status_code=201, response_model=Made, summary="银行退回")
async def send_back(id: UUID, command: ReturnPayment, call: Finance) -> Response:
    """同样的分回到原来的资金，仍归原项目。"""
    return await call.execute(RETURN, command, id)


@router.get("/payments/{id}", response_model=PaymentShown, summary="付款")
async def get_payment(id: UUID, call: Anyone) -> Response:
    return await show(call, payments, id, _area)


def _area(state: Payment) -> UUID | None:
    return state.area
