"""发放花名册: the lines of a batch, one row a household or one row a person (product 6, i2).

A row names its payee by the household's number in the register, by identity number, or by both,
which must agree. Who an identity number is, households alone can say (payees.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from libs.chassis.imports.columns import Choice, Code, Column, PersonalNumber, Text
from libs.chassis.imports.importer import Asked, Deed, Desk, Fault, Group, Importer, Plan, Taken
from libs.chassis.imports.quantities import Money, Quantity
from libs.events.money import print_amount
from services.funds.api import batch
from services.funds.domain.batch import Batch, batches_
from services.funds.domain.entitlement import Entitlement, entitlement_stream, entitlements
from services.funds.domain.roster import BeneficiaryTyped, LineTyped, OrderSubsidies

from .objections import REASONS, objections
from .payees import PUBLIC, Kind, Payee, payees

HOUSEHOLD = Code(
    field="household", title="户编号", aliases=("户号", "农户编号", "户编码"), required=False
)
ID_NUMBER = PersonalNumber(
    field="id_number",
    title="证件号码",
    aliases=(
        *("身份证号", "身份证号码", "公民身份号码", "身份证件号码", "户主身份证号"),
        *("收款人身份证号", "享受人身份证号", "户主身份证号码", "收款人身份证号码"),
    ),
    pattern=r"(?=.*[0-9A-Za-z])[0-9A-Za-z()-]{6,40}",
    required=False,
)
REST: tuple[Column, ...] = (
    Text(
        field="name",
        title="户主",
        aliases=("姓名", "收款人", "户主姓名", "享受人", "收款人姓名", "享受人姓名"),
        longest=60,
        personal=True,
    ),
    PersonalNumber(
        field="account",
        title="账号",
        aliases=("银行账号", "一卡通账号", "卡号"),
        pattern=r"(?=.*[0-9A-Za-z])[0-9A-Za-z-]{4,40}",
        required=False,
    ),
    Choice(
        field="account_kind",
        title="账户类型",
        aliases=("账户性质", "账号类型"),
        words={"个人账户": "own", "公共账户": PUBLIC},
        required=False,
    ),
    Money(field="standard", title="标准", aliases=("补贴标准",), required=False),
    Quantity(field="quantity", title="数量", aliases=("人数", "面积", "份数"), required=False),
    Money(field="amount", title="金额", aliases=("发放金额", "补贴金额", "应发金额")),
    Text(field="note", title="备注", required=False),
)


async def plan(kind: Kind, desk: Desk, groups: Sequence[Group]) -> Plan:
    """The groups are lines, in order, behind those that the batch has already."""
    rows = [row for (row,) in groups]
    id_ = UUID(desk.settings["batch"])
    known = await desk.streams.load(batches_, id_)
    found = await payees(desk, known, kind, rows)
    bending = await objections(desk, known)
    for payee in found:
        payee.faults.extend(_product(payee.row))
        for fault in bending.to(payee.row, payee.account):
            (payee.warnings if fault.severity == "warn" else payee.faults).append(fault)
    unchanged = await _known_already(desk, known, found)
    faults = {at: one.faults for at, one in enumerate(found) if one.faults}
    warnings = {at: one.warnings for at, one in enumerate(found) if one.warnings}
    if faults or unchanged:
        return Plan(faults=faults, unchanged=frozenset(unchanged), warnings=warnings)
    command = OrderSubsidies(
        occurred_on=desk.day,
        first=known.ordered + 1,
        lines=tuple(_line(one) for one in found),
        overrides=bending.overrides,
    )
    deed = Deed(batch.ORDER, command, id_, f"lines:{rows[0].number}-{rows[-1].number}")
    return Plan([deed], warnings=warnings)


async def _known_already(desk: Desk, known: Batch, found: Sequence[Payee]) -> set[int]:
    """Places of rows that are lines of this batch already, with the same amount (product 7.3);
    who has another line is told, also where it stands in the same sheet."""
    before = desk.told.setdefault("ordered", known.ordered)
    named = [
        (at, one, one.beneficiary)
        for at, one in enumerate(found)
        if one.beneficiary is not None and not one.faults
    ]
    streams = [entitlement_stream(known.roll, who.kind, who.id) for _, _, who in named]
    states = await desk.streams.load_many(entitlements, streams)
    unchanged, seen = set(), dict[UUID, int]()
    for (at, one, who), state in zip(named, states, strict=True):
        first = seen.setdefault(who.id, one.row.number)
        if first != one.row.number:
            one.faults.append(_twice(who, f"与第 {first} 行"))
        elif (fault := _live(one, who, state, known, before)) is not None:
            one.faults.append(fault)
        elif state.state in ("ordered", "paid"):
            unchanged.add(at)
    return unchanged


def _live(
    one: Payee, who: BeneficiaryTyped, state: Entitlement, known: Batch, before: int
) -> Fault | None:
    """Why a row is neither new nor known as it is. `before`: lines that the batch had before this
    job."""
    order = state.order
    if order is None or state.state not in ("ordered", "paid"):
        return None
    if order.batch == known.id and order.line > before:
        return _twice(who, "与本表前面的一行")
    if order.batch == known.id and order.amount_fen == one.row["amount"].read().amount_fen:
        return None
    where = f"本批次第 {order.line} 行" if order.batch == known.id else "另一批次"
    told = f"{print_amount(order.amount_fen, '元', 2)} 元，{STATES[state.state]}"
    message = f"该对象在本补贴、期间、档次已列入{where}：{told}"
    return Fault("AlreadyPaid", message, "核对是否重复；应更正的，更正该批次", "amount")


STATES = {"ordered": "已报待发", "paid": "已发放"}


def _twice(who: BeneficiaryTyped, where: str) -> Fault:
    same = "户" if who.kind == "household" else "人"
    return Fault("twice", f"{where}是同一{same}", "只留一行，或核对号码", "id_number")


def _product(row: Taken) -> Iterable[Fault]:
    """Both readings are shown, and neither is chosen (product 7.2)."""
    standard, quantity = row.get("standard"), row.get("quantity")
    if standard is None or quantity is None:
        return
    fen = row["amount"].read().amount_fen
    expected = standard.read().amount_fen * Decimal(quantity)
    if fen == expected:
        return
    told = f"标准 × 数量 = {print_amount(int(expected), '元', 2)} 元"
    message = f"{told}，金额为 {print_amount(fen, '元', 2)} 元"
    hint = "核对标准、数量与金额"
    if fen == expected * 10_000 or fen * 10_000 == expected:
        hint = "相差正好一万倍：核对单位是元还是万元"
    yield Fault("standard_times_quantity", message, hint, "amount")


def _line(one: Payee) -> LineTyped:
    assert one.beneficiary is not None, "a row without one has a fault"
    return LineTyped(beneficiary=one.beneficiary, amount=one.row["amount"], account=one.account)


def _importer(name: str, title: str, kind: Kind, **more: Any) -> Importer:
    return Importer(
        name=name,
        title=title,
        roles=("finance",),
        plan=partial(plan, kind),
        asks=(
            Asked(name="batch", title="发放批次", pattern=r"[0-9a-f-]{36}"),
            *REASONS.values(),
        ),
        one_each=("account", "name"),
        amount="amount",
        together=1_000,
        totals_block=True,
        **more,
    )


PAYMENTS = _importer(
    "payments",
    "发放花名册（按户）",
    "household",
    columns=(HOUSEHOLD, ID_NUMBER, *REST),
    unique=("household", "id_number"),
)
PERSON_PAYMENTS = _importer(
    "person_payments",
    "发放花名册（按人）",
    "person",
    columns=(replace(ID_NUMBER, required=True), HOUSEHOLD, *REST),
    unique=("id_number",),
)
