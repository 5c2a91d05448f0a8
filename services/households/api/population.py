"""Routes of populations 人群: counts at summary grade."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import Day, plain
from services.households.domain import population
from services.households.domain.population import Counting, CountPopulation, populations
from services.households.domain.tree import areas

router = APIRouter(tags=["人群"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]


class PopulationShown(BaseModel):
    """A count at summary grade; a side that was not counted is null."""

    id: UUID
    area: UUID
    population: str
    households: int | None
    persons: int | None
    counted_on: Day
    project: UUID | None
    quote: str | None
    amount_fen: int | None


async def _of_count(streams: Streams, ask: Ask[CountPopulation]) -> Counting:
    known = await streams.load(populations, ask.command.count())
    return Counting(known, await streams.load(areas, ask.command.area))


async def _where(_: Knowing, state: Counting, __: Ask[CountPopulation]) -> Facts:
    return Facts(path=state.area.path_on(today()), ended=state.area.ended_on)


COUNT = Decider(CountPopulation, Facts, _of_count, _where, population.count, noun="population")
DECIDERS = (COUNT,)


@router.post("/populations", status_code=201, response_model=Made, summary="登记汇总级人数")
async def count(command: CountPopulation, call: Clerk) -> Response:
    """同一区域、人群、项目与统计日只登记一次。"""
    return await call.execute(COUNT, command, location="/api/v1/households/populations/{id}")


@router.get("/populations/{id}", response_model=PopulationShown, summary="汇总级人数")
async def get_population(id: UUID, call: Anyone) -> Response:
    return await show(
        call,
        populations,
        id,
        lambda state: state.area,
        lambda state: {"id": str(id), **plain(state)},
    )
