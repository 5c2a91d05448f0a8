"""Whom the rows of a payment roster mean: asked of households, told back as opaque ids.

Identity numbers, names and accounts go out in one body of a request and are nowhere kept but in the
memory of the job (design 9, ADR 0026).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from libs.chassis.errands import ErrandRefusedError
from libs.chassis.imports.columns import quoted
from libs.chassis.imports.importer import Desk, Fault, Taken
from services.funds.domain.account import AccountOf, AccountSeen
from services.funds.domain.batch import Batch
from services.funds.domain.roster import BeneficiaryTyped
from services.funds.views.known import households_by_number, members_of

ROUTE, PURPOSE = "/persons/identifications", "发放花名册核对"
REMEMBERED = 2_000
"""Rows whose answer is kept: a chunk is planned again for each of its halves."""
PUBLIC = "public"
Kind = Literal["household", "person"]


class Identified(BaseModel):
    """What households answers of a row, as far as it is used here."""

    model_config = ConfigDict(frozen=True)

    person: UUID
    household: UUID | None
    listed_twice: bool
    name_agrees: bool
    account_of: AccountOf


class _Answer(BaseModel):
    rows: list[Identified | None]


@dataclass(slots=True)
class Payee:
    """Whom a row means, what is wrong with that, and what somebody should look at."""

    row: Taken
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    beneficiary: BeneficiaryTyped | None = None
    account: AccountSeen | None = None


class _Register(NamedTuple):
    """As far as the rows name it: households by number, members of households, answers by row."""

    by_number: Mapping[str, UUID]
    members: Mapping[UUID, Sequence[UUID]]
    answers: Mapping[int, Identified | None]


async def payees(desk: Desk, batch: Batch, kind: Kind, rows: Sequence[Taken]) -> list[Payee]:
    """In the order of the rows. Raises: AskedServiceAwayError."""
    numbers = [row["household"] for row in rows if row.get("household") is not None]
    by_number = await households_by_number(desk.log.pool, desk.area, numbers)
    named = [row for row in rows if row.get("id_number") is not None]
    refused: list[Fault] = []
    answers: dict[int, Identified | None] = {}
    if named and desk.errands is None:
        hint = "请系统管理员配置 SUYUAN_SERVICES_KEY，或以户编号列示"
        refused = [Fault("cannot_ask", "本安装未配置服务之间的密钥，不能核对证件号码", hint)]
    elif named:
        try:
            answers = await _asked(desk, named, _day(desk, batch))
        except ErrandRefusedError as error:
            hint = "按说明处理后重新导入"
            refused = [Fault("not_identified", f"农户服务未予核对：{error}", hint, "id_number")]
    houses = {*by_number.values(), *(one.household for one in answers.values() if one)}
    members = await members_of(desk.log.pool, [id_ for id_ in houses if id_ is not None])
    register = _Register(by_number, members, answers)
    return [
        Payee(row, list(refused))
        if refused and row.get("id_number") is not None
        else _payee(row, kind, register)
        for row in rows
    ]


def _day(desk: Desk, batch: Batch) -> date:
    """On which the register must list them: the last of the period, or that of the list before."""
    return min(desk.day, last_day(batch.roll.period)) if batch.roll.period else desk.day


def last_day(period: str) -> date:
    """Of `2020` or `2020-03`."""
    year, _, month = period.partition("-")
    first = date(int(year), int(month or 12), 1)
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


async def _asked(desk: Desk, rows: Sequence[Taken], on: date) -> dict[int, Identified | None]:
    """By row number; what was answered a moment ago is not asked again."""
    known: dict[tuple[Any, ...], Identified | None] = desk.told.setdefault("identified", {})
    wanted = {_key(row, on): row for row in rows if _key(row, on) not in known}
    if len(known) + len(wanted) > REMEMBERED:
        known.clear()
        wanted = {_key(row, on): row for row in rows}
    if wanted:
        answer = await _ask(desk, list(wanted.values()), on)
        known |= dict(zip(wanted, answer, strict=True))
    return {row.number: known[_key(row, on)] for row in rows}


def _key(row: Taken, on: date) -> tuple[Any, ...]:
    return row["id_number"], row["name"], row.get("account"), on


async def _ask(desk: Desk, rows: Sequence[Taken], on: date) -> list[Identified | None]:
    assert desk.errands is not None, "asked for by who looked"
    body = {
        "occurred_on": desk.day.isoformat(),
        "area": str(desk.area),
        "on": on.isoformat(),
        "purpose": PURPOSE,
        "rows": [
            {"id_number": row["id_number"], "name": row["name"], "account": row.get("account")}
            for row in rows
        ],
    }
    told = await desk.errands.ask(
        "identify",
        "households",
        ROUTE,
        body,
        by=desk.log.service,
        asker=desk.actor,
        area=desk.area,
    )
    return _Answer.model_validate(told).rows


def _payee(row: Taken, kind: Kind, register: _Register) -> Payee:
    """All that is wrong at once."""
    payee = Payee(row)
    household, person = _household(row, register, payee), None
    if row.get("id_number") is not None:
        answer = register.answers[row.number]
        if answer is None:
            message = "证件号码在本次导入的区域内查无此人"
            hint = "核对号码；尚未登记的，先登记人员"
            payee.faults.append(Fault("unknown_person", message, hint, "id_number"))
        else:
            person = answer.person
            household = _agreed(household, answer, register, payee)
            payee.faults.extend(_name(answer))
            payee.warnings.extend(_looked_at(row, answer))
    if row.get("account") is not None:
        payee.account = _seen(row, register.answers.get(row.number))
    if household is not None and not payee.faults:
        id_ = person if kind == "person" else household
        assert id_ is not None, "a row for a person has the number"
        payee.beneficiary = BeneficiaryTyped(kind=kind, id=id_, household=household)
    return payee


def _seen(row: Taken, answer: Identified | None) -> AccountSeen:
    return AccountSeen(
        of="unknown" if answer is None else answer.account_of,
        shared=row.shares is not None,
        public=row.get("account_kind") == PUBLIC,
    )


def _household(row: Taken, register: _Register, payee: Payee) -> UUID | None:
    """By its number in the register, where the row says one."""
    number = row.get("household")
    if number is None:
        if row.get("id_number") is None:
            message, hint = "户编号与证件号码都没有填", "至少填一项"
            payee.faults.append(Fault("nobody_named", message, hint, "household"))
        return None
    if number not in register.by_number:
        message = f"户编号{quoted(number)}不在册，或不在本次导入的区域内"
        hint = "核对户编号，或先登记农户"
        payee.faults.append(Fault("unknown_household", message, hint, "household"))
    return register.by_number.get(number)


def _agreed(
    household: UUID | None, answer: Identified, register: _Register, payee: Payee
) -> UUID | None:
    """The household in which the person is listed; one that the row names must be one of those."""
    if household is not None:
        if answer.person not in register.members.get(household, ()):
            message, hint = "证件号码不是该户编号的成员", "核对户编号与证件号码"
            payee.faults.append(Fault("household_differs", message, hint, "household"))
        return household
    if answer.household is None:
        message = "该人在本期不在册：没有列在任何一户之中"
        hint = "核对期间；应在册的，先在农户花名册中登记"
        payee.faults.append(Fault("not_registered", message, hint, "id_number"))
    elif answer.person not in register.members.get(answer.household, ()):
        message = "该人所在的户不在本次导入的区域内，或资金服务尚未得知"
        payee.faults.append(Fault("unknown_household", message, "稍后再导入", "id_number"))
    return answer.household


def _name(answer: Identified) -> Iterable[Fault]:
    """What banks return for; the register is corrected, or the sheet."""
    if not answer.name_agrees:
        hint = "姓名不符的会被银行退回：改正本表，或先更正登记的姓名"
        yield Fault("name_differs", "姓名与该证件号码登记的不同", hint, "name")


def _looked_at(row: Taken, answer: Identified) -> Iterable[Fault]:
    public = row.get("account_kind") == PUBLIC
    if row.get("account") is not None and answer.account_of == "unknown" and not public:
        message = "账号没有登记在本区域任何人名下"
        yield Fault("account_unknown", message, "核对账号，或登记收款账户", "account", "warn")
    if public:
        message, hint = "收款账户是公共账户，户名未核对", "确认由谁代收、如何转付"
        yield Fault("public_account", message, hint, "account_kind", "warn")
    if answer.listed_twice:
        message, hint = "同一人列在不止一户，按登记在先的一户", "核对后确定归属"
        yield Fault("listed_twice", message, hint, "id_number", "warn")
