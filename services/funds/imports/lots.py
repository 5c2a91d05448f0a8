"""指标下达表: letters and the lots that came with them, one row a purpose (product 6, i3)."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.imports.columns import Choice, Letter, Listed, Place, Text
from libs.chassis.imports.importer import Deed, Desk, Fault, Group, Importer, Plan, Taken
from libs.chassis.imports.quantities import Day, Money, Whole
from libs.events.amount import AmountTyped
from libs.events.money import print_amount
from services.funds.api import document, lot
from services.funds.domain.document import RegisterDocument, documents
from services.funds.domain.lot import Lot, PurposeTyped, RegisterLot, lots
from services.funds.domain.purpose import PURPOSES

LEVELS = {
    "中央": "central",
    "省级": "province",
    "省": "province",
    "市级": "prefecture",
    "市": "prefecture",
    "县级": "county",
    "县": "county",
    "乡级": "township",
    "乡镇": "township",
}
LOT = ("level", "year", "fund_name", "batch")
COLUMNS = (
    Letter(field="number", title="文号", aliases=("文件号", "资金文号", "下达文号")),
    Text(field="title", title="文件标题", aliases=("标题", "文件名称")),
    Choice(
        field="level",
        title="级次",
        aliases=("资金级次", "资金级别", "来源级次"),
        words=LEVELS,
    ),
    Whole(field="year", title="年度", aliases=("预算年度",), least=2013, most=2100),
    Text(field="fund_name", title="资金名称", aliases=("资金性质", "专项名称"), longest=120),
    Text(field="batch", title="批次", longest=40),
    Listed(field="purpose", title="用途", aliases=("资金用途", "支出方向"), set=PURPOSES.name),
    Money(field="amount", title="金额", aliases=("下达金额", "指标金额", "资金额度")),
    Day(field="issued_on", title="下达日期", aliases=("文件日期", "发文日期")),
    Place(field="area", title="接收单位", aliases=("接收区域", "区域"), required=False),
    Money(field="letter_total", title="文件总额", aliases=("文件金额",), required=False),
)


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    """A group is a letter; each of its lots is one command, and the letter one before them."""
    deeds: list[Deed] = []
    unchanged: set[int] = set()
    faults: dict[int, list[Fault]] = {}
    for at, rows in enumerate(groups):
        if (wrong := _differs(rows)) is not None:
            faults[at] = [wrong]
            continue
        letter = _letter(desk, rows[0])
        if (await desk.streams.load(documents, letter.document())).id is None:
            deeds.append(Deed(document.REGISTER, letter))
        wanted = [_lot(desk, letter, part) for part in _lots(rows)]
        known = await desk.streams.load_many(lots, [one.lot() for one in wanted])
        new = [one for one, was in zip(wanted, known, strict=True) if not _same(one, was)]
        deeds += [Deed(lot.REGISTER, one) for one in new]
        if not new:
            unchanged.add(at)
    return Plan(deeds, frozenset(unchanged), faults)


def _differs(rows: Group) -> Fault | None:
    """The parts of a letter sum to what it says in all."""
    said: AmountTyped | None = rows[0].get("letter_total")
    parts = sum(row["amount"].read().amount_fen for row in rows)
    if said is None or said.read().amount_fen == parts:
        return None
    message = f"文件总额 {said.read().amount_fen} 分，各行之和 {parts} 分"
    return Fault("letter_total", message, "核对文件原件", "letter_total")


def _letter(desk: Desk, row: Taken) -> RegisterDocument:
    return RegisterDocument(
        occurred_on=row["issued_on"],
        number=row["number"],
        kind="funding",
        title=row["title"],
        level=row["level"],
        area=row.get("area") or desk.area,
        issued_on=row["issued_on"],
    )


def _lots(rows: Group) -> list[Group]:
    parts: dict[tuple[object, ...], list[Taken]] = {}
    for row in rows:
        key = (*(row[name] for name in LOT), row.get("area"))
        parts.setdefault(key, []).append(row)
    return [tuple(part) for part in parts.values()]


def _lot(desk: Desk, letter: RegisterDocument, rows: Group) -> RegisterLot:
    first, unit = rows[0], rows[0]["amount"].unit
    fen = sum(row["amount"].read().amount_fen for row in rows)
    return RegisterLot(
        occurred_on=first["issued_on"],
        area=first.get("area") or desk.area,
        level=first["level"],
        year=first["year"],
        fund_name=first["fund_name"],
        batch=first["batch"],
        document=letter.document(),
        amount=AmountTyped(text=print_amount(fen, unit), unit=unit),
        purposes=tuple(PurposeTyped(purpose=r["purpose"], amount=r["amount"]) for r in rows),
    )


def _same(wanted: RegisterLot, known: Lot) -> bool:
    """There already, with this sum; another sum is refused by the rule, with its words, and so is a
    lot whose key was used by one that was corrected."""
    says = (known.year, known.level, known.fund_name, known.batch)
    named = (wanted.year, wanted.level, wanted.fund_name, wanted.batch)
    return says == named and known.amount_fen == wanted.amount.read().amount_fen


LOTS = Importer(
    name="lots",
    title="指标下达表",
    roles=("clerk", "finance"),
    columns=COLUMNS,
    plan=plan,
    group=("number",),
    amount="amount",
    happened="issued_on",
)
