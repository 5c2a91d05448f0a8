"""发放花名册: the lines of a batch, one row a household (product 6, i2).

A line names the household by its number in the register. By identity numbers the vault alone can
tell who it is, and it is not this service's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from libs.chassis.imports.columns import Code, PersonalNumber, Text
from libs.chassis.imports.importer import Asked, Deed, Desk, Fault, Group, Importer, Plan, Taken
from libs.chassis.imports.quantities import Money, Quantity
from libs.events.money import print_amount
from services.funds.api import batch
from services.funds.domain.batch import batches_
from services.funds.domain.roster import BeneficiaryTyped, LineTyped, OrderSubsidies
from services.funds.views.known import households_by_number

COLUMNS = (
    Code(field="household", title="户编号", aliases=("户号", "农户编号", "户编码")),
    Text(field="name", title="户主", aliases=("姓名", "收款人", "户主姓名"), personal=True),
    PersonalNumber(
        field="account",
        title="账号",
        aliases=("银行账号", "一卡通账号", "卡号"),
        pattern=r"[0-9A-Za-z-]{4,40}",
        required=False,
    ),
    Money(field="standard", title="标准", aliases=("补贴标准",), required=False),
    Quantity(field="quantity", title="数量", aliases=("人数", "面积", "份数"), required=False),
    Money(field="amount", title="金额", aliases=("发放金额", "补贴金额", "应发金额")),
    Text(field="note", title="备注", required=False),
)


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    """The groups are lines, in order, behind those that the batch has already."""
    rows = [row for (row,) in groups]
    id_ = UUID(desk.settings["batch"])
    numbers = [row["household"] for row in rows]
    known = await households_by_number(desk.log.pool, desk.area, numbers)
    faults = {at: found for at, row in enumerate(rows) if (found := list(_wrong(row, known)))}
    if faults:
        return Plan(faults=faults)
    ordered = (await desk.streams.load(batches_, id_)).ordered
    command = OrderSubsidies(
        occurred_on=desk.day,
        first=ordered + 1,
        lines=tuple(_line(row, known[row["household"]]) for row in rows),
    )
    return Plan([Deed(batch.ORDER, command, id_, f"lines:{rows[0].number}-{rows[-1].number}")])


def _wrong(row: Taken, known: dict[str, UUID]) -> Iterable[Fault]:
    if row["household"] not in known:
        message = f"户编号“{row['household']}”不在册，或不在本次导入的区域内"
        yield Fault("unknown_household", message, "核对户编号，或先登记农户", "household")
    standard, quantity = row.get("standard"), row.get("quantity")
    if standard is not None and quantity is not None:
        yield from _product(row, standard.read().amount_fen, Decimal(quantity))


def _product(row: Taken, standard_fen: int, quantity: Decimal) -> Iterable[Fault]:
    """Both readings are shown, and neither is chosen (product 7.2)."""
    fen = row["amount"].read().amount_fen
    expected = standard_fen * quantity
    if fen == expected:
        return
    told = f"标准 × 数量 = {print_amount(int(expected), '元', 2)} 元"
    message = f"{told}，金额为 {print_amount(fen, '元', 2)} 元"
    hint = "核对标准、数量与金额"
    if fen == expected * 10_000 or fen * 10_000 == expected:
        hint = "相差正好一万倍：核对单位是元还是万元"
    yield Fault("standard_times_quantity", message, hint, "amount")


def _line(row: Taken, household: UUID) -> LineTyped:
    who = BeneficiaryTyped(kind="household", id=household, household=household)
    return LineTyped(beneficiary=who, amount=row["amount"])


PAYMENTS = Importer(
    name="payments",
    title="发放花名册",
    roles=("finance",),
    columns=COLUMNS,
    plan=plan,
    asks=(Asked(name="batch", title="发放批次", pattern=r"[0-9a-f-]{36}"),),
    unique=("household",),
    amount="amount",
    together=1_000,
    totals_block=True,
)
