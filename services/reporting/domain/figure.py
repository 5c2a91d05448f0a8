"""A figure 指标: a declared measure over entries, data and never code (design 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.contracts.reporting import (
    DateBasis,
    Figure,
    FigureDeclared,
    Measure,
    Over,
    Rounding,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .indicator import Indicator, applies
from .names import Code, Title
from .roll_up import rolled_up

Word = Annotated[str, Field(pattern=r"^[a-z][a-z_.]{0,39}$")]


class FilterTyped(BaseModel):
    """筛选：字段取这些值之一。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: Word
    values: tuple[Annotated[str, Field(max_length=200)], ...] = Field(min_length=1, max_length=200)


class DefinitionTyped(BaseModel):
    """指标定义。sum 合计、last 末期合计（填报）、count 计数、distinct 去重计数取自 over；
    ratio 为两个指标之比。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: Measure
    over: Over | None = None
    field: Word | None = None
    sign: Literal[1, -1] = 1
    where: tuple[FilterTyped, ...] = Field(default=(), max_length=20)
    numerator: Code | None = None
    denominator: Code | None = None
    scale: int = Field(default=1, ge=1, le=1_000_000)
    unit: str = Field(default="", max_length=10, examples=["万元"])
    decimals: int | None = Field(default=None, ge=0, le=10)
    rounding: Rounding = "half_up"
    date_basis: DateBasis = "effective_on"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Each measure has what it needs, and nothing that it would silently ignore."""
        given = {name for name, none in _NOTHING.items() if getattr(self, name) != none}
        needed = _NEEDS[self.measure]
        if missing := sorted(needed - given):
            raise ValueError(f"{self.measure} 缺少：{'、'.join(missing)}")
        if idle := sorted(given - needed - _ALSO[self.measure]):
            raise ValueError(f"{self.measure} 不用：{'、'.join(idle)}")
        return self

    def read(self) -> Figure:
        return msgspec.convert(self.model_dump(mode="json"), Figure)


_NOTHING: dict[str, Any] = {
    "over": None,
    "field": None,
    "sign": 1,
    "where": (),
    "decimals": None,
    "numerator": None,
    "denominator": None,
    "scale": 1,
}
"""What the fields of a definition are when nobody wrote them."""
_NEEDS: dict[Measure, set[str]] = {
    "sum": {"over", "field"},
    "last": {"over", "field"},
    "count": {"over"},
    "distinct": {"over", "field"},
    "ratio": {"numerator", "denominator", "decimals"},
}
_ALSO: dict[Measure, set[str]] = {
    "sum": {"where", "sign", "decimals"},
    "last": {"where", "sign", "decimals"},
    "count": {"where"},
    "distinct": {"where"},
    "ratio": {"scale"},
}


class DeclareFigure(Command):
    """声明指标。再次声明产生新版本，旧版本仍可查。"""

    figure: Code
    title: Title
    area: UUID
    definition: DefinitionTyped

    def stream(self) -> UUID:
        return figure_stream(self.area, self.figure)

    def operands(self) -> list[str]:
        """The codes of the figures that a ratio divides; none for other measures."""
        names = (self.definition.numerator, self.definition.denominator)
        return [name for name in names if name is not None]


def figure_stream(area: UUID, code: str) -> UUID:
    """A code means one figure in an area; another county may use the same code."""
    return stream_id("figure", str(area), str(area), code)


class FigureNotDeclared(Refused):
    """指标未声明：本区域没有指标 {figure}。"""


class OperandIsRatio(Refused):
    """比率不能再作分子或分母：{figure}。"""


class FigureUnchanged(Refused):
    """指标与现行版本相同：{figure} 第 {version} 版。"""


@dataclass(frozen=True, slots=True)
class Declared:
    """The latest version of a figure; version 0 where there is none."""

    title: str = ""
    definition: Figure | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Declaring:
    """A figure as it is, the figures that the new definition divides, and the indicator that it
    measures."""

    figure: Declared
    operands: tuple[Declared, ...]
    indicator: tuple[UUID, Indicator] | None = None


def declare(state: Declaring, command: DeclareFigure, facts: Facts) -> Decision:
    """Capability 38: a new figure needs no code. A ratio divides figures that exist; what areas
    entered is added up as its indicator says."""
    require_declared(command.operands(), state.operands)
    for code, operand in zip(command.operands(), state.operands, strict=True):
        if operand.definition is not None and operand.definition.measure == "ratio":
            raise OperandIsRatio(figure=code)
    definition = command.definition.read()
    if state.indicator is not None:
        named, indicator = state.indicator
        definition = rolled_up(definition, applies(indicator, named, facts.path))
    if (state.figure.title, state.figure.definition) == (command.title, definition):
        raise FigureUnchanged(figure=command.figure, version=state.figure.version)
    event = FigureDeclared(
        figure=command.figure, title=command.title, area=command.area, definition=definition
    )
    body = {
        "id": str(command.stream()),
        "figure": command.figure,
        "version": state.figure.version + 1,
    }
    return Decision({command.stream(): (event,)}, body)


def require_declared(codes: Iterable[str], figures: Iterable[Declared]) -> None:
    """Raises: FigureNotDeclared for the first code without a figure."""
    for code, figure in zip(codes, figures, strict=True):
        if figure.definition is None:
            raise FigureNotDeclared(figure=code)


def evolve(state: Declared, event: Event) -> Declared:
    match event:
        case FigureDeclared():
            return Declared(event.title, event.definition, state.version + 1)
        case _:
            return state


figures: Fold[Declared] = Fold("figure", Declared(), evolve)
