"""A person 人员: an opaque id, and beside it texts that only the vault opens (design 9).

The rule sees sealed texts and ids alone. What was typed is sealed by the route before a command is
made of it, so that neither the log nor the stored request ever holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.events.contracts.persons import (
    AccountChanged,
    PersonErased,
    PersonField,
    PersonRegistered,
)
from libs.events.contracts.registers import NumberTaken, PersonCorrected
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import SEALED, Command, Event

from .tree import Area

LARGEST_LIST = 1_000
SealedText = Annotated[str, Field(pattern=SEALED)]
Bank = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    Field(description="开户银行", examples=["测试农商银行东镇支行"]),
]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Warned(Closed):
    """A check digit that does not fit, or the like; it stops nothing."""

    row: int = Field(description="第几行，从 1 起")
    field: PersonField
    message: str


class AccountRow(Closed):
    account: UUID
    number: SealedText
    bank: Bank


class PersonRow(Closed):
    """One person, sealed; without texts where the person is registered already."""

    person: UUID
    area: UUID
    name: SealedText | None
    id_number: SealedText | None
    phone: SealedText | None
    account: AccountRow | None
    synthetic: bool


class RegisterPersons(Command):
    """登记一批人员: 内容已密封。"""

    area: UUID
    persons: tuple[PersonRow, ...] = Field(min_length=1, max_length=LARGEST_LIST)
    warnings: tuple[Warned, ...] = ()


class ChangeAccount(AccountRow, Command):
    """变更人员的收款账户: 账号已密封。"""

    warnings: tuple[Warned, ...] = ()


class PersonOutsideArea(Refused):
    """人员不在本批区域之内：第 {row} 行的村 {village} 未登记或不属于 {area}。"""


class PersonKnownElsewhere(Refused):
    """人员已在别处登记：第 {row} 行的证件号码已由范围之外登记，本批共 {count} 人，均未登记。"""


class PersonIsErased(Refused):
    """该人员的个人信息已销毁：不能再查看或变更。"""

    status = 410


class NumberJustTaken(Refused):
    """证件号码刚由更正成为另一已登记人员的号码：第 {row} 行，请以新的请求重新登记。"""


class AccountUnchanged(Refused):
    """收款账户没有变化：该人员自 {since} 起就使用此账户。"""


class Account(NamedTuple):
    """An account of the person: its id, its sealed number, and from when."""

    id: UUID
    number: str | None
    bank: str
    since: date


@dataclass(frozen=True, slots=True)
class Person:
    """What the person's stream says; accounts in order, the last one is paid on. `last_on`: the
    last day on which something happened, from which retention counts. `became`: of an id that is no
    person's, whose number it now leads to."""

    area: UUID | None = None
    name: str | None = None
    id_number: str | None = None
    phone: str | None = None
    accounts: tuple[Account, ...] = ()
    registered_on: date | None = None
    last_on: date | None = None
    synthetic: bool = False
    erased: bool = False
    became: UUID | None = None

    def sealed(self, field: PersonField) -> str | None:
        """The sealed text of a field, if one was told."""
        match field:
            case "account":
                return self.accounts[-1].number if self.accounts else None
            case "name":
                return self.name
            case "id_number":
                return self.id_number
            case "phone":
                return self.phone


class Listed(NamedTuple):
    """The common area; the areas of rows and of known persons; each row's person as it stands."""

    area: Area
    areas: Mapping[UUID, Area]
    known: list[Person]


class Held(NamedTuple):
    """A person and the village."""

    id: UUID
    person: Person
    area: Area


def register(state: Listed, command: RegisterPersons, _: Facts) -> Decision:
    """One ID number is one person: who is known within the area is answered and not changed."""
    villages = [row.area for row in command.persons]
    require_inside(state.areas, command.area, villages, command.occurred_on)
    _require_ours(state, command)
    rows = list(zip(command.persons, state.known, strict=True))
    events = {row.person: _registered(row, command) for row, was in rows if was.area is None}
    told = [{"id": str(row.person), "known": was.area is not None} for row, was in rows]
    warnings = [warned.model_dump() for warned in command.warnings]
    body = {"count": len(events), "persons": told, "warnings": warnings}
    return Decision(events, body)


def require_inside(areas: Mapping[UUID, Area], area: UUID, villages: list[UUID], day: date) -> None:
    """Raises: PersonOutsideArea for the first row that is not within."""
    for number, village in enumerate(villages, 1):
        if area not in areas[village].path_on(day):
            raise PersonOutsideArea(row=number, village=str(village), area=str(area))


def _require_ours(state: Listed, command: RegisterPersons) -> None:
    """Of somebody else's person nothing is told but that the number is known."""
    elsewhere = [
        number
        for number, person in enumerate(state.known, 1)
        if person.area is not None
        and command.area not in state.areas[person.area].path_on(command.occurred_on)
    ]
    if elsewhere:
        raise PersonKnownElsewhere(row=elsewhere[0], count=len(elsewhere))
    if any(person.erased for person in state.known):
        raise PersonIsErased()
    for number, person in enumerate(state.known, 1):
        if person.became is not None:
            raise NumberJustTaken(row=number)


def _registered(row: PersonRow, command: RegisterPersons) -> tuple[Event, ...]:
    registered = PersonRegistered(
        person=row.person,
        area=row.area,
        name=row.name,
        id_number=row.id_number,
        phone=row.phone,
        registered_on=command.occurred_on,
        synthetic=row.synthetic,
    )
    if row.account is None:
        return (registered,)
    return (registered, _changed(row.person, row.area, row.account, command.occurred_on))


def change_account(state: Held, command: ChangeAccount, _: Facts) -> Decision:
    """The account from that day on; the same one of the same bank again is no change."""
    area = present(state.person)
    newest = state.person.accounts[-1] if state.person.accounts else None
    if newest is not None and (newest.id, newest.bank) == (command.account, command.bank):
        raise AccountUnchanged(since=newest.since.isoformat())
    event = _changed(state.id, area, command, command.occurred_on)
    warnings = [warned.model_dump() for warned in command.warnings]
    body = {"id": str(state.id), "account": str(command.account), "warnings": warnings}
    return Decision({state.id: (event,)}, body)


def _changed(person: UUID, area: UUID, row: AccountRow, on: date) -> AccountChanged:
    return AccountChanged(
        person=person,
        area=area,
        account=row.account,
        account_number=row.number,
        bank=row.bank,
        changed_on=on,
    )


def present(person: Person) -> UUID:
    """The village of a person who is not erased. Raises: PersonIsErased."""
    if person.erased or person.area is None:
        raise PersonIsErased()
    return person.area


def evolve(state: Person, event: Event) -> Person:
    match event:
        case PersonRegistered():
            return Person(
                area=event.area,
                name=event.name,
                id_number=event.id_number,
                phone=event.phone,
                registered_on=event.registered_on,
                last_on=event.registered_on,
                synthetic=event.synthetic,
            )
        case AccountChanged():
            account = Account(event.account, event.account_number, event.bank, event.changed_on)
            last = max(state.last_on or event.changed_on, event.changed_on)
            return replace(state, accounts=(*state.accounts, account), last_on=last)
        case PersonCorrected():
            told = {change.field: change.now for change in event.changes}
            name, phone = told.get("name", state.name), told.get("phone", state.phone)
            id_number = told.get("id_number", state.id_number)
            return replace(state, name=name, phone=phone, id_number=id_number)
        case NumberTaken():
            return replace(state, became=event.by)
        case PersonErased():
            return replace(state, erased=True)
        case _:
            return state


persons: Fold[Person] = Fold("person", Person(), evolve)
