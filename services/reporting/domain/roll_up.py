"""What a figure may add up of an indicator: over areas and over periods, as its definition says."""

from __future__ import annotations

import msgspec

from libs.events.contracts.reporting import Figure, IndicatorDefined
from libs.events.errors import Refused

from .entered import OtherUnit, PeriodDiffers
from .periods import KINDS, span


class NotAddedUp(Refused):
    """不得相加：{code} 的{over}之数没有合计，请以筛选 {field} 指明一个，或{otherwise}。"""


class NotAPeriod(Refused):
    """不是期间：{period}，应如 2024-03-01、2024-03、2024Q1、2024。"""


def rolled_up(definition: Figure, defined: IndicatorDefined) -> Figure:
    """The definition with the unit of its indicator. Raises: NotAddedUp, OtherUnit, NotAPeriod,
    PeriodDiffers."""
    for period in _values(definition, "period"):
        _require_period(defined, period)
    if definition.measure not in ("sum", "last"):
        return definition
    if definition.unit not in ("", defined.unit):
        raise OtherUnit(code=defined.code, expected=defined.unit, unit=definition.unit)
    one_area = defined.level is None or len(_values(definition, "at")) == 1
    if defined.over_areas == "none" and not one_area:
        raise NotAddedUp(code=defined.code, over="各区域", field="at", otherwise="逐区域列出")
    one_period = definition.measure == "last" or len(_values(definition, "period")) == 1
    if defined.over_periods == "last" and not one_period:
        raise NotAddedUp(code=defined.code, over="各期", field="period", otherwise="改用 last")
    return msgspec.structs.replace(definition, unit=defined.unit)


def _values(definition: Figure, field: str) -> list[str]:
    return [value for one in definition.where if one.field == field for value in one.values]


def _require_period(defined: IndicatorDefined, period: str) -> None:
    try:
        kind = span(period).kind
    except ValueError:
        raise NotAPeriod(period=period) from None
    if kind != defined.period:
        raise PeriodDiffers(code=defined.code, kind=KINDS[defined.period], period=period)
