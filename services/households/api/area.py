"""Routes of areas 区域: register, alias, change of code, list. Reforms: `reform`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.reading import show
from libs.chassis.shapes import Made, Page
from libs.events.clock import today
from libs.events.contracts.households import AreaLevel
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import Day, plain
from services.households.domain import area
from services.households.domain.area import (
    AddAreaAlias,
    AreaName,
    ChangeAreaCode,
    Changing,
    Code,
    RegisterArea,
    Registering,
    code_stream,
)
from services.households.domain.tree import Area, areas, bearers
from services.households.views import register as view

router = APIRouter(tags=["区域"])
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]


class CodeShown(BaseModel):
    """A code and name, and from when the area bore them."""

    code: str
    name: str
    valid_from: Day


class DatedCodeShown(CodeShown):
    document: str | None = Field(description="变更所凭文号")


class AreaRow(CodeShown):
    """An area by its newest code and name; `path`: its ancestors today from the top, itself last;
    `ended_on`: the day from which it is no more."""

    id: UUID
    level: AreaLevel
    path: list[UUID]
    ended_on: Day | None


class PathShown(BaseModel):
    """Where the area stands from a day on; what merged stands in its successor."""

    path: list[UUID]
    valid_from: Day
    document: str | None = Field(description="改属所凭文号; null: 登记, 或随上级改属")


class SuccessionShown(BaseModel):
    """Which area it became in whole or in part, or was before, from a day on by a document."""

    area: UUID
    how: Literal["merged", "split"]
    valid_from: Day
    document: str


class AreaShown(AreaRow):
    parent: UUID | None
    codes: list[DatedCodeShown]
    aliases: list[str]
    paths: list[PathShown]
    predecessors: list[SuccessionShown]
    successors: list[SuccessionShown]


class WantedAreas(Wanted):
    code: Code | None = Field(default=None, description="现行或曾用代码")
    name: AreaName | None = Field(
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="现名、曾用名或已确认的别名, 须完全一致",
    )


async def _bearers(streams: Streams, code: str) -> list[Area]:
    """Every area that ever took the code; until when it bore it, its own stream says."""
    marked = await streams.load(bearers, code_stream(code))
    return await streams.load_many(areas, marked)


async def _of_registration(streams: Streams, ask: Ask[RegisterArea]) -> Registering:
    command = ask.command
    known = await streams.load(areas, command.area())
    found = await _bearers(streams, command.code)
    if command.parent is None:
        return Registering(known, None, found)
    parent = await streams.load(areas, command.parent)
    return Registering(known, parent, found)


async def _below_parent(_: Knowing, state: Registering, __: Ask[RegisterArea]) -> Facts:
    parent = state.parent
    return Facts(path=() if parent is None else parent.path_on(today()))


async def _of_alias(streams: Streams, ask: Ask[AddAreaAlias]) -> Area:
    return await streams.load(areas, ask.subject)


async def _itself(_: Knowing, state: Area, __: Ask[AddAreaAlias]) -> Facts:
    return Facts(path=state.path_on(today()))


async def _of_change(streams: Streams, ask: Ask[ChangeAreaCode]) -> Changing:
    known = await streams.load(areas, ask.subject)
    return Changing(known, await _bearers(streams, ask.command.code))


async def _the_changed(_: Knowing, state: Changing, __: Ask[ChangeAreaCode]) -> Facts:
    return Facts(path=state.known.path_on(today()))


REGISTER = Decider(
    RegisterArea,
    Facts,
    _of_registration,
    _below_parent,
    area.register,
    founds_areas=True,
    noun="area",
)
ADD_ALIAS = Decider(AddAreaAlias, Facts, _of_alias, _itself, area.add_alias)
CHANGE_CODE = Decider(ChangeAreaCode, Facts, _of_change, _the_changed, area.change_code)
DECIDERS = (REGISTER, ADD_ALIAS, CHANGE_CODE)


@router.post("/areas", status_code=201, response_model=Made, summary="登记区域")
async def register(command: RegisterArea, call: Steward) -> Response:
    """上级须已登记且级别更高；顶级区域只有全库权限可以登记。"""
    return await call.execute(REGISTER, command, location="/api/v1/households/areas/{id}")


@router.post("/areas/{id}/aliases", status_code=201, response_model=Made, summary="登记区域别名")
async def add_alias(id: UUID, command: AddAreaAlias, call: Steward) -> Response:
    return await call.execute(ADD_ALIAS, command, id)


@router.post("/areas/{id}/codes", status_code=201, response_model=Made, summary="区划代码调整")
async def change_code(id: UUID, command: ChangeAreaCode, call: Steward) -> Response:
    """新代码的启用日须晚于现行代码；旧代码仍可查到本区域。"""
    return await call.execute(CHANGE_CODE, command, id)


@router.get("/areas", response_model=Page[AreaRow], summary="区域列表")
async def list_areas(call: Anyone, wanted: Annotated[WantedAreas, Query()]) -> Response:
    """按编号顺序；`code` 可以是曾用代码, `name` 可以是曾用名或已确认的别名；撤并的区域仍列出。"""
    scope = await scope_of(call, wanted)
    found = view.Found(wanted.code, wanted.name)
    rows = await view.areas(call.log.pool, scope, found, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/areas/{id}", response_model=AreaShown, summary="区域")
async def get_area(id: UUID, call: Anyone) -> Response:
    return await show(call, areas, id, lambda state: state.id, _shown)


def _shown(state: Area) -> dict[str, Any]:
    codes = [dated._asdict() for dated in state.codes]
    path = state.path_on(today())
    registered = {"path": state.founded, "valid_from": state.begins, "document": None}
    shown: dict[str, Any] = plain(
        {
            "id": state.id,
            "level": state.level,
            "parent": path[-2] if len(path) > 1 else None,
            "path": path,
            **{key: codes[-1][key] for key in CodeShown.model_fields},
            "codes": codes,
            "aliases": state.aliases,
            "ended_on": state.ended_on,
            "paths": [registered, *(moved._asdict() for moved in state.moves)],
            "predecessors": [was._asdict() for was in state.predecessors],
            "successors": [became._asdict() for became in state.successors],
        }
    )
    return shown
