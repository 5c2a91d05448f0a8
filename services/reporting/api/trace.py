"""Routes of the trace 穿透: lot, payment, household and asset, each in both directions (X3)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer, require_in_scope
from libs.events.errors import NotFoundError
from services.reporting.views import trace
from services.reporting.views.cursors import Moment

from .asked import READERS, Times, moment_of
from .traced import AssetTraced, HouseholdTraced, LotTraced, PaymentTraced

router = APIRouter(prefix="/trace", tags=["穿透"])
Reader = Annotated[Call, Depends(Holds(*READERS))]


class Traced(Times):
    """The two times, and one page of the households."""

    area: UUID | None = Field(default=None, description="截面的区域，多个区域同名时写明")
    cursor: UUID = Field(default=trace.FIRST, description="上一页最后一户")
    limit: int = Field(default=100, ge=1, le=500)


Asking = Annotated[Traced, Query()]


@router.get("/lots/{id}", response_model=LotTraced, summary="资金去向")
async def trace_lot(id: UUID, call: Reader, asked: Asking) -> Response:
    """文件 → 用途 → 项目 → 付款与批次 → 户 → 资产；付款的已付合计等于该笔资金的已付。"""
    lot, moment = await _found(call, trace.LOT, id, asked)
    pool = call.log.pool
    purposes = await trace.rows(pool, trace.LOT_PURPOSES, id, moment)
    payments = await trace.rows(pool, trace.LOT_PAYMENTS, id, moment)
    body = {
        "lot": lot,
        "paid_fen": sum(row["paid_fen"] for row in purposes),
        "purposes": purposes,
        "projects": await trace.rows(pool, trace.LOT_PROJECTS, id, moment),
        "payments": payments,
        "payments_paid_fen": sum(row["paid_fen"] for row in payments),
        "households": await trace.households(pool, "lot", id, moment, (asked.cursor, asked.limit)),
        "assets": await trace.rows(pool, trace.LOT_ASSETS, id, moment),
    }
    return answer({**body, **moment.told()})


@router.get("/payments/{id}", response_model=PaymentTraced, summary="付款来源")
async def trace_payment(id: UUID, call: Reader, asked: Asking) -> Response:
    """付款或批次 → 各笔资金与文件；在途与已付之和等于付款金额。"""
    payment, moment = await _found(call, trace.PAYMENT, id, asked)
    pool = call.log.pool
    lots = await trace.rows(pool, trace.PAYMENT_LOTS, id, moment)
    body = {
        "payment": payment,
        "drawn_fen": sum(row["drawn_fen"] for row in lots),
        "paid_fen": sum(row["paid_fen"] for row in lots),
        "lots": lots,
        "households": await trace.households(
            pool, "batch", id, moment, (asked.cursor, asked.limit)
        ),
        "assets": await trace.rows(pool, trace.PROJECT_ASSETS, UUID(payment["project"]), moment),
    }
    return answer({**body, **moment.told()})


@router.get("/households/{id}", response_model=HouseholdTraced, summary="户的发放来源")
async def trace_household(id: UUID, call: Reader, asked: Asking) -> Response:
    """一户的每行发放 → 资金与文件。汇总级名单没有户，不在此列。"""
    household, moment = await _found(call, trace.HOUSEHOLD, id, asked)
    lines = await trace.rows(call.log.pool, trace.HOUSEHOLD_LINES, id, moment)
    paid_fen = sum(line["paid_fen"] for line in lines)
    body = {"household": household, "paid_fen": paid_fen, "lines": lines}
    return answer({**body, **moment.told()})


@router.get("/assets/{id}", response_model=AssetTraced, summary="资产来源")
async def trace_asset(id: UUID, call: Reader, asked: Asking) -> Response:
    """资产 → 资金与文件、项目与付款，以及归类、登记、确权、移交的经过。"""
    asset, moment = await _found(call, trace.ASSET, id, asked)
    pool = call.log.pool
    body = {
        "asset": asset,
        "lots": await trace.rows(pool, trace.ASSET_LOTS, id, moment),
        "payments": await trace.rows(pool, trace.PROJECT_PAYMENTS, UUID(asset["project"]), moment),
        "life": await trace.rows(pool, trace.ASSET_LIFE, id, moment),
    }
    return answer({**body, **moment.told()})


async def _found(call: Call, query: str, id: UUID, asked: Traced) -> tuple[dict[str, Any], Moment]:
    """The thing itself at the moment. Raises: NotFoundError, also when it is out of scope."""
    if asked.area is not None:
        await require_in_scope(call, asked.area)
    moment = await moment_of(call, asked, asked.area or call.caller.area)
    found = await trace.one(call.log.pool, query, id, moment)
    if found is None:
        raise NotFoundError()
    if call.caller.area is not None:
        path = await call.log.known.path(UUID(found["area"]))
        if call.caller.area not in path:
            raise NotFoundError()
    return found, moment
