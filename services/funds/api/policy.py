"""Routes of draw policies 支出顺序."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.shapes import Made
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.funds.domain import policy
from services.funds.domain.document import Document, documents
from services.funds.domain.policy import AdoptDrawPolicy, DrawPolicy, policies, policy_stream

from .purse import path_of

router = APIRouter(tags=["支出顺序"])


async def _gather(
    streams: Streams, ask: Ask[AdoptDrawPolicy]
) -> tuple[DrawPolicy, Document | None]:
    known = await streams.load(policies, policy_stream(ask.command.area))
    if ask.command.document is None:
        return known, None
    return known, await streams.load(documents, ask.command.document)


async def _learn(known: Knowing, _: object, ask: Ask[AdoptDrawPolicy]) -> Facts:
    """Not as something new in its area: what a merged area left behind is paid by a policy too."""
    return Facts(path=await path_of(known, ask.command.area))


ADOPT = Decider(AdoptDrawPolicy, Facts, _gather, _learn, policy.adopt, keeps_key=True)
DECIDERS = (ADOPT,)


@router.post("/draw-policies", status_code=201, response_model=Made, summary="规定支出顺序")
async def adopt(
    command: AdoptDrawPolicy, call: Annotated[Call, Depends(Holds("finance"))]
) -> Response:
    """从某日起按此顺序提取资金；以前的付款仍注明当时的版本。"""
    return await call.execute(ADOPT, command)
