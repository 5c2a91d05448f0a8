"""Routes of members of a household 家庭成员: a change, a split 分户."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from libs.chassis.call import Call, Holds
from libs.chassis.shapes import Made
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.households.domain import member
from services.households.domain.household import Household, households, registry
from services.households.domain.household_row import household_id
from services.households.domain.member import (
    COMING,
    ChangeMember,
    Changing,
    SplitHousehold,
    Splitting,
)
from services.households.domain.person import Person, persons
from services.households.domain.tree import Area, areas

from .admission import areas_of
from .person import GONE

router = APIRouter(tags=["农户"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]


class MembersCounted(Made):
    """The household and how many it is now."""

    persons: int = Field(description="变动后的人数")


async def _of_change(streams: Streams, ask: Ask[ChangeMember]) -> Changing:
    known = await streams.load(households, ask.subject)
    area = Area() if known.area is None else await streams.load(areas, known.area)
    who = Person()
    if ask.command.change in COMING:
        who = await streams.load(persons, ask.command.person)
    return Changing(ask.subject, known, area, who)


async def _of_split(streams: Streams, ask: Ask[SplitHousehold]) -> Splitting:
    known = await streams.load(households, ask.subject)
    if known.area is None:
        return Splitting(ask.subject, known, Area(), {}, Household())
    found = await areas_of(streams, {known.area})
    found |= await areas_of(streams, set(found[known.area].founded) - found.keys())
    new = household_id(registry(known.area, found), ask.command.key)
    other = await streams.load(households, new)
    return Splitting(ask.subject, known, found[known.area], found, other)


async def _where(
    _: Knowing, state: Changing | Splitting, __: Ask[ChangeMember | SplitHousehold]
) -> Facts:
    return Facts(path=state.area.path_on(today()))


CHANGE = Decider(ChangeMember, Facts, _of_change, _where, member.change_member)
SPLIT = Decider(SplitHousehold, Facts, _of_split, _where, member.split)
DECIDERS = (CHANGE, SPLIT)


@router.post(
    "/households/{id}/member-changes",
    status_code=201,
    response_model=MembersCounted,
    responses=GONE,
    summary="登记成员变动",
)
async def change(id: UUID, command: ChangeMember, call: Clerk) -> Response:
    """户主减少后，另改一名成员与户主关系为户主；人数随成员名单。"""
    return await call.execute(CHANGE, command, id)


@router.post(
    "/households/{id}/splits", status_code=201, response_model=MembersCounted, summary="分户"
)
async def split(id: UUID, command: SplitHousehold, call: Clerk) -> Response:
    """新户与原户一并变动；回答新户的编号与人数。"""
    return await call.execute(SPLIT, command, id)
