"""期初数: what older years came to, without names, at summary grade 汇总级 (product 6, i12)."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.imports.columns import Choice, Letter, Listed, Place, Text
from libs.chassis.imports.importer import (
    Deed,
    Desk,
    Fault,
    Group,
    Importer,
    Plan,
    Taken,
    otherwise,
)
from libs.chassis.imports.quantities import Day, Money, Whole
from services.households.api import population
from services.households.domain.population import CountPopulation, Population, populations

COLUMNS = (
    Listed(field="population", title="人群", aliases=("对象", "项目"), set="population"),
    Place(field="area", title="区域", aliases=("乡镇", "单位", "村")),
    Day(field="counted_on", title="统计日", aliases=("截止日期", "统计截止日")),
    Whole(field="households", title="户数", aliases=("户",), required=False),
    Whole(field="persons", title="人数", aliases=("人",), required=False),
    Money(field="amount", title="金额", aliases=("资金",), required=False),
    Letter(field="number", title="文号", aliases=("依据",), required=False),
    Choice(field="grade", title="级别", aliases=("口径",), words={"汇总级": "summary"}),
    Text(field="quote", title="原文", aliases=("说明",), required=False),
)


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    rows = [row for (row,) in groups]
    empty = {at: [_nothing()] for at, row in enumerate(rows) if not _counts(row)}
    if empty:
        return Plan(faults=empty)
    wanted = [_counted(row) for row in rows]
    known = await desk.streams.load_many(populations, [one.count() for one in wanted])
    pairs = list(zip(wanted, known, strict=True))
    there = {
        at: _differing(one, was) for at, (one, was) in enumerate(pairs) if was.area is not None
    }
    unchanged = frozenset(at for at, differing in there.items() if not differing)
    faults = {at: [otherwise(differing)] for at, differing in there.items() if differing}
    new = [one for at, one in enumerate(wanted) if at not in there]
    return Plan([Deed(population.COUNT, one) for one in new], unchanged, faults)


def _counts(row: Taken) -> bool:
    return row.get("households") is not None or row.get("persons") is not None


def _nothing() -> Fault:
    return Fault("nothing_counted", "户数与人数都为空", "至少填一项", "households")


def _counted(row: Taken) -> CountPopulation:
    return CountPopulation(
        occurred_on=row["counted_on"],
        area=row["area"],
        population=row["population"],
        households=row.get("households"),
        persons=row.get("persons"),
        quote=row.get("quote"),
        amount=row.get("amount"),
        number=row.get("number"),
    )


def _differing(wanted: CountPopulation, known: Population) -> list[str]:
    """Titles of what the sheet says otherwise."""
    amount = None if wanted.amount is None else wanted.amount.read().amount_fen
    pairs = (
        ("户数", wanted.households, known.households),
        ("人数", wanted.persons, known.persons),
        ("金额", amount, known.amount_fen),
        ("原文", wanted.quote, known.quote),
    )
    return [title for title, says, is_ in pairs if says != is_]


POPULATIONS = Importer(
    name="populations",
    title="期初数（汇总级）",
    roles=("clerk",),
    columns=COLUMNS,
    plan=plan,
    amount="amount",
    happened="counted_on",
)
