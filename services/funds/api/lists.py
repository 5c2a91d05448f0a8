"""Lists of funds: a page at a time, within the caller's area."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.events.decider import Decider
from libs.events.entries import Table
from services.funds.views import lists

router = APIRouter()
DECIDERS: tuple[Decider[Any, Any, Any], ...] = ()
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


async def _page(call: Call, table: Table, wanted: Wanted) -> Response:
    scope = await scope_of(call, wanted)
    found = await lists.listed(call.log.pool, table, scope, wanted.cursor, wanted.limit)
    return page(found, wanted)


@router.get("/documents", tags=["文件"], summary="文件列表")
async def documents(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.DOCUMENTS, wanted)


@router.get("/lots", tags=["资金"], summary="资金列表")
async def lots(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.LOTS, wanted)


@router.get("/projects", tags=["项目"], summary="项目列表")
async def projects(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.PROJECTS, wanted)


@router.get("/payments", tags=["拨付"], summary="付款列表")
async def payments(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.PAYMENTS, wanted)


@router.get("/batches", tags=["发放"], summary="批次列表")
async def batches(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    return await _page(call, lists.BATCHES, wanted)
