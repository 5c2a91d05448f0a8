"""Expected formations 应形成资产: the rule that a reactor asks, and the list of what is missing."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.shapes import Page
from libs.events.decider import Ask, Decider, Knowing, Streams
from libs.events.errors import StaleReferenceError
from libs.events.types import Day
from services.assets.domain.expectation import (
    ExpectationFacts,
    ExpectFormation,
    expect,
    expectation_stream,
    expectations,
)
from services.assets.views import expected
from services.assets.views import known as copies

router = APIRouter(tags=["资产"])


async def _of_project(streams: Streams, ask: Ask[ExpectFormation]) -> bool:
    return await streams.load(expectations, expectation_stream(ask.command.project))


async def _kind(known: Knowing, _: bool, ask: Ask[ExpectFormation]) -> ExpectationFacts:
    """Raises: StaleReferenceError while the project, its kind or its area is not known here yet:
    whoever pays has them, so they are to come. A reactor never runs ahead of the copy."""
    funds = await known.fresh("funds")
    project = await copies.project(known.pool, ask.command.project)
    path = await known.path(project.path[-1]) if project.path else ()
    if not path or not project.kind:
        raise StaleReferenceError(
            f"项目 {ask.command.project} 或其区域尚不在副本中",
            source="funds",
            position=funds.position,
        )
    paid = project.paid or not ask.command.corrected
    return ExpectationFacts(path=path, funds=funds, kind=project.kind, paid=paid)


EXPECT = Decider(ExpectFormation, ExpectationFacts, _of_project, _kind, expect)
DECIDERS = (EXPECT,)


class Unformed(BaseModel):
    """A project that was paid for and whose asset is not there."""

    id: UUID = Field(description="项目")
    area: UUID
    name: str | None = Field(description="null: 副本尚未读到该项目")
    kind: str = Field(description="项目类别")
    expected_on: Day = Field(description="首次支付入账之日，或类别更正之日")


@router.get("/expected-formations", response_model=Page[Unformed], summary="应形成而未登记的资产")
async def list_expected_formations(
    call: Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))],
    wanted: Annotated[Wanted, Query()],
) -> Response:
    """已为其支付资金、按类别应形成资产而尚无资产的项目；按项目编号顺序。"""
    scope = await scope_of(call, wanted)
    return page(await expected.unformed(call.log.pool, scope, wanted.cursor, wanted.limit), wanted)
