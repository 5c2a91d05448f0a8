"""Routes of approvals 审批, the same in every service: list, look at, say yes, say no, withdraw."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.events.answer import problem
from libs.events.approval import Approval
from libs.events.approval import approvals as fold
from libs.events.approvals import (
    ApprovalFacts,
    GiveApproval,
    RejectApproval,
    Waiting,
    WithdrawApproval,
    foreseen,
    learned,
    waiting,
)
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Knowing
from libs.events.errors import Refused
from libs.events.known import below
from libs.events.loads import LiveStreams
from libs.events.same_device import Compared, mark_of
from libs.events.types import Command, Event, plain, withheld

from .auth import ROLES
from .call import Call, Holds
from .common_routes import answer
from .device import device_of
from .factor_routes import factors_of
from .listing import NAME, OPAQUE, Wanted, page, scope_of
from .reading import found
from .second_factor import HEADER, require_second_factor
from .service import Service
from .shapes import Made, NeedsShown, Page

router = APIRouter(tags=["审批"])
Anyone = Annotated[Call, Depends(Holds(*ROLES))]
State = Literal["submitted", "approved", "rejected", "withdrawn"]
NOT_SHOWN = ("role", "request", "device")


class ApprovalGivenShown(Made):
    """How many said yes to these events; `result` is the command's answer once enough have."""

    given: int
    needed: int
    result: dict[str, Any] | None


class ApprovalAsAsked(BaseModel):
    """What waits, and who asked."""

    id: UUID
    area: UUID | None
    command: str
    target: UUID | None
    maker: str
    amount_fen: int | None
    state: State


class ApprovalLine(ApprovalAsAsked):
    """In the list."""

    needed: int
    duties: list[str]
    requested_at: AwareDatetime
    at: AwareDatetime = Field(description="自何时起处于此状态")
    flagged: bool = Field(description="有两步在规定时间内出自同一浏览器或设备")


class EventForeseen(BaseModel):
    """An event that would be appended."""

    stream: UUID
    type: str
    data: dict[str, Any]


class SaidShown(BaseModel):
    by: str
    role: str
    behalf: str | None
    digest: str
    device: Compared = Field(description="与先前各步是否同一浏览器或设备；unknown：至少一步未告知")
    after_s: int | None = Field(description="距同一设备上一步的秒数")
    flagged: bool = Field(description="同一设备且相隔在规定时间内，供审计查看；不妨碍审批")


class ApprovalShown(ApprovalAsAsked):
    """With the command, and exactly what would be appended now; `refusal`: why nothing would."""

    body: dict[str, Any]
    behalf: str | None
    needs: NeedsShown
    second_factor: bool = Field(description="同意时须二次验证")
    given: list[SaidShown]
    digest: str | None = Field(description="现在所见内容的摘要；同意时照录")
    events: list[EventForeseen]
    refusal: dict[str, Any] | None


class WantedApprovals(Wanted):
    state: State | None = Field(
        default=None, description="缺省 submitted；flagged=true 时缺省为任何状态"
    )
    flagged: bool | None = Field(
        default=None, description="true：只列有两步在规定时间内出自同一浏览器或设备的"
    )
    command: str | None = Field(default=None, pattern=NAME)
    maker: str | None = Field(default=None, pattern=OPAQUE)


@router.get("/approvals", response_model=Page[ApprovalLine], summary="审批列表")
async def list_approvals(call: Anyone, wanted: Annotated[WantedApprovals, Query()]) -> Response:
    scope = await scope_of(call, wanted)
    state = wanted.state or (None if wanted.flagged else "submitted")
    which = (state, wanted.flagged, wanted.command, wanted.maker)
    rows = await call.log.pool.fetch(_APPROVALS, scope, wanted.cursor, wanted.limit, *which)
    return page(rows, wanted)


@router.get("/approvals/{id}", response_model=ApprovalShown, summary="审批事项")
async def get_approval(id: UUID, call: Anyone) -> Response:
    """所列事件即同意后所记的全部事件；摘要随内容而变。"""
    version, approval = await found(call, fold, id, _area, _is_there)
    shown = {**_asked(approval), **await _foreseen(call, id)}
    response = answer(shown)
    response.headers["etag"] = f'"{version}"'
    return response


@router.post(
    "/approvals/{id}/approvals", status_code=201, response_model=ApprovalGivenShown, summary="同意"
)
async def give(id: UUID, command: GiveApproval, call: Anyone) -> Response:
    """须照录所见内容的摘要；经办人及其受托、接手人不得同意。"""
    known = await call.first_answer()
    if known is not None:
        return known
    verified = HEADER in call.request.headers
    if verified and not call.dry_run:  # a rehearsal uses no code up
        await require_second_factor(call, factors_of(call))

    mark = mark_of(device_of(call.request), id)

    async def learn(known: Knowing, state: Waiting, ask: Ask[Any]) -> ApprovalFacts:
        facts = await learned(known, state, ask)
        return msgspec.structs.replace(facts, verified=verified, device=mark)

    decider = replace(_decider(call, GiveApproval), learn=learn)
    return await (await _seated(call, id)).execute(decider, command, id)


@router.post("/approvals/{id}/rejections", status_code=201, response_model=Made, summary="退回")
async def reject(id: UUID, command: RejectApproval, call: Anyone) -> Response:
    return await (await _seated(call, id)).execute(_decider(call, RejectApproval), command, id)


@router.post(
    "/approvals/{id}/withdrawals", status_code=201, response_model=Made, summary="撤回报审"
)
async def withdraw(id: UUID, command: WithdrawApproval, call: Anyone) -> Response:
    return await call.execute(_decider(call, WithdrawApproval), command, id)


def _decider(call: Call, command: type[Command]) -> Decider[Any, Any, Any]:
    service: Service = call.request.app.state.service
    return next(one for one in service.approving if one.command is command)


async def _seated(call: Call, id_: UUID) -> Call:
    """The call in a role that this approval asks for, if the caller holds one."""
    approval = await LiveStreams(call.log.loads).load(fold, id_)
    role = next((r for r in call.caller.roles if r in approval.needs.duties), call.role)
    return replace(call, role=role)


async def _foreseen(call: Call, id_: UUID) -> dict[str, Any]:
    """What the waiting command would give now; nothing once it is over."""
    nothing: dict[str, Any] = {"digest": None, "events": [], "refusal": None}
    ask: Ask[Any] = Ask(uuid4(), id_, None, call.actor, call.caller.behalf, today())
    by_name = {one.name: one for one in call.request.app.state.service.every_decider}
    state: Waiting = await waiting(by_name)(LiveStreams(call.log.loads), ask)
    if state.decider is None or state.ask is None:
        return nothing
    inner = await state.decider.learned(call.log.known, state.inner, state.ask)
    try:
        now = foreseen(state, inner)
    except Refused as refusal:
        return {**nothing, "refusal": problem(refusal)}
    events = [
        {"stream": str(stream), "type": type(event).__name__, "data": _told(event)}
        for stream, facts in now.decision.events.items()
        for event in facts
    ]
    needs = msgspec.to_builtins(now.needs)
    return {**nothing, "digest": now.digest, "events": events, "needs": needs}


def _told(event: Event) -> Any:
    """As the events of a service are told: ids, nothing sealed."""
    return msgspec.json.decode(withheld(msgspec.json.encode(event)))


def _area(approval: Approval) -> UUID | None:
    return approval.area


def _is_there(approval: Approval) -> bool:
    return approval.id is not None


def _asked(approval: Approval) -> dict[str, Any]:
    shown: dict[str, Any] = plain(approval)
    shown["body"] = msgspec.json.decode(withheld(approval.body.encode()))
    shown["given"] = [_said(said) for said in shown["given"]]
    return {name: value for name, value in shown.items() if name not in NOT_SHOWN}


def _said(said: dict[str, Any]) -> dict[str, Any]:
    """With what was found of the device in place of its mark."""
    found = said.pop("found")
    return {**said, **found}


_APPROVALS = f"""
SELECT a.id, a.area, a.command, a.target, a.maker, a.amount_fen, s.state, a.needed, a.duties,
       a.requested_at, s.at, f.approval IS NOT NULL AS flagged
  FROM es.approvals a
  JOIN es.approval_states s ON s.approval = a.id
  LEFT JOIN es.approval_flags f ON f.approval = a.id
 WHERE ($1::uuid IS NULL OR a.area IN ({below("$1")}))
   AND ($2::uuid IS NULL OR a.id > $2)
   AND ($4::text IS NULL OR s.state = $4)
   AND ($5::bool IS NULL OR (f.approval IS NOT NULL) = $5)
   AND ($6::text IS NULL OR a.command = $6)
   AND ($7::text IS NULL OR a.maker = $7)
 ORDER BY a.id LIMIT $3 + 1
"""  # noqa: S608 - constants only
