"""What one area entered 填报 of one indicator, period by period; corrections keep what was there.

0 and nothing differ: nothing is entered where nothing was counted, and an entry that was a mistake
is corrected to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from libs.events.contracts.households import AreaLevel
from libs.events.contracts.reporting import (
    IndicatorCorrected,
    IndicatorDefined,
    IndicatorEntered,
)
from libs.events.dated_rows import Reference
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.severity import Overridable
from libs.events.types import Event, stream_id

from .indicator import Indicator, Note, applies, covers
from .jump import UnexplainedJump, Value, jumped, percent_of
from .periods import KINDS, PeriodTyped, Span, span
from .quantity import QuantityTyped, scaled


class EnterIndicator(Overridable):
    """填报一个区域一个期间的数。已填报的再填即为更正, 须写明理由; 更正为 null 即撤回。"""

    area: UUID
    period: PeriodTyped
    value: QuantityTyped | None = Field(description="0 与未填报不同; null 只用于撤回误报")
    note: Note | None = Field(default=None, description="变动等情况的说明")
    reason: Note | None = Field(default=None, description="更正理由")

    @model_validator(mode="after")
    def _counts_for_its_period(self) -> Self:
        if self.effective_on is not None:
            raise ValueError("effective_on 由期间决定，不必填写")
        return self

    @property
    def counted_on(self) -> date:
        """It counts for its period, by the last day of it, whenever it is typed."""
        return span(self.period).last

    def entered(self, indicator: UUID) -> UUID:
        return entered_stream(indicator, self.area)


def entered_stream(indicator: UUID, area: UUID) -> UUID:
    """What one area entered of one indicator."""
    return stream_id("entered", str(area), str(indicator), str(area))


class PeriodDiffers(Refused):
    """期间不符：{code} 按{kind}填报，来的是 {period}。"""


class PeriodNotAsked(Refused):
    """该期间不需填报：{code} {period}，填报自 {valid_from} 起至 {valid_until}。"""


class PeriodAhead(Refused):
    """期间尚未开始：{period}，填报日 {occurred_on}。"""


class NotTheReporter(Refused):
    """该区域不填报此指标：{code} 由{expected}填报。"""


class OtherUnit(Refused):
    """单位不符：{code} 的单位是{expected}，来的是{unit}。"""


class TooManyDecimals(Refused):
    """数值不能用：{code} 至多 {decimals} 位小数、{digits} 位整数，来的是 {value}。"""


class AlreadyEntered(Refused):
    """已经填报：{code} {period} 为 {value}；更正须写明理由。"""


class NothingToCorrect(Refused):
    """没有可更正的填报：{code} {period} 尚未填报。"""


class ValueUnchanged(Refused):
    """与已填报的相同：{code} {period} 为 {value}。"""


class EntryFacts(Facts, frozen=True, kw_only=True):
    """The level of the area that reports; None where it is not known."""

    level: AreaLevel | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands by period, and which periods were ever entered."""

    values: Mapping[str, Value] = field(default_factory=dict)
    ever: frozenset[str] = frozenset()

    def before(self, period: str) -> tuple[str, Value] | None:
        """The last period before that has a value."""
        earlier = [one for one in self.values if one < period]
        return None if not earlier else (max(earlier), self.values[max(earlier)])


class Entering(NamedTuple):
    """The indicator by its id, what the area entered of it, and by how much values may jump."""

    id: UUID
    indicator: Indicator
    entered: Entered
    jumps: Reference


def enter(state: Entering, command: EnterIndicator, facts: EntryFacts) -> Decision:
    """One value of one area and period; a further one is a correction."""
    defined = applies(state.indicator, state.id, facts.path)
    _require_asked(defined, command, span(command.period), facts)
    new = None if command.value is None else _value(defined, command.value)
    if new is not None:
        facts.object(_jump(state, defined, command, new, facts))
    event = _event(state.entered, defined, command, new)
    stream = command.entered(state.id)
    body = {"id": str(stream), "indicator": str(state.id), "period": command.period}
    return Decision({stream: (event,)}, body)


def _require_asked(
    defined: IndicatorDefined, command: EnterIndicator, during: Span, facts: EntryFacts
) -> None:
    """Raises: PeriodDiffers, PeriodNotAsked, PeriodAhead, NotTheReporter."""
    code = defined.code
    if during.kind != defined.period:
        raise PeriodDiffers(code=code, kind=KINDS[defined.period], period=command.period)
    if not covers(defined, during.first, during.last):
        until = "今后" if defined.valid_until is None else defined.valid_until.isoformat()
        raise PeriodNotAsked(
            code=code,
            period=command.period,
            valid_from=defined.valid_from.isoformat(),
            valid_until=until,
        )
    if during.first > command.occurred_on:
        day = command.occurred_on.isoformat()
        raise PeriodAhead(period=command.period, occurred_on=day)
    if not reports(defined, command.area, facts.level):
        raise NotTheReporter(code=code, expected=reporters(defined))


def reports(defined: IndicatorDefined, area: UUID, level: AreaLevel | None) -> bool:
    """Whether an area within that of the indicator is one that is asked."""
    return area == defined.area if defined.level is None else level == defined.level


LEVELS: Mapping[AreaLevel, str] = {
    "nation": "国家",
    "province": "省级",
    "prefecture": "市级",
    "county": "县级",
    "township": "乡级",
    "village": "村级",
    "group": "组级",
}


def reporters(defined: IndicatorDefined) -> str:
    return "本级" if defined.level is None else f"{LEVELS[defined.level]}区域"


def _value(defined: IndicatorDefined, typed: QuantityTyped) -> Value:
    """Raises: OtherUnit, TooManyDecimals."""
    if typed.unit != defined.unit:
        raise OtherUnit(code=defined.code, expected=defined.unit, unit=typed.unit)
    number = scaled(typed.text, defined.decimals)
    if number is None:
        raise TooManyDecimals(
            code=defined.code,
            decimals=defined.decimals,
            digits=15 - defined.decimals,
            value=typed.text,
        )
    return Value(typed.text, number)


def _jump(
    state: Entering, defined: IndicatorDefined, command: EnterIndicator, new: Value, facts: Facts
) -> UnexplainedJump | None:
    """A value far from the one before asks for a word; a correction has its reason."""
    before = state.entered.before(command.period)
    if before is None or command.note is not None or command.reason is not None:
        return None
    percent = percent_of(state.jumps, defined.code, facts.path_then, command.counted_on)
    return jumped(defined.code, before, (command.period, new), percent)


def _event(
    known: Entered, defined: IndicatorDefined, command: EnterIndicator, new: Value | None
) -> IndicatorEntered | IndicatorCorrected:
    """Raises: NothingToCorrect, AlreadyEntered, ValueUnchanged."""
    was, period = known.values.get(command.period), command.period
    if period not in known.ever:
        if new is None or command.reason is not None:
            raise NothingToCorrect(code=defined.code, period=period)
        return IndicatorEntered(
            indicator=defined.indicator,
            area=command.area,
            period=period,
            value=new.text,
            scaled=new.scaled,
            note=command.note,
        )
    text = "未填报" if was is None else was.text
    if (None if was is None else was.scaled) == (None if new is None else new.scaled):
        raise ValueUnchanged(code=defined.code, period=period, value=text)
    if command.reason is None:
        raise AlreadyEntered(code=defined.code, period=period, value=text)
    return _corrected(defined, command, was, new)


def _corrected(
    defined: IndicatorDefined, command: EnterIndicator, was: Value | None, new: Value | None
) -> IndicatorCorrected:
    assert command.reason is not None, "a correction has its reason"
    return IndicatorCorrected(
        indicator=defined.indicator,
        area=command.area,
        period=command.period,
        value=None if new is None else new.text,
        scaled=None if new is None else new.scaled,
        was=None if was is None else was.text,
        reason=command.reason,
        note=command.note,
    )


def evolve(state: Entered, event: Event) -> Entered:
    match event:
        case IndicatorEntered():
            return _with(state, event.period, Value(event.value, event.scaled))
        case IndicatorCorrected(value=str(text), scaled=int(number)):
            return _with(state, event.period, Value(text, number))
        case IndicatorCorrected():
            rest = {k: v for k, v in state.values.items() if k != event.period}
            return Entered(rest, state.ever)
        case _:
            return state


def _with(state: Entered, period: str, value: Value) -> Entered:
    return Entered({**state.values, period: value}, state.ever | {period})


entries: Fold[Entered] = Fold("entered", Entered(), evolve)
