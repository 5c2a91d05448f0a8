"""Routes of corrections 更正 in funds: documents, lots, projects, payments, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.corrections import (
    CorrectionMade,
    Subject,
    citing,
    correct,
    counted,
    counted_since,
    history,
)
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.funds.domain import correction, lot_correction
from services.funds.domain.batch import Batch, batches_
from services.funds.domain.correction import (
    CorrectBatch,
    CorrectDocument,
    CorrectPayment,
    CorrectProject,
)
from services.funds.domain.document import Document, documents
from services.funds.domain.lot import Lot, lot_stream, lots
from services.funds.domain.lot_correction import CorrectLot
from services.funds.domain.payment import Payment, payments
from services.funds.domain.project import Project, project_stream, projects

from .purse import path_of

router = APIRouter()
Clerk = Annotated[Call, Depends(Holds("clerk", "finance"))]
Finance = Annotated[Call, Depends(Holds("finance"))]
READERS = ("clerk", "finance", "auditor")
FIGURES = (
    "reporting",
    "统计数字与报表：以后计算的随之改变，留存截面不变",
    "/api/v1/reporting/figures",
)


async def _of_document(call: Call, id_: UUID, _: Document) -> Sequence[dict[str, Any]]:
    return [
        await citing(call, "lots", [id_], table="view.lots", column="document", fen="amount_fen")
    ]


async def _of_lot(call: Call, _: UUID, state: Lot) -> Sequence[dict[str, Any]]:
    """Projects that hold or held its money, and their payments and lists."""
    given = {s.project: 0 for s in state.balances if s.project is not None}
    for standing, fen in state.balances.items():
        if standing.project is not None:
            given[standing.project] += fen
    wanted = list(given)
    told = counted("projects", wanted, sum(given.values()))
    return [told, *await paid(call, wanted)]


async def _of_project(call: Call, id_: UUID, state: Project) -> Sequence[dict[str, Any]]:
    givers = sorted({giver.lot for giver in state.funded})
    return [counted("lots", givers, sum(state.funded.values())), *await paid(call, [id_])]


async def paid(call: Call, wanted: Sequence[UUID]) -> list[dict[str, Any]]:
    """Of the money of these projects."""
    of = {"column": "project", "fen": "amount_fen"}
    return [
        await citing(call, "payments", wanted, table="view.payments", **of),
        await citing(call, "batches", wanted, table="view.batches", **of),
    ]


async def _of_payment(_: Call, __: UUID, state: Payment) -> Sequence[dict[str, Any]]:
    return [counted("lots", [draw.lot for draw in state.draws], state.amount_fen)]


async def _of_batch(_: Call, __: UUID, state: Batch) -> Sequence[dict[str, Any]]:
    drawn = [draw.lot for draw in state.draws]
    lines = {"what": "lines", "count": state.ordered, "amount_fen": state.ordered_fen, "first": []}
    return [counted("lots", drawn, sum(draw.amount_fen for draw in state.draws)), lines]


DOCUMENT = Subject(
    "documents",
    "document",
    "文件",
    documents,
    lambda one: one.area,
    _of_document,
    (FIGURES, ("funds", "凭此文件的安排与用途调整", "/api/v1/funds/events")),
)
LOT = Subject(
    "lots",
    "lot",
    "资金",
    lots,
    lambda one: one.area,
    _of_lot,
    (
        ("assets", "由该资金形成的资产", "/api/v1/reporting/trace/lots/{id}"),
        ("reporting", "逐户发放与资产来源", "/api/v1/reporting/trace/lots/{id}"),
        FIGURES,
    ),
)
PROJECT = Subject(
    "projects",
    "project",
    "项目",
    projects,
    lambda one: one.area,
    _of_project,
    (("assets", "该项目形成的资产", "/api/v1/assets/assets?project={id}"), FIGURES),
)
PAYMENT = Subject(
    "payments",
    "payment",
    "拨付",
    payments,
    lambda one: one.area,
    _of_payment,
    (("reporting", "付款来源", "/api/v1/reporting/trace/payments/{id}"),),
)
BATCH = Subject("batches", "batch", "发放", batches_, lambda one: one.area, _of_batch, (FIGURES,))
for one in (DOCUMENT, LOT, PROJECT, PAYMENT, BATCH):
    history(router, one, *READERS)


async def _document(streams: Streams, ask: Ask[CorrectDocument]) -> Document:
    return await streams.load(documents, ask.subject)


async def _lot(streams: Streams, ask: Ask[CorrectLot]) -> lot_correction.Renaming:
    """With what stands under the key that it would have."""
    known, changes = await streams.load(lots, ask.subject), ask.command.changes
    if known.area is None or known.document is None:
        return lot_correction.Renaming(known, Lot(), Document())
    key = lot_stream(
        known.area,
        changes.year or known.year,
        changes.level or known.level,
        changes.fund_name or known.fund_name,
        changes.batch or known.batch,
    )
    letter = await streams.load(documents, changes.document or known.document)
    return lot_correction.Renaming(known, await streams.load(lots, key), letter)


async def _project(streams: Streams, ask: Ask[CorrectProject]) -> correction.Renaming:
    known, changes = await streams.load(projects, ask.subject), ask.command.changes
    if known.area is None:
        return correction.Renaming(known, Project())
    key = project_stream(known.area, changes.year or known.year, changes.name or known.name)
    return correction.Renaming(known, await streams.load(projects, key))


async def _payment(streams: Streams, ask: Ask[CorrectPayment]) -> Payment:
    return await streams.load(payments, ask.subject)


async def _batch(streams: Streams, ask: Ask[CorrectBatch]) -> Batch:
    return await streams.load(batches_, ask.subject)


async def _where(known: Knowing, state: Any, ask: Ask[Any]) -> Facts:
    since = await counted_since(known, ask.subject)
    return Facts(path=await path_of(known, state.area), since=since)


async def _where_named(known: Knowing, state: Any, ask: Ask[Any]) -> Facts:
    return await _where(known, state.known, ask)


def _received(state: lot_correction.Renaming, command: CorrectLot) -> int:
    """What the lot is of or would be, whichever is more: a correction is no way around the approval
    of a receipt, neither up nor down."""
    named = {p.purpose: p.amount for p in command.changes.purposes or ()}
    typed = sum(amount.read().amount_fen for amount in named.values() if amount is not None)
    rest = (s for s in state.known.balances if s.account == "received" and s.purpose not in named)
    would = typed - sum(state.known.balances[standing] for standing in rest)
    return max(state.known.amount_fen, would)


def _declared(state: Batch, command: CorrectBatch) -> int:
    amount = command.changes.amount
    return max(state.amount_fen, 0 if amount is None else amount.read().amount_fen)


CORRECT_DOCUMENT = Decider(CorrectDocument, Facts, _document, _where, correction.correct_document)
CORRECT_LOT = Decider(
    CorrectLot,
    Facts,
    _lot,
    _where_named,
    lot_correction.correct_lot,
    keeps_key=True,
    amount=_received,
    approved_as="RegisterLot",
)
CORRECT_PROJECT = Decider(
    CorrectProject,
    Facts,
    _project,
    _where_named,
    correction.correct_project,
    approved_as="ProposeProject",
)
CORRECT_PAYMENT = Decider(CorrectPayment, Facts, _payment, _where, correction.correct_payment)
CORRECT_BATCH = Decider(
    CorrectBatch,
    Facts,
    _batch,
    _where,
    correction.correct_batch,
    keeps_key=True,
    amount=_declared,
    approved_as="DeclareBatch",
)
DECIDERS = (CORRECT_DOCUMENT, CORRECT_LOT, CORRECT_PROJECT, CORRECT_PAYMENT, CORRECT_BATCH)


@router.post(
    "/documents/{id}/corrections",
    status_code=201,
    response_model=CorrectionMade,
    tags=["文件"],
    summary="更正文件",
)
async def correct_document(id: UUID, command: CorrectDocument, call: Clerk) -> Response:
    """只写要更正的项；原登记不变。试算时列出引用它的资金。"""
    return await correct(call, DOCUMENT, CORRECT_DOCUMENT, command, id)


@router.post(
    "/lots/{id}/corrections",
    status_code=201,
    response_model=CorrectionMade,
    tags=["资金"],
    summary="更正到账资金",
)
async def correct_lot(id: UUID, command: CorrectLot, call: Clerk) -> Response:
    """各用途不得少于已动用的数；涉及金额须有凭据。试算时列出项目、付款与批次。"""
    return await correct(call, LOT, CORRECT_LOT, command, id)


@router.post(
    "/projects/{id}/corrections",
    status_code=201,
    response_model=CorrectionMade,
    tags=["项目"],
    summary="更正项目",
)
async def correct_project(id: UUID, command: CorrectProject, call: Clerk) -> Response:
    """已安排资金的，用途不能更正。"""
    return await correct(call, PROJECT, CORRECT_PROJECT, command, id)


@router.post(
    "/payments/{id}/corrections",
    status_code=201,
    response_model=CorrectionMade,
    tags=["拨付"],
    summary="更正付款说明",
)
async def correct_payment(id: UUID, command: CorrectPayment, call: Finance) -> Response:
    """只更正用途说明；金额、收款单位、项目须退回后重新付款。"""
    return await correct(call, PAYMENT, CORRECT_PAYMENT, command, id)


@router.post(
    "/batches/{id}/corrections",
    status_code=201,
    response_model=CorrectionMade,
    tags=["发放"],
    summary="更正批次申报",
)
async def correct_batch(id: UUID, command: CorrectBatch, call: Finance) -> Response:
    """总额在冻结之前、人数在封存之前；封存后不更正。"""
    return await correct(call, BATCH, CORRECT_BATCH, command, id)
