"""Routes of the two ledgers 双台账: where they differ."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.shapes import Page
from services.assets.views import ledger

router = APIRouter(tags=["台账"])


class Recorded(BaseModel):
    """How one ledger records the asset."""

    keeper: UUID
    value_fen: int | None


class Difference(BaseModel):
    """An asset that stands in one ledger only, or in both with different values."""

    id: UUID
    area: UUID
    name: str
    code: str
    total: Recorded | None
    part: Recorded | None


@router.get("/ledgers/differences", response_model=Page[Difference], summary="两本台账的差异")
async def list_ledger_differences(
    call: Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))],
    wanted: Annotated[Wanted, Query()],
) -> Response:
    """只在一本台账中的资产, 和两本台账价值不同的资产；空表即账账相符。"""
    scope = await scope_of(call, wanted)
    rows = await ledger.differences(call.log.pool, scope, wanted.cursor, wanted.limit)
    return page(rows, wanted)
