"""Routes of systems 对接系统: register, add and retire public keys, list.

Only a steward of the whole installation: a key admits to every service.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.reading import found
from libs.chassis.shapes import Made, Page
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import plain
from services.households.domain import system
from services.households.domain.system import (
    AddSystemKey,
    Registering,
    RegisterSystem,
    RetireSystemKey,
    System,
    systems,
)
from services.households.domain.tree import areas
from services.households.views import register as view

router = APIRouter(tags=["对接系统"])
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds("steward", "operator", "auditor"))]


class KeyMade(Made):
    """The system, and by which id its new key is known."""

    kid: str = Field(description="公钥的指纹（RFC 7638）；断言的 kid 用它")


class KeyShown(BaseModel):
    kid: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    retired: bool


class SystemRow(BaseModel):
    id: UUID
    code: str
    organisation: str
    unit: str
    area: UUID | None = Field(description="null: 全库")


class SystemShown(SystemRow):
    keys: list[KeyShown]


async def _of_registration(streams: Streams, ask: Ask[RegisterSystem]) -> Registering:
    command = ask.command
    known = await streams.load(systems, command.system())
    if command.area is None:
        return Registering(known, None)
    area = await streams.load(areas, command.area)
    return Registering(known, area)


async def _of(streams: Streams, ask: Ask[Any]) -> System:
    return await streams.load(systems, ask.subject)


async def _whole(_: Knowing, __: Any, ___: Ask[Any]) -> Facts:
    """In no area, so that nobody of one area decides who may call."""
    return Facts(path=())


REGISTER = Decider(
    RegisterSystem,
    Facts,
    _of_registration,
    _whole,
    system.register,
    founds_areas=True,
    noun="system",
)
ADD_KEY = Decider(AddSystemKey, Facts, _of, _whole, system.add_key, founds_areas=True)
RETIRE_KEY = Decider(
    RetireSystemKey,
    Facts,
    _of,
    _whole,
    system.retire_key,
    founds_areas=True,
    approvable=False,  # a key in wrong hands waits for nobody
)
DECIDERS = (REGISTER, ADD_KEY, RETIRE_KEY)


@router.post("/systems", status_code=201, response_model=Made, summary="登记对接系统")
async def register(command: RegisterSystem, call: Steward) -> Response:
    """只有全库权限可以登记。系统以角色 system 调用，不出其区域。"""
    return await call.execute(REGISTER, command, location="/api/v1/households/systems/{id}")


@router.post("/systems/{id}/keys", status_code=201, response_model=KeyMade, summary="登记公钥")
async def add_key(id: UUID, command: AddSystemKey, call: Steward) -> Response:
    """只收公钥。换钥时先登记新的，改用新的签名，再停用旧的。"""
    return await call.execute(ADD_KEY, command, id)


@router.post(
    "/systems/{id}/key-retirements", status_code=201, response_model=Made, summary="停用公钥"
)
async def retire_key(id: UUID, command: RetireSystemKey, call: Steward) -> Response:
    """各服务在数秒内不再承认。"""
    return await call.execute(RETIRE_KEY, command, id)


@router.get("/systems", response_model=Page[SystemRow], summary="对接系统列表")
async def list_systems(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    """按编号顺序；全库的系统只列给全库权限。"""
    scope = await scope_of(call, wanted)
    rows = await view.systems(call.log.pool, scope, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/systems/{id}", response_model=SystemShown, summary="对接系统")
async def get_system(id: UUID, call: Anyone) -> Response:
    """及其公钥各自的有效期。"""
    version, state = await found(
        call, systems, id, lambda one: one.area, lambda one: one.id is not None
    )
    response = answer(plain(state))
    response.headers["etag"] = f'"{version}"'
    return response
