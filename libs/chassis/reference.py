"""Routes of reference data 基础数据, the same in every service: its own sets, their rows, packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from libs.events import packs
from libs.events import reference as rules
from libs.events.approval import APPROVALS
from libs.events.contracts.rules import Origin
from libs.events.dated_rows import (
    Key,
    Reference,
    Row,
    RowTyped,
    Set,
    SetName,
    flat,
    reference_stream,
    references,
)
from libs.events.deadline import LIVE, LIVE_KEY, TERMS
from libs.events.decider import Ask, Knowing
from libs.events.errors import NotFoundError, NotYourArea
from libs.events.evidence_needed import NEEDED, EvidenceMissing
from libs.events.loads import LiveStreams
from libs.events.packs import ApplyPack, PackFacts, PackNotSigned
from libs.events.reference import EndReference, SetReference, WithdrawReference
from libs.events.severity import SEVERITIES
from libs.events.types import Day, plain, stream_id

from .auth import ROLES
from .call import Call, Holds, RefusedCall
from .common_routes import answer
from .listing import Wanted, page
from .pack_keys import signed
from .service import Service
from .shapes import Made, Page

router = APIRouter(tags=["基础数据"])
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds(*ROLES))]


class PackTaken(Made):
    """How many rows of this service were new or different."""

    rows: int


class SetShown(BaseModel):
    """A set that this service keeps."""

    set: str
    title: str
    values: dict[str, Any] = Field(description="每行内容的 JSON Schema")


class Sets(BaseModel):
    items: list[SetShown]


class RowShown(BaseModel):
    """A row; the last one of a key and area that has begun is in force."""

    id: UUID
    key: str
    area: UUID | None = Field(description="null: 全库")
    valid_from: Day
    valid_until: Day | None
    origin: Origin = Field(description="local 本地, pack 上级下发")
    document: str | None
    values: dict[str, Any]


class ConflictShown(BaseModel):
    """A local row, and the row from above that it stands before."""

    set: str
    local: RowShown
    pack: RowShown


class Conflicts(BaseModel):
    items: list[ConflictShown]


class WantedRows(Wanted):
    key: Key | None = None
    on: Day | None = Field(default=None, description="只列这一天对 area 适用的各行")


@router.get("/reference", response_model=Sets, summary="基础数据种类")
async def list_sets(call: Anyone) -> Response:
    """本服务保管的各种基础数据，及其每行的内容格式。"""
    shown = [
        {"set": one.name, "title": one.title, "values": one.values.model_json_schema()}
        for one in _sets(call.request)
    ]
    return answer({"items": shown})


@router.get("/reference/conflicts", response_model=Conflicts, summary="与上级不同的本地数据")
async def list_conflicts(call: Anyone) -> Response:
    """本地行优先；列出它所替代的上级行，供核对。"""
    found = [
        {
            "set": one.name,
            "local": _shown(one.name, conflict.key, conflict.area, conflict.local),
            "pack": _shown(one.name, conflict.key, conflict.above, conflict.pack),
        }
        for one in _sets(call.request)
        for conflict in await _conflicts(call, one.name)
    ]
    return answer({"items": found})


@router.post(
    "/reference/packs", status_code=201, response_model=PackTaken, summary="应用上级基础数据包"
)
async def apply_pack(command: ApplyPack, call: Steward, request: Request) -> Response:
    """签名、编号与前包摘要都须相符；本地行不受影响。仅全库权限。"""
    own = {one.name: one for one in _sets(request)}
    if not signed(command, request.app.state.pack_keys):
        pack = command.pack
        refusal = PackNotSigned(issuer=pack.issuer, number=pack.number, key=command.key)
        raise RefusedCall(call, refusal)
    for nth, row in enumerate(command.pack.rows):
        if row.set in own:
            _require_values(own[row.set], row, ("body", "pack", "rows", nth))

    async def learn(_: Knowing, __: packs.Applying, ___: Ask[ApplyPack]) -> PackFacts:
        return PackFacts(path=(), own=tuple(sorted(own)))

    return await call.execute(replace(packs.APPLY, learn=learn), command)


@router.get("/reference/{set}", response_model=Page[RowShown], summary="基础数据")
async def list_rows(set: SetName, call: Anyone, wanted: Annotated[WantedRows, Query()]) -> Response:
    """全部各行；给出 `on` 时，只列那一天对 `area` 适用的，逐级向上取最近者。"""
    state = await _state(call, _set(call.request, set).name)
    if wanted.on is None:
        found = flat(state)
    else:
        path = () if wanted.area is None else await call.log.known.path(wanted.area)
        found = _deciding(state, path, wanted.on)
    rows = [
        _shown(set, key, area, row)
        for key, area, row in found
        if wanted.key in (None, key) and (wanted.on or wanted.area in (None, area))
    ]
    after = str(wanted.cursor or UUID(int=0))
    rows = sorted((row for row in rows if row["id"] > after), key=lambda row: str(row["id"]))
    return page(rows[: wanted.limit + 1], wanted)


@router.post("/reference/rows", status_code=201, response_model=Made, summary="登记基础数据")
async def set_row(command: SetReference, call: Steward) -> Response:
    """同一行再次登记不起作用；内容不同的，先撤销，或自另一日起登记。"""
    one = _changed(call, command)
    _require_key(call.request, one, command.row.key, command.area)
    values = _require_values(one, command.row, ("body", "row"))
    if one is NEEDED:
        _require_thing(call.request, command.row.key, values["of"])
    typed = command.row.model_copy(update={"values": values})
    return await call.execute(rules.SET, command.model_copy(update={"row": typed}))


@router.post("/reference/ends", status_code=201, response_model=Made, summary="终止基础数据")
async def end_row(command: EndReference, call: Steward) -> Response:
    _changed(call, command)
    return await call.execute(rules.END, command)


@router.post("/reference/withdrawals", status_code=201, response_model=Made, summary="撤销误登")
async def withdraw_row(command: WithdrawReference, call: Steward) -> Response:
    """视同从未登记；已据此作出的决定不变。上级下发的行由上级更改。"""
    _changed(call, command)
    return await call.execute(rules.WITHDRAW, command)


def _sets(request: Request) -> tuple[Set, ...]:
    sets: tuple[Set, ...] = request.app.state.service.every_set
    return sets


def _set(request: Request, name: str) -> Set:
    """Raises: NotFoundError for a set that this service does not keep."""
    for one in _sets(request):
        if one.name == name:
            return one
    raise NotFoundError(f"本服务没有这种基础数据：{name}")


def _changed(call: Call, command: SetReference | EndReference | WithdrawReference) -> Set:
    """The set that is to change. Raises: NotFoundError, RefusedCall for a central one."""
    one = _set(call.request, command.set)
    if one.central and call.caller.area is not None:
        raise RefusedCall(call, NotYourArea(area="全库", scope=str(call.caller.area)))
    return one


def _require_values(one: Set, row: RowTyped, place: tuple[str | int, ...]) -> dict[str, Any]:
    """The values in their one spelling. Raises: RequestValidationError (422) by field."""
    try:
        return one.read(row.values)
    except ValidationError as error:
        faults = [{**fault, "loc": (*place, "values", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from None


def _require_key(request: Request, one: Set, key: str, area: UUID | None) -> None:
    """A row on a command or rule that this release does not have would hold nothing, in silence;
    one that guards the rows themselves is for all of them. Raises: RequestValidationError (422)."""
    if key == SetReference.__name__ and area is not None:
        fault = {"type": "value_error", "loc": ("body", "area"), "msg": "此行须适用于全库"}
        raise RequestValidationError([fault])
    service: Service = request.app.state.service
    deciders = service.every_decider
    known = {
        TERMS.name: {one.name for one in service.every_deadline},
        LIVE.name: {LIVE_KEY},
        APPROVALS.name: {one.name for one in deciders if one.approvable and not one.approved_as},
        SEVERITIES.name: {EvidenceMissing.__name__}
        | {rule.__name__ for one in deciders for rule in one.bends},
        NEEDED.name: {one.name for one in request.app.state.service.deciders if one.approvable},
    }.get(one.name)
    if known is not None and key not in known:
        says = f"没有这一项；可用：{'、'.join(sorted(known)) or '无'}"
        place = ("body", "row", "key")
        raise RequestValidationError([{"type": "value_error", "loc": place, "msg": says}])


def _require_thing(request: Request, command: str, of: str) -> None:
    """Evidence is demanded of a thing that the command names. Raises: RequestValidationError."""
    decider = next(one for one in request.app.state.service.deciders if one.name == command)
    field = decider.command.model_fields.get(of)
    if of and (field is None or field.annotation not in (UUID, UUID | None)):
        place = ("body", "row", "values", "of")
        says = "该命令没有这样一个指明一物的字段"
        raise RequestValidationError([{"type": "value_error", "loc": place, "msg": says}])


async def _state(call: Call, name: str) -> Reference:
    return await LiveStreams(call.log.loads).load(references, reference_stream(name))


def _deciding(
    state: Reference, path: tuple[UUID, ...], on: date
) -> Iterator[tuple[str, UUID | None, Row]]:
    for key, (area, row) in state.keys(path, on).items():
        yield key, area, row


async def _conflicts(call: Call, name: str) -> list[packs.Conflict]:
    state = await _state(call, name)
    areas = {area for _, area, _ in flat(state) if area is not None}
    paths = {area: await call.log.known.path(area) for area in areas}
    return list(packs.conflicts(state, paths))


def _shown(name: str, key: str, area: UUID | None, row: Row) -> dict[str, Any]:
    place = (str(area), row.valid_from.isoformat(), row.origin)
    id_ = stream_id("reference_row", name, name, key, *place)
    shown: dict[str, Any] = plain({"id": id_, "key": key, "area": area, **row._asdict()})
    return shown
