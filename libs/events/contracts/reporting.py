"""What reporting tells the world: figures and statements as data, the cuts that were kept, and
indicators 填报 with what areas entered of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event
from .households import AreaLevel

Measure = Literal["sum", "last", "count", "distinct", "ratio"]
Over = Literal["movements", "lines", "populations", "households", "assets", "indicators"]
DateBasis = Literal["effective_on", "occurred_on"]
Rounding = Literal["half_up", "truncate"]


class Filter(Struct, frozen=True, kw_only=True):
    """Rows whose `field` is one of `values`; fields are columns of the entries or of the lot,
    project or asset that a row names."""

    field: str
    values: tuple[str, ...]


class Figure(Struct, frozen=True, kw_only=True):
    """A declared measure over entries: data, never code.

    sum adds `field` of the rows (times `sign`); last adds it over the areas, of each the last
    period; count counts rows; distinct counts different values of `field`; ratio divides two other
    figures and multiplies by `scale`.
    """

    measure: Measure
    over: Over | None = None
    field: str | None = None
    sign: Literal[1, -1] = 1
    where: tuple[Filter, ...] = ()
    numerator: str | None = None
    denominator: str | None = None
    scale: Count = 1
    unit: Annotated[str, Meta(examples=["万元"])] = ""
    decimals: Annotated[int, Meta(ge=0, le=10)] | None = None
    rounding: Rounding = "half_up"
    date_basis: DateBasis = "effective_on"


class FigureDeclared(Event, frozen=True, kw_only=True):
    """A figure has this definition from now on; earlier versions stay readable."""

    figure: Annotated[str, Meta(examples=["recv.total"])]
    title: str
    area: UUID
    definition: Figure


class StatementLine(Struct, frozen=True, kw_only=True):
    label: str
    figure: str


class StatementDeclared(Event, frozen=True, kw_only=True):
    """Which figures a statement prints, in which order."""

    statement: str
    title: str
    area: UUID
    year: int
    lines: tuple[StatementLine, ...]


class LogPosition(Struct, frozen=True, kw_only=True):
    """Where a cut goes through one log. The epoch is that of the event there: a position alone
    could mean another event after a restore. Position 0 (epoch 0): nothing of it."""

    source: Annotated[str, Meta(examples=["funds"])]
    epoch: Count
    position: Count


class CutTaken(Event, frozen=True, kw_only=True):
    """A cut was kept under a name, so that figures at it stay the same bytes for ever."""

    area: UUID
    name: str
    counted_until: date | None
    known_at: datetime | None
    positions: Annotated[tuple[LogPosition, ...], Meta(description="one position per log")]


class CutNameTaken(Event, frozen=True, kw_only=True):
    """The mark on the name's own stream: along the line of this area the name means its cut."""

    area: UUID
    name: str
    path: Annotated[tuple[UUID, ...], Meta(description="ancestors from the top, itself last")]


PeriodKind = Literal["day", "month", "quarter", "year"]
OverAreas = Literal["sum", "none"]
OverPeriods = Literal["sum", "last"]
Decimals = Annotated[int, Meta(ge=0, le=6)]
Scaled = Annotated[
    int, Meta(ge=-(10**15), le=10**15, description="the value times ten to its decimals")
]
Period = Annotated[str, Meta(examples=["2024-03"], description="2024-03-01, 2024-03, 2024Q1, 2024")]


class IndicatorDefined(Event, frozen=True, kw_only=True):
    """An entered statistic has this definition from now on. Unit, decimals, kind of period and
    roll-up never change: what was entered would mean something else."""

    indicator: UUID
    area: UUID
    code: Annotated[str, Meta(examples=["training.sessions"])]
    title: str
    unit: Annotated[str, Meta(examples=["期"])]
    decimals: Decimals
    period: PeriodKind
    over_areas: Annotated[OverAreas, Meta(description="none: what areas say is never added up")]
    over_periods: OverPeriods
    level: Annotated[
        AreaLevel | None, Meta(description="of the areas below that report it; null: itself alone")
    ]
    valid_from: date
    valid_until: date | None
    note: str | None


class IndicatorEntered(Event, frozen=True, kw_only=True):
    """An area said what it counted in a period."""

    indicator: UUID
    area: UUID
    period: Period
    value: Annotated[str, Meta(examples=["117"], description="as typed; a decimal, never empty")]
    scaled: Scaled
    note: str | None


class IndicatorCorrected(Event, frozen=True, kw_only=True):
    """An area said something else of a period; what it said before stays readable."""

    indicator: UUID
    area: UUID
    period: Period
    value: Annotated[str | None, Meta(description="null: it has said nothing")]
    scaled: Scaled | None
    was: str | None
    reason: str
    note: str | None


CONTRACTS = Contracts(
    (
        *(FigureDeclared, StatementDeclared, CutTaken, CutNameTaken),
        *(IndicatorDefined, IndicatorEntered, IndicatorCorrected),
    )
)
