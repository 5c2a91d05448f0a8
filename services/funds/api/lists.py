"""Lists of funds: a page at a time, within the caller's area."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.shapes import Page
from libs.events.contracts.money import Grade, Level
from libs.events.decider import Decider
from libs.events.entries import Table
from libs.events.types import Day
from services.funds.domain.document import Kind
from services.funds.views import lists

router = APIRouter()
DECIDERS: tuple[Decider[Any, Any, Any], ...] = ()
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class DocumentRow(BaseModel):
    id: UUID
    area: UUID
    number: str
    kind: Kind
    title: str
    issued_on: Day


class LotRow(BaseModel):
    id: UUID
    area: UUID
    level: Level
    year: int
    fund_name: str
    batch: str
    document: UUID
    amount_fen: int


class ProjectRow(BaseModel):
    id: UUID
    area: UUID
    year: int
    name: str
    kind: str
    purpose: str


class PaymentRow(BaseModel):
    id: UUID
    area: UUID
    project: UUID
    payee: UUID
    use: str
    amount_fen: int


class BatchRow(BaseModel):
    id: UUID
    area: UUID
    project: UUID
    scheme: str
    period: str
    tranche: int
    grade: Grade
    count: int
    amount_fen: int


async def _page(call: Call, table: Table, wanted: Wanted) -> Response:
    scope = await scope_of(call, wanted)
    found = await lists.listed(call.log.pool, table, scope, wanted.cursor, wanted.limit)
    return page(found, wanted)


@router.get("/documents", tags=["文件"], response_model=Page[DocumentRow], summary="文件列表")
async def list_documents(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.DOCUMENTS, wanted)


@router.get("/lots", tags=["资金"], response_model=Page[LotRow], summary="资金列表")
async def list_lots(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.LOTS, wanted)


@router.get("/projects", tags=["项目"], response_model=Page[ProjectRow], summary="项目列表")
async def list_projects(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.PROJECTS, wanted)


@router.get("/payments", tags=["拨付"], response_model=Page[PaymentRow], summary="付款列表")
async def list_payments(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.PAYMENTS, wanted)


@router.get("/batches", tags=["发放"], response_model=Page[BatchRow], summary="批次列表")
async def list_batches(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.BATCHES, wanted)
