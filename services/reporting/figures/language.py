"""What a definition may say: words that are known, values that can be used, a unit that fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from libs.events.contracts.reporting import Figure, Filter
from libs.events.errors import Refused
from libs.events.money import PLACES

from .words import SOURCES, Kind, Source, Word

COUNTED_IN = ("户", "人", "人次", "项", "个", "笔", "件", "次", "处", "")
RATIO_IN = ("%", "‰", "")


class UnknownField(Refused):
    """字段不认识：{over} 没有可用于{role}的字段 {field}，可用：{known}。"""


class UnusableValue(Refused):
    """筛选值不能用：字段 {field} 的值 {value}，可用：{known}。"""


class UnitDoesNotFit(Refused):
    """单位不符：{measure} {field} 不能用单位“{unit}”，可用：{known}。"""


class MeasureDoesNotFit(Refused):
    """算法不能用：{measure} 只用于 {known}，来的是 {over}。"""


class OneIndicator(Refused):
    """须指明一个填报指标：筛选 indicator 须写一个编号，来的有 {count} 个。"""


def source_of(definition: Figure) -> Source:
    """The entries that a figure measures; a ratio has none of its own."""
    if definition.over is None:
        raise TypeError(f"a {definition.measure} without entries")
    return SOURCES[definition.over]


def check(definition: Figure) -> None:
    """Raises: UnknownField, UnusableValue, UnitDoesNotFit, MeasureDoesNotFit, OneIndicator."""
    if definition.over is not None:
        source = source_of(definition)
        _check_indicator(definition)
        _check_field(definition, source)
        for one in definition.where:
            values_of(_word(definition.over, source, one), one)
    _check_unit(definition)


def indicator_of(definition: Figure) -> UUID | None:
    """The one indicator that a figure over indicators measures; None of any other figure."""
    named = [one for one in definition.where if one.field == "indicator"]
    if definition.over != "indicators" or len(named) != 1 or len(named[0].values) != 1:
        return None
    try:
        return UUID(named[0].values[0])
    except ValueError:
        return None  # told as an unusable value


def _check_indicator(definition: Figure) -> None:
    """Two indicators are never added up: their units are their own."""
    if definition.over != "indicators":
        if definition.measure == "last":
            raise MeasureDoesNotFit(measure="last", known="indicators", over=definition.over)
        return
    named = [value for one in definition.where if one.field == "indicator" for value in one.values]
    if len(named) != 1:
        raise OneIndicator(count=len(named))


def _check_field(definition: Figure, source: Source) -> None:
    adds = definition.measure in ("sum", "last")
    known: Iterable[str] = source.sums if adds else source.distinct
    if definition.field is not None and definition.field not in known:
        raise UnknownField(
            over=definition.over,
            role="合计" if adds else "去重计数",
            field=definition.field,
            known="、".join(sorted(known)),
        )


def _word(over: str, source: Source, one: Filter) -> Word:
    if one.field not in source.words:
        known = "、".join(sorted(source.words))
        raise UnknownField(over=over, role="筛选", field=one.field, known=known)
    return source.words[one.field]


def values_of(word: Word, one: Filter) -> list[Any]:
    """The values of a filter as the database compares them. Raises: UnusableValue."""
    return [_value(word, one.field, text) for text in one.values]


def _value(word: Word, name: str, text: str) -> Any:
    known = "、".join(word.values) or {"bool": "true、false", "int": "整数"}.get(word.kind, "编号")
    try:
        if word.values and text not in word.values:
            raise ValueError
        return _READ[word.kind](text)
    except (ValueError, KeyError, OverflowError):
        raise UnusableValue(field=name, value=text, known=known) from None


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError
    return int(text)


_READ: Mapping[Kind, Any] = {
    "text": str,
    "uuid": UUID,
    "area": UUID,
    "int": _whole,
    "bool": {"true": True, "false": False}.__getitem__,
}


def is_fen(definition: Figure) -> bool:
    """Whether the raw value is fen."""
    return _counts(definition) == "fen"


def is_entered(definition: Figure) -> bool:
    """Whether the raw value is in the unit of an indicator, times ten to its decimals."""
    return _counts(definition) == "entered"


def _counts(definition: Figure) -> str | None:
    if definition.measure not in ("sum", "last") or definition.field is None:
        return None
    return source_of(definition).sums[definition.field].counts


def _check_unit(definition: Figure) -> None:
    """Fen print as money, things as things, a ratio as a share; what was entered in its own unit,
    which the indicator says."""
    if is_entered(definition):
        return
    known: Iterable[str] = COUNTED_IN
    if definition.measure == "ratio":
        known = RATIO_IN
    elif is_fen(definition):
        known = PLACES
    elif definition.decimals is not None:
        raise UnitDoesNotFit(
            measure=definition.measure,
            field=definition.field,
            unit=f"{definition.decimals} 位小数",
            known="整数",
        )
    if definition.unit not in known:
        raise UnitDoesNotFit(
            measure=definition.measure,
            field=definition.field,
            unit=definition.unit,
            known="、".join(f"“{unit}”" for unit in known),
        )
