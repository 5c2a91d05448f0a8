"""Routes of cuts 截面: take."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.events.contracts.reporting import CutTaken
from libs.events.decider import Ask, Decider, Knowing, Streams
from services.reporting.domain import cut
from services.reporting.domain.cut import CutFacts, TakeCut, cuts

from .asked import positions_at

router = APIRouter(tags=["截面"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]


async def _gather(streams: Streams, ask: Ask[TakeCut]) -> CutTaken | None:
    return await streams.load(cuts, ask.command.stream())


async def _unlearned(_: Knowing, __: CutTaken | None, ___: Ask[TakeCut]) -> CutFacts:
    raise TypeError("the positions of a cut are learned from the feeds of the call")


TAKE = Decider(TakeCut, CutFacts, _gather, _unlearned, cut.take)
DECIDERS = (TAKE,)


@router.post("/cuts", status_code=201, summary="留存截面")
async def take(command: TakeCut, call: Clerk) -> Response:
    """之后以 ?cut=名称 查询，同一指标永远得到同样的字节。"""

    async def learn(known: Knowing, _: CutTaken | None, ask: Ask[TakeCut]) -> CutFacts:
        path = await known.path(ask.command.area)
        positions = await positions_at(call, ask.command.known_at)
        return CutFacts(path=path, positions=dict(positions))

    return await call.execute(replace(TAKE, learn=learn), command)
