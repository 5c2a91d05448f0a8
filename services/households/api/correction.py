"""Routes of corrections 更正 in households: households, counts, organisations, areas, persons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds, RefusedCall
from libs.chassis.corrections import (
    CorrectionMade,
    Subject,
    citing,
    correct,
    counted,
    counted_since,
    history,
    passes,
)
from libs.chassis.vault.unkept import unkept
from libs.events.clock import today
from libs.events.correction import NotCorrectable, NothingToCorrect
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.known import below
from services.households.domain import correction, person_correction
from services.households.domain.area import Changing, code_stream
from services.households.domain.correction import (
    CorrectArea,
    CorrectHousehold,
    CorrectOrganisation,
    CorrectPopulation,
    Counted,
)
from services.households.domain.household import Flagging, Household, households
from services.households.domain.organisation import (
    Addition,
    Name,
    Organisation,
    name_stream,
    names,
    organisations,
)
from services.households.domain.person import Person, Warned, persons
from services.households.domain.person_correction import CorrectPerson, Renumbering
from services.households.domain.population import Population, populations
from services.households.domain.tree import Area, areas, bearers

from .admission import admit_to_person, held
from .person import GONE
from .sealed import sealed_correction
from .typed import EnterCorrection

router = APIRouter()
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Steward = Annotated[Call, Depends(Holds("steward"))]
READERS = ("clerk", "finance", "auditor", "steward")
FIGURES = (
    "reporting",
    "统计数字与报表：以后计算的随之改变，留存截面不变",
    "/api/v1/reporting/figures",
)
PAID = ("funds", "该户的发放", "/api/v1/reporting/trace/households/{id}")


async def _of_household(_: Call, __: UUID, state: Household) -> Sequence[dict[str, Any]]:
    told: dict[str, Any] = {"amount_fen": None, "first": []}
    return [
        {"what": "members", "count": state.listed, **told},
        {"what": "flags", "count": state.flags, **told},
    ]


async def _nothing(_: Call, __: UUID, ___: Population) -> Sequence[dict[str, Any]]:
    return []


async def _of_person(call: Call, id_: UUID, state: Person) -> Sequence[dict[str, Any]]:
    """Households that list the person, and the person's accounts: all by the id, which stays."""
    rows = await call.log.pool.fetch(_LISTING, id_)
    accounts = counted("accounts", [account.id for account in state.accounts])
    return [counted("households", [row["household"] for row in rows]), accounts]


async def _of_organisation(call: Call, id_: UUID, state: Organisation) -> Sequence[dict[str, Any]]:
    users = await citing(call, "users", [id_], table="known.seats", column="unit")
    return [users, counted("aliases", []) | {"count": len(state.aliases)}]


async def _of_area(call: Call, id_: UUID, _: Area) -> Sequence[dict[str, Any]]:
    """Areas below it; what lies in them is by id and does not change."""
    rows = await call.log.pool.fetch(_BELOW, id_)
    return [
        counted("areas", [row["id"] for row in rows if row["id"] != id_]),
        await citing(call, "organisations", [id_], table="view.organisations", column="area"),
    ]


_BELOW = below("$1")
_LISTING = "SELECT household FROM view.members WHERE person = $1"
HOUSEHOLD = Subject(
    "households",
    "household",
    "农户",
    households,
    lambda one: one.area,
    _of_household,
    (PAID, FIGURES),
)
POPULATION = Subject(
    "populations",
    "population",
    "人群",
    populations,
    lambda one: one.area,
    _nothing,
    (FIGURES,),
)
ORGANISATION = Subject(
    "organisations",
    "organisation",
    "单位",
    organisations,
    lambda one: one.area,
    _of_organisation,
    (
        ("funds", "以该单位为收款单位的付款", "/api/v1/funds/payments"),
        ("assets", "该单位管理或所有的资产", "/api/v1/assets/assets"),
    ),
)
AREA = Subject("areas", "area", "区域", areas, lambda one: one.id, _of_area, (FIGURES,))
PERSON = Subject(
    "persons",
    "person",
    "人员",
    persons,
    lambda one: one.area,
    _of_person,
    (("funds", "该人员所在户的发放，按人员编号不变", "/api/v1/funds/batches"),),
)
for one in (HOUSEHOLD, POPULATION, ORGANISATION, AREA, PERSON):
    history(router, one, *READERS)


async def _area(streams: Streams, area: UUID | None) -> Area:
    return Area() if area is None else await streams.load(areas, area)


async def _household(streams: Streams, ask: Ask[CorrectHousehold]) -> Flagging:
    known = await streams.load(households, ask.subject)
    return Flagging(ask.subject, known, await _area(streams, known.area))


async def _population(streams: Streams, ask: Ask[CorrectPopulation]) -> Counted:
    known = await streams.load(populations, ask.subject)
    return Counted(ask.subject, known, await _area(streams, known.area))


async def _organisation(streams: Streams, ask: Ask[CorrectOrganisation]) -> Addition:
    known = await streams.load(organisations, ask.subject)
    name = ask.command.changes.name
    if known.area is None or name is None:
        return Addition(known, await _area(streams, known.area), Name())
    taken = await streams.load(names, name_stream(known.area, name))
    return Addition(known, await _area(streams, known.area), taken)


async def _of_code(streams: Streams, ask: Ask[CorrectArea]) -> Changing:
    known = await streams.load(areas, ask.subject)
    code = ask.command.changes.code
    if code is None:
        return Changing(known, [])
    marked = await streams.load(bearers, code_stream(code))
    return Changing(known, await streams.load_many(areas, marked))


async def _person(streams: Streams, ask: Ask[CorrectPerson]) -> Renumbering:
    known, number = await held(streams, ask.subject), ask.command.number
    if number in (None, ask.subject):
        return Renumbering(known, Person())
    return Renumbering(known, await streams.load(persons, number))


Placed = Addition | Renumbering


async def _where(_: Knowing, state: Placed, __: Ask[Any]) -> Facts:
    return Facts(path=state.area.path_on(today()))


async def _since_registered(known: Knowing, state: Flagging, ask: Ask[CorrectHousehold]) -> Facts:
    """Whoever came or left since is in what it says now."""
    said = ("HouseholdRegistered", "MemberChanged", "HouseholdCorrected")
    since = await counted_since(known, ask.subject, *said)
    return Facts(path=state.area.path_on(today()), since=since)


async def _since_counted(known: Knowing, state: Counted, ask: Ask[CorrectPopulation]) -> Facts:
    said = ("PopulationCounted", "PopulationCorrected")
    since = await counted_since(known, ask.subject, *said)
    return Facts(path=state.area.path_on(today()), since=since)


async def _where_it_is(_: Knowing, state: Changing, __: Ask[Any]) -> Facts:
    return Facts(path=state.known.path_on(today()))


CORRECT_HOUSEHOLD = Decider(
    CorrectHousehold, Facts, _household, _since_registered, correction.correct_household
)
CORRECT_POPULATION = Decider(
    CorrectPopulation, Facts, _population, _since_counted, correction.correct_population
)
CORRECT_ORGANISATION = Decider(
    CorrectOrganisation, Facts, _organisation, _where, correction.correct_organisation
)
CORRECT_AREA = Decider(CorrectArea, Facts, _of_code, _where_it_is, correction.correct_area)
CORRECT_PERSON = Decider(CorrectPerson, Facts, _person, _where, person_correction.correct_person)
DECIDERS = (
    CORRECT_HOUSEHOLD,
    CORRECT_POPULATION,
    CORRECT_ORGANISATION,
    CORRECT_AREA,
    CORRECT_PERSON,
)


class PersonCorrectionMade(CorrectionMade):
    """Sealed texts are null; what a check digit says of a corrected number stops nothing."""

    warnings: list[Warned]


MADE: dict[str, Any] = {"status_code": 201, "response_model": CorrectionMade}


@router.post("/households/{id}/corrections", **MADE, tags=["农户"], summary="更正农户")
async def correct_household(id: UUID, command: CorrectHousehold, call: Clerk) -> Response:
    """只写要更正的项；列有成员的，人数随成员名单。"""
    return await correct(call, HOUSEHOLD, CORRECT_HOUSEHOLD, command, id)


@router.post("/populations/{id}/corrections", **MADE, tags=["人群"], summary="更正汇总级人数")
async def correct_population(id: UUID, command: CorrectPopulation, call: Clerk) -> Response:
    """户数与人数至少留一项。"""
    return await correct(call, POPULATION, CORRECT_POPULATION, command, id)


@router.post("/organisations/{id}/corrections", **MADE, tags=["单位"], summary="更正单位")
async def correct_organisation(id: UUID, command: CorrectOrganisation, call: Steward) -> Response:
    """错登的名称留作别名。"""
    return await correct(call, ORGANISATION, CORRECT_ORGANISATION, command, id)


@router.post("/areas/{id}/corrections", **MADE, tags=["区域"], summary="更正区域")
async def correct_area(id: UUID, command: CorrectArea, call: Steward) -> Response:
    """现行代码或名称录错时；区划确有变化的，登记代码变更或区划调整。"""
    return await correct(call, AREA, CORRECT_AREA, command, id)


@router.post(
    "/persons/{id}/corrections",
    status_code=201,
    response_model=PersonCorrectionMade,
    tags=["人员"],
    summary="更正个人信息",
    responses=GONE,
)
async def correct_person(id: UUID, typed: EnterCorrection, call: Clerk) -> Response:
    """更正前后的内容都密封保存；回答只说更正了哪几项。证件号码更正后人员编号不变，错的号码不再指向此人。"""
    known = await call.first_answer()
    if known is not None:
        return known
    found = await admit_to_person(call, id)
    try:
        command = await sealed_correction(unkept(call.vault), typed, found)
        if command is not None and await passes(call, CORRECT_PERSON, command, id):
            command = await sealed_correction(call.vault, typed, found)  # who is found by it, too
    except NotCorrectable as refusal:
        raise RefusedCall(call, refusal) from None
    if command is None:
        raise RefusedCall(call, NothingToCorrect())
    said = await correct(call, PERSON, CORRECT_PERSON, command, id)
    if said.status_code == 201 and command.number is not None:
        await call.vault.store.renumber(id, command.number)  # or by the reader, if killed here
    return said
