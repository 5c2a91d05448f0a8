"""An indicator 填报指标: what areas below are asked to count, as data (design 8, product 39).

What was entered is kept per area in `entered`; here is what it means: unit, decimals, kind of
period, and what may be added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from libs.events.contracts.households import AreaLevel
from libs.events.contracts.reporting import (
    IndicatorDefined,
    OverAreas,
    OverPeriods,
    PeriodKind,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event, stream_id

from .names import Code, Title
from .quantity import PLACES, Unit

Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
FIXED = {"unit": "单位", "decimals": "小数位数", "period": "期间", "over_areas": "区域汇总",
         "over_periods": "期间汇总", "level": "填报级别"}  # fmt: skip
"""What never changes: values that were entered would mean something else, and of two levels a
village would be counted beside its township."""


class DefineIndicator(Command):
    """定义填报指标。再次定义即为新版本；单位、小数位数、期间、汇总、填报级别不变。"""

    area: UUID
    code: Code
    title: Title
    unit: str = Field(pattern=Unit, examples=["期"])
    decimals: int = Field(default=0, ge=0, le=PLACES, description="填报值的小数位数")
    period: PeriodKind
    over_areas: OverAreas = Field(description="sum: 各区域之和有意义; none: 不得相加")
    over_periods: OverPeriods = Field(description="sum: 各期之和有意义; last: 以末期为准")
    level: AreaLevel | None = Field(description="由哪一级下级区域填报; null: 由本区域自己填报")
    valid_from: Day = Field(description="首个期间须在此日或其后结束")
    valid_until: Day | None = Field(default=None, description="末个期间须在此日或其前开始")
    note: Note | None = Field(default=None, description="口径与填报说明")

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("末日不得早于首日")
        return self

    def indicator(self) -> UUID:
        return indicator_stream(self.area, self.code)


def indicator_stream(area: UUID, code: str) -> UUID:
    """A code means one indicator in an area; another county may use the same code."""
    return stream_id("indicator", str(area), str(area), code)


class IndicatorFixed(Refused):
    """填报指标 {code} 的{member}已定为 {was}，不能改为 {new}；请另立指标。"""


class IndicatorUnchanged(Refused):
    """填报指标与现行版本相同：{code} 第 {version} 版。"""


class IndicatorUnknown(Refused):
    """没有这个填报指标，或不适用于该区域：{indicator}。"""


@dataclass(frozen=True, slots=True)
class Indicator:
    """The latest version of a definition; version 0 where there is none."""

    defined: IndicatorDefined | None = None
    version: int = 0

    @property
    def area(self) -> UUID | None:
        return None if self.defined is None else self.defined.area


def define(state: Indicator, command: DefineIndicator, _: Facts) -> Decision:
    event = _event(command)
    if state.defined == event:
        raise IndicatorUnchanged(code=command.code, version=state.version)
    if state.defined is not None:
        _require_fixed(state.defined, event)
    id_ = command.indicator()
    body = {"id": str(id_), "code": command.code, "version": state.version + 1}
    return Decision({id_: (event,)}, body)


def _event(command: DefineIndicator) -> IndicatorDefined:
    return IndicatorDefined(
        indicator=command.indicator(),
        area=command.area,
        code=command.code,
        title=command.title,
        unit=command.unit,
        decimals=command.decimals,
        period=command.period,
        over_areas=command.over_areas,
        over_periods=command.over_periods,
        level=command.level,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        note=command.note,
    )


def _require_fixed(was: IndicatorDefined, new: IndicatorDefined) -> None:
    for member, title in FIXED.items():
        before, after = getattr(was, member), getattr(new, member)
        if before != after:
            named = {"was": before, "new": after}
            told = {key: "本级" if value is None else value for key, value in named.items()}
            raise IndicatorFixed(code=was.code, member=title, **told)


def applies(state: Indicator, indicator: UUID, path: tuple[UUID, ...]) -> IndicatorDefined:
    """The definition for an area: that of the area or of one above it. Raises: IndicatorUnknown,
    also for another county's, as if it were not there."""
    if state.defined is None or state.defined.area not in path:
        raise IndicatorUnknown(indicator=str(indicator))
    return state.defined


def covers(defined: IndicatorDefined, first: date, last: date) -> bool:
    """Whether a period of these days is asked for."""
    until = defined.valid_until
    return defined.valid_from <= last and (until is None or first <= until)


def evolve(state: Indicator, event: Event) -> Indicator:
    return Indicator(event, state.version + 1) if isinstance(event, IndicatorDefined) else state


indicators: Fold[Indicator] = Fold("indicator", Indicator(), evolve)
