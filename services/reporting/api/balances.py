"""The check of balances 核对: what must be so whatever happened."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from services.reporting.views.check import checked
from services.reporting.views.cursors import applied

from .asked import READERS

router = APIRouter(tags=["核对"])


class OpenLot(BaseModel):
    """A lot whose accounts do not sum to zero within a purpose."""

    lot: UUID
    purpose: str
    amount_fen: int


class OtherTotal(BaseModel):
    """A balance that is not the sum of its entries."""

    lot: UUID
    purpose: str
    project: UUID
    account: str
    place: str
    amount_fen: int | None
    entries_fen: int | None


class OtherList(BaseModel):
    """A list whose paid lines are not the paid movements of a lot."""

    batch: UUID
    lot: UUID
    purpose: str
    lines_fen: int
    movements_fen: int
    lines: int
    movements_lines: int


class LotsClose(BaseModel):
    checked: int
    breaches: list[OpenLot]


class TotalsAreEntries(BaseModel):
    breaches: list[OtherTotal]


class ListsAreLots(BaseModel):
    checked: int
    breaches: list[OtherList]


class Checked(BaseModel):
    """Per invariant how many were looked at, and every counterexample."""

    lots_close: LotsClose
    totals_are_entries: TotalsAreEntries
    lists_are_lots: ListsAreLots
    applied: dict[str, int]


@router.get("/balances/check", response_model=Checked, summary="账平核对")
async def check_balances(call: Annotated[Call, Depends(Holds(*READERS, "operator"))]) -> Response:
    """每笔资金按用途各账户之和为零；余额等于流水之和；明细合计等于汇总合计。"""
    found = await checked(call.log.pool, call.caller.area)
    reached = {source: at.position for source, at in (await applied(call.log.pool)).items()}
    return answer({**found, "applied": reached})
