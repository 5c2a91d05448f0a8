"""Routes of batches 发放批次: declare, reserve, order lines, seal, send, answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import FromLot, Made
from libs.events.contracts.money import Grade
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.known import within
from libs.events.reference import reference
from services.funds.domain import answers, batch, roster, sealing
from services.funds.domain.account import AccountNotOwn, SharedAccount
from services.funds.domain.answers import AnswerLines, AnswerSummary
from services.funds.domain.batch import (
    BankFacts,
    Batch,
    DeclareBatch,
    Listing,
    ReserveBatch,
    SendBatch,
    Step,
    batches_,
)
from services.funds.domain.entitlement import entitlement_stream, entitlements
from services.funds.domain.project import Project, projects
from services.funds.domain.roster import (
    BeneficiaryTyped,
    OrderSubsidies,
    Registered,
    Roster,
    RosterFacts,
)
from services.funds.domain.sealing import SealBatch, SealFacts
from services.funds.domain.standard import STANDARDS, StandardMismatch

from .payment import DrawShown
from .purse import batch_area, listing_of, new_in, path_of, relied, where_batch_is

router = APIRouter(tags=["发放"])
Finance = Annotated[Call, Depends(Holds("finance"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class BatchDrawn(Made):
    """The batch, and which lots hold its sum."""

    draws: list[FromLot]


class LinesTaken(Made):
    """How many lines, and how many fen, are ordered so far."""

    ordered: int
    amount_fen: int


class BatchClosed(Made):
    """`root`: RFC 6962, over the roots of its chunks; null at summary grade, which has no lines."""

    root: str | None


class LinesRead(Made):
    """How many lines of the bank's answer were credited and returned."""

    credited: int
    returned: int


class SubtotalShown(BaseModel):
    area: UUID
    lot: UUID
    purpose: str
    count: int
    amount_fen: int


class BatchShown(BaseModel):
    """`roll`: scheme, period, tranche."""

    id: UUID
    area: UUID
    project: UUID
    roll: tuple[str, str, int]
    grade: Grade
    step: Step
    count: int
    amount_fen: int
    draws: list[DrawShown]
    ordered: int
    ordered_fen: int
    answered: int
    bank: UUID | None
    roots: list[str]
    subtotals: list[SubtotalShown]


_HOUSEHOLDS = f"""
SELECT h.id, h.area, h.members FROM known.households h
 WHERE h.id = ANY ($1::uuid[]) AND h.area IN ({within("$2")})
"""  # noqa: S608 - constants


_WITHIN = f"""
SELECT id FROM known.areas WHERE id = ANY ($1::uuid[]) AND id IN ({within("$2")})
"""  # noqa: S608 - constants


async def _of_declaration(streams: Streams, ask: Ask[DeclareBatch]) -> tuple[Batch, Project]:
    known = await streams.load(batches_, ask.command.batch())
    return known, await streams.load(projects, ask.command.project)


async def _where_declared(known: Knowing, _: Any, ask: Ask[DeclareBatch]) -> Facts:
    return await new_in(known, ask.command.area)


async def _listing(streams: Streams, ask: Ask[Any]) -> Listing:
    return await listing_of(streams, ask.subject)


async def _bank(known: Knowing, state: Listing, ask: Ask[SendBatch]) -> BankFacts:
    relies_on = await relied(known)
    found = await known.pool.fetchval(
        "SELECT true FROM known.organisations WHERE id = $1 AND kind = 'bank'", ask.command.bank
    )
    return BankFacts(
        path=await path_of(known, state.batch.area),
        relies_on=relies_on,
        bank_known=bool(found),
    )


async def _roster(streams: Streams, ask: Ask[OrderSubsidies | AnswerLines]) -> Roster:
    listing = await listing_of(streams, ask.subject)
    named = [line.beneficiary for line in ask.command.lines]
    known = await streams.load_many(entitlements, [_entitlement(listing, who) for who in named])
    return Roster(listing, tuple(known))


async def _to_order(streams: Streams, ask: Ask[OrderSubsidies]) -> Roster:
    return replace(await _roster(streams, ask), standards=await reference(streams, STANDARDS.name))


def _entitlement(listing: Listing, who: BeneficiaryTyped) -> UUID:
    return entitlement_stream(listing.batch.roll, who.kind, who.id)


async def _registered(known: Knowing, state: Roster, ask: Ask[OrderSubsidies]) -> RosterFacts:
    relies_on = await relied(known)
    wanted = [line.beneficiary.household for line in ask.command.lines]
    area = state.listing.batch.area
    rows = await known.pool.fetch(_HOUSEHOLDS, wanted, area)
    return RosterFacts(
        path=await path_of(known, area),
        relies_on=relies_on,
        households={
            str(row["id"]): Registered(area=row["area"], members=tuple(row["members"]))
            for row in rows
        },
    )


async def _areas(known: Knowing, state: Listing, ask: Ask[SealBatch]) -> SealFacts:
    relies_on = await relied(known)
    named = [total.area for total in ask.command.areas]
    rows = await known.pool.fetch(_WITHIN, named, state.batch.area)
    return SealFacts(
        path=await path_of(known, state.batch.area),
        relies_on=relies_on,
        within=tuple(row["id"] for row in rows),
    )


async def _where_roster_is(known: Knowing, state: Roster, _: Ask[Any]) -> Facts:
    return Facts(path=await path_of(known, state.listing.batch.area))


def _sum(state: Listing, _: Any) -> int:
    """What the whole batch moves."""
    return state.batch.amount_fen


DECLARE = Decider(
    DeclareBatch,
    Facts,
    _of_declaration,
    _where_declared,
    batch.declare,
    keeps_key=True,
    noun="batch",
    amount=lambda _, command: command.amount.read().amount_fen,
)
RESERVE = Decider(
    ReserveBatch,
    Facts,
    _listing,
    where_batch_is,
    batch.reserve,
    keeps_key=True,
    amount=_sum,
)
ORDER = Decider(
    OrderSubsidies,
    RosterFacts,
    _to_order,
    _registered,
    roster.order,
    keeps_key=True,
    bends=(StandardMismatch, AccountNotOwn, SharedAccount),
)
SEAL = Decider(SealBatch, SealFacts, _listing, _areas, sealing.seal, keeps_key=True, amount=_sum)
SEND = Decider(SendBatch, BankFacts, _listing, _bank, batch.send, keeps_key=True, amount=_sum)
ANSWER = Decider(AnswerLines, Facts, _roster, _where_roster_is, answers.answer, keeps_key=True)
ANSWER_SUMMARY = Decider(
    AnswerSummary, Facts, _listing, where_batch_is, answers.answer_summary, keeps_key=True
)
DECIDERS = (DECLARE, RESERVE, ORDER, SEAL, SEND, ANSWER, ANSWER_SUMMARY)


@router.post("/batches", status_code=201, response_model=Made, summary="申报发放批次")
async def declare(command: DeclareBatch, call: Finance) -> Response:
    """先报人数与总额；一个区域、补贴、期间与档次只有一个批次。"""
    return await call.execute(DECLARE, command, location="/api/v1/funds/batches/{id}")


@router.post(
    "/batches/{id}/reservations", status_code=201, response_model=BatchDrawn, summary="冻结资金"
)
async def reserve(id: UUID, command: ReserveBatch, call: Finance) -> Response:
    """按支出顺序在各笔资金上冻结批次总额。"""
    return await call.execute(RESERVE, command, id)


@router.post("/batches/{id}/lines", status_code=201, response_model=LinesTaken, summary="报名单")
async def order(id: UUID, command: OrderSubsidies, call: Finance) -> Response:
    """一次至多 1,000 行，整段接受或整段拒绝；未封存的行不起作用。"""
    return await call.execute(ORDER, command, id)


@router.post("/batches/{id}/seals", status_code=201, response_model=BatchClosed, summary="封存名单")
async def seal(id: UUID, command: SealBatch, call: Finance) -> Response:
    """人数与总额须与申报一致。"""
    return await call.execute(SEAL, command, id)


@router.post("/batches/{id}/dispatches", status_code=201, response_model=Made, summary="送银行")
async def send(id: UUID, command: SendBatch, call: Finance) -> Response:
    return await call.execute(SEND, command, id)


@router.post(
    "/batches/{id}/results", status_code=201, response_model=LinesRead, summary="导入银行结果"
)
async def answer(id: UUID, command: AnswerLines, call: Finance) -> Response:
    """逐行入账或退回；重复导入同一结果不起作用。"""
    return await call.execute(ANSWER, command, id)


@router.post(
    "/batches/{id}/summary-results", status_code=201, response_model=Made, summary="汇总级批次入账"
)
async def answer_summary(id: UUID, command: AnswerSummary, call: Finance) -> Response:
    return await call.execute(ANSWER_SUMMARY, command, id)


@router.get("/batches/{id}", response_model=BatchShown, summary="批次")
async def get_batch(id: UUID, call: Anyone) -> Response:
    return await show(call, batches_, id, batch_area)
