"""核对人员 for another service of the installation: who the rows of a payment roster mean.

Texts go in, opaque ids and yes or no come out; who lies outside the area asked for is as nobody.
Each use is an event first, with who asked and for whom (ADR 0014, 0026).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.vault.spelling import Kind, name
from libs.chassis.vault.vault import Line, Vault
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.loads import LiveStreams
from libs.events.types import plain
from services.households.domain.disclosure import Sought
from services.households.domain.identification import (
    AccountOf,
    Identified,
    Meant,
    RecordIdentification,
    identified,
    record,
)
from services.households.domain.person import Person, persons
from services.households.views import register as view

from .admission import admit_to_area, areas_of
from .disclosure import first, sought, with_texts
from .typed import IdentifyPersons, RosterRow

router = APIRouter(tags=["人员"])
Sibling = Annotated[Call, Depends(Holds("identify", rehearsed=False))]


async def _of_rows(streams: Streams, ask: Ask[RecordIdentification]) -> Sought:
    found = {id_ for id_ in ask.command.found if id_ is not None}
    return await sought(streams, ask.command.area, found)


async def _where(_: Knowing, state: Sought, __: Ask[RecordIdentification]) -> Facts:
    return Facts(path=state.area.path_on(today()))


# Told to whoever asks, at once or not at all: nothing of that can wait for others.
RECORD = Decider(RecordIdentification, Facts, _of_rows, _where, record, approvable=False)
DECIDERS = (RECORD,)


class PersonIdentified(BaseModel):
    """One row's answer; no text of anybody."""

    person: UUID
    village: UUID | None
    household: UUID | None = Field(description="该日在册的户；不在册的为 null")
    listed_twice: bool = Field(description="该日列在不止一户")
    name_agrees: bool = Field(description="姓名与登记的相同；空格、间隔号、全半角不计")
    account: UUID | None = Field(description="账户编号；本区域无人持有的为 null")
    account_of: AccountOf = Field(description="账户是谁的")


class PersonsIdentified(BaseModel):
    rows: list[PersonIdentified | None] | None = Field(
        description="依次为各行；区域内没有其人的为 null；重复请求时整个为 null"
    )


class _Known(NamedTuple):
    """A row whose person is of the area."""

    row: RosterRow
    id: UUID
    person: Person


@router.post(
    "/persons/identifications",
    status_code=201,
    response_model=PersonsIdentified,
    summary="核对花名册人员（服务之间）",
)
async def identify(typed: IdentifyPersons, call: Sibling) -> Response:
    """只供本系统的服务代经办人核对；先记录由谁代谁核对、找到哪些编号，再回答。"""
    known = await call.first_answer()
    if known is not None:
        return with_texts(known, {"rows": None}) if known.status_code == 201 else known
    await admit_to_area(call, typed.area)
    await call.log.known.fresh("households")
    found = await call.vault.holders(Kind.IDENTITY, [row.id_number for row in typed.rows])
    said = await call.execute(RECORD, _recorded(typed, call, found))
    if not first(said):
        return with_texts(said, {"rows": None}) if said.status_code == 201 else said
    ours = [None if id_ is None else UUID(id_) for id_ in json.loads(bytes(said.body))["found"]]
    told = await _identified(call, typed, ours)
    return with_texts(said, {"rows": [None if one is None else plain(one) for one in told]})


def _recorded(
    typed: IdentifyPersons, call: Call, found: Sequence[Sequence[UUID]]
) -> RecordIdentification:
    """One number is one person (ADR 0014)."""
    assert call.caller.behalf is not None, "a service asks for somebody"
    return RecordIdentification(
        occurred_on=typed.occurred_on,
        area=typed.area,
        asked=len(typed.rows),
        purpose=typed.purpose,
        behalf=call.caller.behalf,
        found=tuple(row[0] if row else None for row in found),
    )


async def _identified(
    call: Call, typed: IdentifyPersons, ours: Sequence[UUID | None]
) -> list[Identified | None]:
    """In the order of the rows."""
    ids = [id_ for id_ in ours if id_ is not None]
    states = dict(zip(ids, await LiveStreams(call.log.loads).load_many(persons, ids), strict=True))
    known = [
        _Known(row, id_, states[id_])
        for row, id_ in zip(typed.rows, ours, strict=True)
        if id_ is not None
    ]
    names = await _named_so(call.vault, known)
    accounts = await _accounts(call, typed.area, known)
    listed = {*ids, *(holder for _, holders in accounts for holder in holders)}
    houses = await view.households_of(call.log.pool, list(listed), typed.on)
    kin = {id_: {household for household, _ in rows} for id_, rows in houses.items()}
    told = iter(
        identified(Meant(one.id, one.person, same, houses.get(one.id, ()), *held), kin)
        for one, same, held in zip(known, names, accounts, strict=True)
    )
    return [None if id_ is None else next(told) for id_ in ours]


async def _named_so(vault: Vault, known: Sequence[_Known]) -> list[bool]:
    """Names as registered are opened in memory, and compared there."""
    lines = [Line(one.id, "name", one.person.name) for one in known if one.person.name is not None]
    texts = iter(await vault.open(lines))
    return [
        one.person.name is not None and name(next(texts)) == name(one.row.name) for one in known
    ]


async def _accounts(
    call: Call, area: UUID, known: Sequence[_Known]
) -> list[tuple[UUID | None, frozenset[UUID]]]:
    """The id of each account, and who of the area holds it."""
    typed = [one.row.account or "" for one in known]
    ids = await call.vault.ids(Kind.ACCOUNT, typed)
    holders = await call.vault.holders(Kind.ACCOUNT, typed)
    ours = await _of_area(call, area, {holder for row in holders for holder in row})
    return [(id_, ours & set(row)) for id_, row in zip(ids, holders, strict=True)]


async def _of_area(call: Call, area: UUID, wanted: set[UUID]) -> frozenset[UUID]:
    """Those who are registered within it today, and not erased."""
    ids, streams = sorted(wanted), LiveStreams(call.log.loads)
    states = dict(zip(ids, await streams.load_many(persons, ids), strict=True))
    places = await areas_of(streams, {one.area for one in states.values() if one.area is not None})
    within = {id_ for id_, one in places.items() if area in one.path_on(today())}
    return frozenset(id_ for id_, one in states.items() if one.area in within and not one.erased)
