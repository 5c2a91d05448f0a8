"""Routes of households 农户: register a list, flag one."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.clock import today
from libs.events.contracts.households import Era, RiskType
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import Day, plain
from services.households.domain import household
from services.households.domain.household import (
    Flagging,
    FlagHousehold,
    Household,
    Listed,
    ListFacts,
    RegisterHouseholds,
    households,
)
from services.households.domain.tree import Area, areas

router = APIRouter(tags=["农户"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]


class HouseholdsRegistered(BaseModel):
    count: int
    ids: dict[str, UUID] = Field(description="各 key 的农户编号")


class HouseholdShown(BaseModel):
    """A household by its opaque id; nothing here tells who lives there."""

    id: UUID
    area: UUID
    era: Era
    register_type: str
    persons: int
    registered_on: Day
    synthetic: bool
    listed: int = Field(description="列出的成员数；没有名单的为 0")
    split_from: UUID | None = Field(description="由该户分户而来")
    flags: int
    risks: list[RiskType]
    flagged_on: Day | None


async def _of_list(streams: Streams, ask: Ask[RegisterHouseholds]) -> Listed:
    """Areas are read from their own streams: what was registered a moment ago is known."""
    rows = ask.command.households
    known = await _areas(streams, {ask.command.area, *(row.area for row in rows)})
    above = {area for one in known.values() for area in one.founded}
    known |= await _areas(streams, above - known.keys())
    ids = [row.household(household.registry(row.area, known)) for row in rows]
    return Listed(known[ask.command.area], known, await streams.load_many(households, ids))


async def _areas(streams: Streams, wanted: set[UUID]) -> dict[UUID, Area]:
    ordered = sorted(wanted)
    return dict(zip(ordered, await streams.load_many(areas, ordered), strict=True))


async def _of_flag(streams: Streams, ask: Ask[FlagHousehold]) -> Flagging:
    known = await streams.load(households, ask.subject)
    area = Area() if known.area is None else await streams.load(areas, known.area)
    return Flagging(ask.subject, known, area)


async def _where_listed(_: Knowing, state: Listed, __: Ask[RegisterHouseholds]) -> ListFacts:
    day = today()
    return ListFacts(path=state.area.path_on(day), ended=state.area.ended_on, today=day)


async def _where(_: Knowing, state: Flagging, __: Ask[FlagHousehold]) -> Facts:
    return Facts(path=state.area.path_on(today()))


REGISTER = Decider(RegisterHouseholds, ListFacts, _of_list, _where_listed, household.register)
FLAG = Decider(FlagHousehold, Facts, _of_flag, _where, household.flag)
DECIDERS = (REGISTER, FLAG)


@router.post(
    "/households", status_code=201, response_model=HouseholdsRegistered, summary="成批登记农户"
)
async def register(command: RegisterHouseholds, call: Clerk) -> Response:
    """1 至 1,000 户, 全部成功或全部不登记；回答各 key 的农户编号。"""
    return await call.execute(REGISTER, command)


@router.post("/households/{id}/flags", status_code=201, response_model=Made, summary="登记监测线索")
async def flag(id: UUID, command: FlagHousehold, call: Clerk) -> Response:
    return await call.execute(FLAG, command, id)


@router.get("/households/{id}", response_model=HouseholdShown, summary="农户")
async def get_household(id: UUID, call: Anyone) -> Response:
    return await show(
        call,
        households,
        id,
        lambda state: state.area,
        lambda state: {"id": str(id), **_told(state)},
    )


def _told(state: Household) -> dict[str, Any]:
    """Who its members are is asked of another list."""
    told: dict[str, Any] = plain(state)
    del told["members"], told["related"]
    return told
