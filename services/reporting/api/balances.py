"""The check of balances 核对: what must be so whatever happened."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from services.reporting.views.check import checked
from services.reporting.views.cursors import applied

from .asked import READERS

router = APIRouter(tags=["核对"])


@router.get("/balances/check", summary="账平核对")
async def check(call: Annotated[Call, Depends(Holds(*READERS, "operator"))]) -> Response:
    """每笔资金按用途各账户之和为零；余额等于流水之和；明细合计等于汇总合计。"""
    found = await checked(call.log.pool, call.caller.area)
    reached = {source: at.position for source, at in (await applied(call.log.pool)).items()}
    return answer({**found, "applied": reached})
