"""A figure at a moment: its version then, its raw value, its text, its operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.events.contracts.reporting import Figure, FigureDeclared
from libs.events.errors import NotFoundError
from libs.events.log import Log
from services.reporting.views.cursors import Moment
from services.reporting.views.declared import SOURCE, version_at

from .language import is_entered
from .query import Measured, events_query, measure_query
from .reported import Missing, asked_of, missing_of
from .value import printed, printed_ratio


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a figure says. `raw` is None for a ratio, whose operands are the integers, and where
    nothing was entered of an indicator, which is not 0. `places`: decimals that it holds;
    `missing`: who has not said what is measured."""

    code: str
    title: str
    version: int
    event: str
    definition: Figure
    raw: int | None
    text: str | None
    events: int
    operands: tuple[Evaluated, ...] = ()
    places: int = 0
    missing: Missing | None = None

    def told(self) -> dict[str, Any]:
        """As an answer shows it; a ratio with its two sides."""
        said = {
            "figure": self.code,
            "title": self.title,
            "version": self.version,
            "unit": self.definition.unit,
            "printed": self.text,
            "raw": self.raw,
            "events": self.events,
        }
        if self.operands:
            said["numerator"], said["denominator"] = (side.told() for side in self.operands)
        if self.missing is not None:
            said["missing"] = self.missing.told()
        if self.text is None:
            said["not_printed"] = self._why_not()
        return said

    def _why_not(self) -> str:
        sides = self.operands or (self,)
        if any(side.raw is None for side in sides):
            return "尚无填报，没有可印的数"
        return "分母为零，占比无法计算"


async def evaluate(log: Log, code: str, area: UUID, moment: Moment) -> Evaluated:
    """Raises: NotFoundError when the area has no such figure."""
    position = moment.positions.get(SOURCE, 0)
    version = await version_at(log.pool, FigureDeclared, code, area, position)
    if version is None:
        raise NotFoundError(f"本区域没有指标 {code}")
    definition: Figure = version.fact.definition
    operands = await _operands(log, definition, area, moment)
    named = (code, version.fact.title, version.version, version.event)
    if operands:
        events = await _events(log, operands, area, moment)
        unsaid = any(side.raw is None for side in operands)
        text = None if unsaid else printed_ratio(definition, *_same_places(*operands))
        return Evaluated(*named, definition, None, text, events, operands)
    measured = await _measure(log, definition, area, moment)
    asked = await asked_of(log, definition, position)
    places = asked["decimals"] if asked is not None and is_entered(definition) else 0
    missing = None if asked is None else await missing_of(log, definition, asked, area, moment)
    said = not is_entered(definition) or measured.events > 0
    raw, text = None, None
    if said:
        raw, text = measured.raw, printed(definition, measured.raw, places)
    return Evaluated(*named, definition, raw, text, measured.events, (), places, missing)


def _same_places(over: Evaluated, under: Evaluated) -> tuple[int, int]:
    """Both sides of a ratio as whole numbers of one place."""
    return (over.raw or 0) * 10**under.places, (under.raw or 0) * 10**over.places


async def _operands(
    log: Log, definition: Figure, area: UUID, moment: Moment
) -> tuple[Evaluated, ...]:
    codes = (definition.numerator, definition.denominator)
    return tuple([await evaluate(log, code, area, moment) for code in codes if code is not None])


async def _measure(log: Log, definition: Figure, area: UUID, moment: Moment) -> Measured:
    query, values = measure_query(definition, area, moment)
    row = await log.pool.fetchrow(query, *values)
    assert row is not None, "an aggregate has one row"
    return Measured(row["raw"], row["events"])


async def _events(log: Log, operands: tuple[Evaluated, ...], area: UUID, moment: Moment) -> int:
    query, values = events_query([side.definition for side in operands], area, moment)
    counted: int = await log.pool.fetchval(query, *values)
    return counted
