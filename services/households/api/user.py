"""Routes of users 用户: register, post, grants, delegation, hand-over, disabling."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.listing import OPAQUE, Wanted, page, scope_of
from libs.chassis.reading import found
from libs.chassis.shapes import Made, Page
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams, where
from libs.events.reference import reference
from libs.events.types import Command, Day, plain
from services.households.domain import grant, user
from services.households.domain.grant import (
    INCOMPATIBLE,
    ROLES,
    Delegate,
    Delegating,
    EndGrant,
    Ending,
    Granting,
    GrantRole,
)
from services.households.domain.organisation import Organisation, organisations
from services.households.domain.user import (
    ChangePost,
    DisableUser,
    HandOverWork,
    Pair,
    RegisterUser,
    Seat,
    User,
    users,
)
from services.households.views import directory as view

router = APIRouter(tags=["用户"])
Security = Annotated[Call, Depends(Holds("security"))]
Reader = Annotated[Call, Depends(Holds("security", "auditor"))]


class UserRow(BaseModel):
    """A user as now; `subject` is what the issuer of tokens says."""

    id: UUID
    subject: str
    unit: UUID | None
    area: UUID | None = Field(description="单位所在区域")
    post: str
    disabled: bool
    successor: UUID | None = Field(description="接手人")


class GrantShown(BaseModel):
    """A grant; with `to` it is the delegation of the grant `of`."""

    id: UUID
    area: UUID | None
    role: str
    duties: list[str]
    valid_from: Day
    valid_until: Day | None
    of: UUID | None
    to: UUID | None


class UserShown(UserRow):
    grants: list[GrantShown]


class WantedUsers(Wanted):
    unit: UUID | None = None
    subject: str | None = Field(default=None, pattern=OPAQUE)


async def _to_register(streams: Streams, ask: Ask[RegisterUser]) -> Seat:
    known, unit = await streams.load(users, ask.command.user()), ask.command.unit
    return Seat(known, Organisation() if unit is None else await streams.load(organisations, unit))


async def _to_move(streams: Streams, ask: Ask[ChangePost]) -> Seat:
    known = await streams.load(users, ask.subject)
    return Seat(known, await streams.load(organisations, ask.command.unit))


async def _of(streams: Streams, ask: Ask[Any]) -> User:
    return await streams.load(users, ask.subject)


async def _pair(streams: Streams, ask: Ask[HandOverWork]) -> Pair:
    known = await streams.load(users, ask.subject)
    return Pair(known, await streams.load(users, ask.command.to))


async def _to_grant(streams: Streams, ask: Ask[GrantRole]) -> Granting:
    known = await streams.load(users, ask.subject)
    roles = await reference(streams, ROLES.name)
    pairs = await reference(streams, INCOMPATIBLE.name)
    return Granting(known, roles, pairs, ask.actor.id)


async def _to_delegate(streams: Streams, ask: Ask[Delegate]) -> Delegating:
    known = await streams.load(users, ask.subject)
    to = await streams.load(users, ask.command.to)
    pairs = await reference(streams, INCOMPATIBLE.name)
    return Delegating(known, to, pairs, ask.actor.id)


async def _to_end(streams: Streams, ask: Ask[EndGrant]) -> Ending:
    known = await streams.load(users, ask.subject)
    given = known.grants.get(ask.command.grant)
    taker = None if given is None else given.to
    return Ending(known, User() if taker is None else await streams.load(users, taker))


async def _at_unit(known: Knowing, state: Seat, _: Ask[Command]) -> Facts:
    return await where(known, _seat_area(state.unit, state.user))


def _seat_area(unit: Organisation, known: User) -> UUID | None:
    return unit.area or known.area


async def _at_user(known: Knowing, state: User, _: Ask[Command]) -> Facts:
    return await where(known, state.area)


async def _at_giver(known: Knowing, state: Pair, _: Ask[Command]) -> Facts:
    return await where(known, state.user.area)


async def _where_granted(known: Knowing, _: Granting, ask: Ask[GrantRole]) -> Facts:
    return await where(known, ask.command.area)


async def _where_delegated(known: Knowing, state: Delegating, ask: Ask[Delegate]) -> Facts:
    lent = state.user.grants.get(ask.command.grant)
    return await where(known, state.user.area if lent is None else lent.area)


async def _where_ended(known: Knowing, state: Ending, ask: Ask[EndGrant]) -> Facts:
    given = state.user.grants.get(ask.command.grant)
    return await where(known, state.user.area if given is None else given.area)


REGISTER = Decider(
    RegisterUser, Facts, _to_register, _at_unit, user.register, founds_areas=True, noun="user"
)
CHANGE_POST = Decider(ChangePost, Facts, _to_move, _at_unit, user.change_post, founds_areas=True)
DISABLE = Decider(DisableUser, Facts, _of, _at_user, user.disable, founds_areas=True)
HAND_OVER = Decider(HandOverWork, Facts, _pair, _at_giver, user.hand_over, founds_areas=True)
GRANT = Decider(GrantRole, Facts, _to_grant, _where_granted, grant.grant, founds_areas=True)
DELEGATE = Decider(
    Delegate, Facts, _to_delegate, _where_delegated, grant.delegate, founds_areas=True
)
END = Decider(EndGrant, Facts, _to_end, _where_ended, grant.end, founds_areas=True)
DECIDERS = (REGISTER, CHANGE_POST, DISABLE, HAND_OVER, GRANT, DELEGATE, END)


@router.post("/users", status_code=201, response_model=Made, summary="登记用户")
async def register(command: RegisterUser, call: Security) -> Response:
    """姓名不登记；`subject` 由发证方给出，终身唯一。"""
    return await call.execute(REGISTER, command, location="/api/v1/households/users/{id}")


@router.post("/users/{id}/posts", status_code=201, response_model=Made, summary="调整岗位")
async def change_post(id: UUID, command: ChangePost, call: Security) -> Response:
    return await call.execute(CHANGE_POST, command, id)


@router.post("/users/{id}/grants", status_code=201, response_model=Made, summary="授予角色")
async def grant_role(id: UUID, command: GrantRole, call: Security) -> Response:
    """三员（系统、安全、审计）不得兼任；其余不相容职责由基础数据规定。"""
    return await call.execute(GRANT, command, id)


@router.post("/users/{id}/grant-ends", status_code=201, response_model=Made, summary="终止授权")
async def end_grant(id: UUID, command: EndGrant, call: Security) -> Response:
    return await call.execute(END, command, id)


@router.post("/users/{id}/delegations", status_code=201, response_model=Made, summary="委托")
async def delegate(id: UUID, command: Delegate, call: Security) -> Response:
    """有委托书、有起止日；本授权终止或本人停用即失效。"""
    return await call.execute(DELEGATE, command, id)


@router.post("/users/{id}/disablings", status_code=201, response_model=Made, summary="停用用户")
async def disable(id: UUID, command: DisableUser, call: Security) -> Response:
    return await call.execute(DISABLE, command, id)


@router.post("/users/{id}/handovers", status_code=201, response_model=Made, summary="移交工作")
async def hand_over(id: UUID, command: HandOverWork, call: Security) -> Response:
    """未办结的由接手人继续；接手人不得审批这些事项。"""
    return await call.execute(HAND_OVER, command, id)


@router.get("/users", response_model=Page[UserRow], summary="用户列表")
async def list_users(call: Reader, wanted: Annotated[WantedUsers, Query()]) -> Response:
    scope = await scope_of(call, wanted)
    of = view.Of(scope, wanted.unit, wanted.subject)
    rows = await view.users(call.log.pool, of, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/users/{id}", response_model=UserShown, summary="用户")
async def get_user(id: UUID, call: Reader) -> Response:
    version, state = await found(call, users, id, _area, lambda one: one.id is not None)
    grants = [{"id": id_, **given._asdict()} for id_, given in state.grants.items()]
    response = answer(plain({**_row(state), "grants": plain(grants)}))
    response.headers["etag"] = f'"{version}"'
    return response


def _area(state: User) -> UUID | None:
    return state.area


def _row(state: User) -> dict[str, Any]:
    names = ("id", "subject", "unit", "area", "post", "disabled", "successor")
    return {name: getattr(state, name) for name in names}
