"""Routes of persons 人员: register, change of account, erasure, the person by an opaque id."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds, RefusedCall
from libs.chassis.common_routes import admit
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.errors import Refused
from libs.events.loads import LiveStreams
from libs.events.reference import reference
from services.households.domain import erasure, person
from services.households.domain.disclosure import DayFacts
from services.households.domain.erasure import RETENTIONS, ErasePerson, Erasing
from services.households.domain.person import (
    ChangeAccount,
    Held,
    Listed,
    Person,
    RegisterPersons,
    Warned,
    persons,
    require_inside,
)
from services.households.domain.tree import Area

from .admission import admit_to_person, areas_of, held
from .sealed import sealed_account, sealed_persons
from .typed import EnterAccount, EnterPersons

router = APIRouter(tags=["人员"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]
GONE: dict[int | str, dict[str, Any]] = {410: {}}


class PersonTold(BaseModel):
    id: UUID
    known: bool = Field(description="该证件号码先前已登记；本次内容未采用")


class PersonsRegistered(BaseModel):
    """Each row's person, in the order of the rows."""

    count: int = Field(description="新登记的人数")
    persons: list[PersonTold]
    warnings: list[Warned] = Field(description="校验位等提醒，不影响登记")


class AccountTold(Made):
    account: UUID = Field(description="账户编号")
    warnings: list[Warned]


class AccountShown(BaseModel):
    id: UUID
    bank: str
    since: str


class PersonShown(BaseModel):
    """A person by an opaque id; nothing here tells who it is."""

    id: UUID
    area: UUID
    accounts: list[AccountShown] = Field(description="按时间；最后一个为现用")
    synthetic: bool
    erased: bool = Field(description="个人信息已销毁")


async def _of_list(streams: Streams, ask: Ask[RegisterPersons]) -> Listed:
    rows = ask.command.persons
    known = await streams.load_many(persons, [row.person for row in rows])
    lived = {one.area for one in known if one.area is not None}
    found = await areas_of(streams, {ask.command.area, *lived, *(row.area for row in rows)})
    return Listed(found[ask.command.area], found, known)


async def _of_person(streams: Streams, ask: Ask[ChangeAccount]) -> Held:
    return await held(streams, ask.subject)


async def _of_erasure(streams: Streams, ask: Ask[ErasePerson]) -> Erasing:
    return Erasing(await held(streams, ask.subject), await reference(streams, RETENTIONS.name))


async def _where(
    _: Knowing, state: Listed | Held, __: Ask[RegisterPersons | ChangeAccount]
) -> Facts:
    return Facts(path=state.area.path_on(today()))


async def _today(_: Knowing, state: Erasing, __: Ask[ErasePerson]) -> DayFacts:
    return DayFacts(path=state.held.area.path_on(today()), today=today())


REGISTER = Decider(RegisterPersons, Facts, _of_list, _where, person.register)
CHANGE_ACCOUNT = Decider(ChangeAccount, Facts, _of_person, _where, person.change_account)
ERASE = Decider(ErasePerson, DayFacts, _of_erasure, _today, erasure.erase)
DECIDERS = (REGISTER, CHANGE_ACCOUNT, ERASE)


@router.post(
    "/persons",
    status_code=201,
    response_model=PersonsRegistered,
    responses=GONE,
    summary="登记人员",
)
async def register(typed: EnterPersons, call: Clerk) -> Response:
    """全部成功或全部不登记。同一证件号码只有一个编号：已登记的回答 `known`。"""
    known = await call.first_answer()
    if known is not None:
        return known
    areas = await _places(call, typed)
    streams = LiveStreams(call.log.loads)
    return await call.execute(REGISTER, await sealed_persons(call.vault, streams, typed, areas))


async def _places(call: Call, typed: EnterPersons) -> dict[UUID, Area]:
    """The areas of all rows, which the caller may write in. Raises: RefusedCall."""
    villages = [row.area for row in typed.persons]
    areas = await areas_of(LiveStreams(call.log.loads), {typed.area, *villages})
    admit(call, areas[typed.area].path_on(today()))
    try:
        require_inside(areas, typed.area, villages, typed.occurred_on)
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None
    return areas


@router.post(
    "/persons/{id}/account-changes",
    status_code=201,
    response_model=AccountTold,
    responses=GONE,
    summary="变更收款账户",
)
async def change_account(id: UUID, typed: EnterAccount, call: Clerk) -> Response:
    """自业务发生日起用新账户；同一账户有同一编号，不论何人持有。"""
    known = await call.first_answer()
    if known is not None:
        return known
    found = await admit_to_person(call, id)
    return await call.execute(CHANGE_ACCOUNT, await sealed_account(call, typed, found), id)


@router.post(
    "/persons/{id}/erasures",
    status_code=201,
    response_model=Made,
    responses=GONE,
    summary="销毁个人信息",
)
async def erase(id: UUID, command: ErasePerson, call: Steward) -> Response:
    """保存期满方可，不可恢复；金额、人数与凭证不变。"""
    return await call.execute(ERASE, command, id)


@router.get("/persons/{id}", response_model=PersonShown, summary="人员")
async def get_person(id: UUID, call: Anyone) -> Response:
    """只有不透明的编号；姓名等须另行查看，并写明用途。"""
    return await show(call, persons, id, lambda state: state.area, lambda state: _shown(id, state))


def _shown(id_: UUID, state: Person) -> dict[str, Any]:
    accounts = [
        {"id": str(one.id), "bank": one.bank, "since": one.since.isoformat()}
        for one in state.accounts
    ]
    return {
        "id": str(id_),
        "area": str(state.area),
        "accounts": accounts,
        "synthetic": state.synthetic,
        "erased": state.erased,
    }
