"""Routes of cuts 截面: take."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.shapes import Made
from libs.events.decider import Ask, Decider, Knowing, Streams
from services.reporting.domain import cut
from services.reporting.domain.cut import CutFacts, TakeCut, Taking, cuts, names

from .asked import positions_at

router = APIRouter(tags=["截面"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]


class CutKept(Made):
    name: str
    cut: dict[str, int]


async def _gather(streams: Streams, ask: Ask[TakeCut]) -> Taking:
    command = ask.command
    return Taking(
        await streams.load(cuts, command.stream()),
        await streams.load(names, command.name_stream()),
    )


async def _unlearned(_: Knowing, __: Taking, ___: Ask[TakeCut]) -> CutFacts:
    """Listed for its rule: to decide a stored request again, its stored facts are read."""
    raise TypeError("TakeCut learns from the feeds of its call: execute it by POST /cuts")


TAKE = Decider(TakeCut, CutFacts, _gather, _unlearned, cut.take, approvable=False)
DECIDERS = (TAKE,)


@router.post("/cuts", status_code=201, response_model=CutKept, summary="留存截面")
async def take(command: TakeCut, call: Clerk) -> Response:
    """之后以 ?cut=名称 查询，同一指标永远得到同样的字节。"""

    async def learn(known: Knowing, _: Taking, ask: Ask[TakeCut]) -> CutFacts:
        path = await known.path(ask.command.area)
        if not path or call.caller.area not in (None, *path):
            return CutFacts(path=path, positions=())  # refused whatever the logs say
        return CutFacts(path=path, positions=await positions_at(call, ask.command.known_at))

    return await call.execute(replace(TAKE, learn=learn), command)
