"""Expected formations 应形成资产: the rule that a reactor asks, and the list of what is missing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.events.decider import Ask, Decider, Knowing, Streams
from libs.events.errors import StaleReferenceError
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
    whoever pays has them, so they are to come."""
    funds = await known.fresh("funds")
    project = await copies.project(known.pool, ask.command.project)
    path = await known.path(project.path[-1]) if project.path else ()
    if not path or not project.kind:
        raise StaleReferenceError(
            f"项目 {ask.command.project} 或其区域尚不在副本中",
            source="funds",
            position=funds.position,
        )
    return ExpectationFacts(path=path, funds=funds, kind=project.kind)


EXPECT = Decider(ExpectFormation, ExpectationFacts, _of_project, _kind, expect)
DECIDERS = (EXPECT,)


@router.get("/expected-formations", summary="应形成而未登记的资产")
async def unformed(
    call: Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))],
    wanted: Annotated[Wanted, Query()],
) -> Response:
    """已为其支付资金、按类别应形成资产而尚无资产的项目；按项目编号顺序。"""
    scope = await scope_of(call, wanted)
    return page(await expected.unformed(call.log.pool, scope, wanted.cursor, wanted.limit), wanted)
