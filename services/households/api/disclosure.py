"""Routes by which persons are told and found 查看与查找; each recorded before it is answered.

A repeat under the same key gets the first answer without the texts: a second look is a second
event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.shapes import Made
from libs.chassis.vault.spelling import Kind, name
from libs.chassis.vault.vault import Line
from libs.events.clock import today
from libs.events.contracts.persons import PersonField
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.loads import LiveStreams
from libs.events.reference import reference
from services.households.domain import disclosure
from services.households.domain.disclosure import (
    DayFacts,
    Revealing,
    RevealPerson,
    SeekPersons,
    Sought,
)
from services.households.domain.masking import PROFILES, FieldMask, masked
from services.households.domain.person import persons
from services.households.views import register as view

from .admission import admit_to_area, areas_of, held
from .person import GONE
from .typed import MatchPersons, NamePersons, OpenVillage

router = APIRouter(tags=["人员"])
Reader = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]
Seeker = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", rehearsed=False))]
"""What a search finds is told at once, so none goes unrecorded."""


class Revealed(Made):
    masks: list[FieldMask] = Field(description="各字段如何脱敏")
    values: dict[PersonField, str | None] | None = Field(
        description="各字段的内容，没有或不给的为 null；重复请求时整个为 null"
    )


class Found(BaseModel):
    found: list[list[UUID]] = Field(description="依次为各证件号码、电话、账号所属的人员编号")


class NamedFound(BaseModel):
    found: list[list[UUID]] = Field(description="一组人员编号")


class Opened(NamedFound):
    names: dict[UUID, str] | None = Field(description="找到的人员的姓名；重复请求时为 null")


async def _of_person(streams: Streams, ask: Ask[RevealPerson]) -> Revealing:
    return Revealing(await held(streams, ask.subject), await reference(streams, PROFILES.name))


async def _today(_: Knowing, state: Revealing, __: Ask[RevealPerson]) -> DayFacts:
    return DayFacts(path=state.held.area.path_on(today()), today=today())


async def _of_search(streams: Streams, ask: Ask[SeekPersons]) -> Sought:
    return await sought(
        streams, ask.command.area, {id_ for row in ask.command.found for id_ in row}
    )


async def sought(streams: Streams, area: UUID, wanted: Set[UUID]) -> Sought:
    """These persons, and where they live, seen from an area."""
    ids = sorted(wanted)
    found = dict(zip(ids, await streams.load_many(persons, ids), strict=True))
    lived = {one.area for one in found.values() if one.area is not None}
    areas = await areas_of(streams, {area, *lived})
    return Sought(areas[area], found, areas)


async def _where(_: Knowing, state: Sought, __: Ask[SeekPersons]) -> Facts:
    return Facts(path=state.area.path_on(today()))


# Texts are told to whoever asks, at once or not at all: nothing of that can wait for others.
REVEAL = Decider(RevealPerson, DayFacts, _of_person, _today, disclosure.reveal, approvable=False)
SEEK = Decider(SeekPersons, Facts, _of_search, _where, disclosure.seek, approvable=False)
DECIDERS = (REVEAL, SEEK)


@router.post(
    "/persons/{id}/reveals",
    status_code=201,
    response_model=Revealed,
    responses=GONE,
    summary="查看个人信息",
)
async def reveal(id: UUID, command: RevealPerson, call: Reader) -> Response:
    """先记录用途，再给出内容，按所选的方式脱敏。重复请求不再给出内容。"""
    said = await call.execute(REVEAL, command, id)
    if not first(said):
        return said
    state = await LiveStreams(call.log.loads).load(persons, id)
    sealed = [(field, state.sealed(field)) for field in command.fields]
    lines = [Line(id, field, text) for field, text in sealed if text is not None]
    texts = await call.vault.open(lines)
    plain = {line.field: text for line, text in zip(lines, texts, strict=True)}
    body = json.loads(bytes(said.body))
    masks = [FieldMask.model_validate(mask) for mask in body["masks"]]
    values = {mask.field: _masked(plain.get(mask.field), mask) for mask in masks}
    return with_texts(said, {**body, "values": values})


def _masked(text: str | None, mask: FieldMask) -> str | None:
    return None if text is None else masked(text, mask)


@router.post("/persons/matches", status_code=201, response_model=Found, summary="按号码查找人员")
async def match(typed: MatchPersons, call: Seeker) -> Response:
    """号码只在请求体中，不进入地址、日志与事件；记录用途与找到的编号。"""
    known = await call.first_answer()
    if known is not None:
        return known
    await admit_to_area(call, typed.area)
    rows: list[Sequence[UUID]] = []
    asked = (Kind.IDENTITY, typed.id_numbers), (Kind.PHONE, typed.phones)
    for kind, texts in (*asked, (Kind.ACCOUNT, typed.accounts)):
        rows += await call.vault.holders(kind, texts)
    return await call.execute(SEEK, _sought(typed, "numbers", len(rows), rows))


@router.post("/persons/names", status_code=201, response_model=NamedFound, summary="按姓名查找人员")
async def find_by_name(typed: NamePersons, call: Seeker) -> Response:
    """完整姓名，在区域及其下级之内；姓名不保存，记录用途与找到的编号。"""
    known = await call.first_answer()
    if known is not None:
        return known
    await admit_to_area(call, typed.area)
    below = await view.area_ids(call.log.pool, typed.area)
    rows = [await call.vault.named({typed.area, *below}, typed.name)]
    return await call.execute(SEEK, _sought(typed, "name", 1, rows))


@router.post("/persons/openings", status_code=201, response_model=Opened, summary="打开一村姓名")
async def open_village(typed: OpenVillage, call: Seeker) -> Response:
    """按姓名的一部分查找：在内存中打开该村全部姓名，记录用途、打开的人数与找到的编号。"""
    known = await call.first_answer()
    if known is not None:
        return known
    await admit_to_area(call, typed.area)
    names = await _opened(call, typed.area)
    part = name(typed.contains)
    hits = [id_ for id_, text in names.items() if part in name(text)]
    said = await call.execute(SEEK, _sought(typed, "opening", len(names), [hits]))
    if not first(said):
        return said
    body = json.loads(bytes(said.body))
    told = {id_: names[UUID(id_)] for id_ in body["found"][0]}
    return with_texts(said, {**body, "names": told})


async def _opened(call: Call, village: UUID) -> dict[UUID, str]:
    """The names of everyone registered there who has not been erased."""
    ids = await call.vault.store.living_in(village)
    states = await LiveStreams(call.log.loads).load_many(persons, ids)
    lines = [
        Line(id_, "name", state.name)
        for id_, state in zip(ids, states, strict=True)
        if state.name is not None and not state.erased
    ]
    texts = await call.vault.open(lines)
    return {line.subject: text for line, text in zip(lines, texts, strict=True)}


def _sought(
    typed: MatchPersons | NamePersons | OpenVillage,
    way: disclosure.Way,
    asked: int,
    rows: Sequence[Sequence[UUID]],
) -> SeekPersons:
    return SeekPersons(
        occurred_on=typed.occurred_on,
        area=typed.area,
        way=way,
        asked=asked,
        purpose=typed.purpose,
        found=tuple(tuple(row) for row in rows),
    )


def first(said: Response) -> bool:
    """Whether it has happened (it waits for nobody's approval), and is no repeat."""
    return said.status_code == 201 and "idempotent-replay" not in said.headers


def with_texts(said: Response, body: dict[str, object]) -> Response:
    """The answer with what is never stored."""
    told = answer(body, said.status_code)
    told.headers.update({k: v for k, v in said.headers.items() if k != "content-length"})
    return told
