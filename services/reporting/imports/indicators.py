"""填报表: what areas counted in a period, a row an area (product 6, i10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from libs.chassis.imports.columns import Place, Text, quoted
from libs.chassis.imports.importer import Deed, Desk, Fault, Group, Importer, Plan, Taken
from libs.chassis.imports.quantities import Quantity
from libs.events.contracts.reporting import IndicatorDefined
from libs.events.types import natural
from services.reporting.api.indicator import ENTER
from services.reporting.domain.entered import Entered, EnterIndicator, entries
from services.reporting.domain.indicator import indicators
from services.reporting.domain.periods import period_of, span
from services.reporting.domain.quantity import PLACES, QuantityTyped, scaled
from services.reporting.views.indicators import named

from .period import Period

COLUMNS = (
    Text(field="indicator", title="指标", aliases=("指标名称", "指标编码", "项目"), longest=200),
    Place(field="area", title="区域", aliases=("乡镇", "填报单位", "单位名称", "区域编码")),
    Period(field="period", title="期间", aliases=("填报期", "月份", "季度", "年度", "时间")),
    Quantity(
        field="value",
        title="数值",
        aliases=("填报值", "填报数", "数量", "本期数", "完成数"),
        places=PLACES,
        required=False,
    ),
    Text(field="unit", title="单位", aliases=("计量单位",), required=False, longest=20),
    Text(field="note", title="情况说明", aliases=("备注", "变动说明"), required=False),
    Text(field="reason", title="更正理由", aliases=("更正说明",), required=False),
)


class Row(NamedTuple):
    """A row with the definition that it names, and the command that it becomes."""

    defined: IndicatorDefined
    command: EnterIndicator


@dataclass(frozen=True, slots=True)
class Names:
    """Indicators that hold for the area of the import, by what a sheet may call them."""

    found: Mapping[str, tuple[UUID, ...]]
    defined: Mapping[UUID, IndicatorDefined] = field(default_factory=dict)

    def of(self, text: str) -> IndicatorDefined | Fault:
        ids = self.found.get(natural(text), ())
        if len(ids) == 1:
            return self.defined[ids[0]]
        told = "、".join(list(self.found)[:12])
        if ids:
            message = f"指标{quoted(text)}有 {len(ids)} 个"
            return Fault("two_indicators", message, "改填指标编码", "indicator")
        return Fault("unknown_indicator", f"指标{quoted(text)}不认识", f"填{told}之一", "indicator")


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    """Each row is one value; a value that stands already is told as unchanged."""
    names = await _names(desk)
    read = {at: _row(names, row, desk.day) for at, (row,) in enumerate(groups)}
    faults = {at: [one] for at, one in read.items() if isinstance(one, Fault)}
    rows = {at: one for at, one in read.items() if isinstance(one, Row)}
    streams = [one.command.entered(one.defined.indicator) for one in rows.values()]
    known = await desk.streams.load_many(entries, streams)
    pairs = list(zip(rows.items(), known, strict=True))
    unchanged = frozenset(at for (at, one), entered in pairs if _same(one, entered))
    deeds = [
        Deed(ENTER, one.command, one.defined.indicator)
        for at, one in rows.items()
        if at not in unchanged
    ]
    return Plan(deeds, unchanged, faults)


async def _names(desk: Desk) -> Names:
    """By code the nearest upwards; by title all that bear it."""
    rows = await named(desk.log.pool, desk.area)
    found: dict[str, tuple[UUID, ...]] = {}
    codes = {row["code"] for row in rows}
    for row in rows:
        found.setdefault(row["code"], (row["id"],))
        title = natural(row["title"])
        if title not in codes:
            found[title] = (*found.get(title, ()), row["id"])
    ids = [row["id"] for row in rows]
    states = await desk.streams.load_many(indicators, ids)
    defined = {one.indicator: one for one in (state.defined for state in states) if one is not None}
    return Names(found, defined)


def _row(names: Names, row: Taken, day: date) -> Row | Fault:
    defined = names.of(row["indicator"])
    if isinstance(defined, Fault):
        return defined
    value, unit = row.get("value"), row.get("unit")
    if value is None:
        hint = "没有发生的填 0，尚未填报的删去该行"
        return Fault("value_empty", "数值为空，空与 0 不同", hint, "value")
    if unit is not None and natural(unit) != defined.unit:
        message = f"单位“{unit}”与指标“{defined.title}”的单位“{defined.unit}”不同"
        return Fault("unit_differs", message, "按指标的单位换算后填写", "unit")
    try:
        command = EnterIndicator(
            occurred_on=day,
            area=row["area"],
            period=_period(defined, row["period"]),
            value=QuantityTyped(text=value, unit=defined.unit),
            note=row.get("note"),
            reason=row.get("reason"),
        )
    except ValidationError as error:
        message = f"{error.errors()[0]['loc'][0]}：数字或文字不能用"
        return Fault("unusable", message, "数值至多 12 位整数，期间在 1950 年至 2200 年之间")
    return Row(defined, command)


def _period(defined: IndicatorDefined, text: str) -> str:
    """As written; a day in a sheet names the month, quarter or year in which it lies."""
    read = span(text)
    return period_of(defined.period, read.first) if read.kind == "day" else text


def _same(row: Row, entered: Entered) -> bool:
    stands, value = entered.values.get(row.command.period), row.command.value
    if stands is None or value is None:
        return False
    return stands.scaled == scaled(value.text, row.defined.decimals)


INDICATORS = Importer(
    name="indicators",
    title="填报表",
    roles=("clerk",),
    columns=COLUMNS,
    plan=plan,
    totals=("value",),
    alike=("indicator", "period"),
)
