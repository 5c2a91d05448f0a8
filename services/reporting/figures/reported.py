"""Who was asked for what a figure measures, and has said nothing of it at the cut (product 39).

An indicator is asked of every area of its level that stands at the end of the period, by the areas
as they were then; a figure shows the first who are missing, and how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.events.clock import today
from libs.events.contracts.reporting import Figure
from libs.events.log import Log
from services.reporting.domain.periods import ended, span
from services.reporting.views.cursors import Moment, latest, told, within_cut
from services.reporting.views.indicators import defined_at

from .language import indicator_of, source_of
from .query import Binds, entries, within

SHOWN = 100
"""Of the missing; the count is of all."""


@dataclass(frozen=True, slots=True)
class Missing:
    """How many areas and periods nothing was said of, and the first of them."""

    count: int
    first: tuple[Mapping[str, Any], ...]

    def told(self) -> dict[str, Any]:
        return {"count": self.count, "first": [told(one) for one in self.first]}


async def asked_of(log: Log, definition: Figure, position: int) -> Mapping[str, Any] | None:
    """The indicator that a figure measures, as it was defined at a position; None: it measures
    none."""
    indicator = indicator_of(definition)
    if indicator is None:
        return None
    rows = await defined_at(log.pool, [indicator], position)
    return dict(rows[0]) if rows else None


async def missing_of(
    log: Log, definition: Figure, asked: Mapping[str, Any], area: UUID, moment: Moment
) -> Missing:
    """Of the periods that the figure names; else of all that were to be entered or anybody entered,
    for the newest of them where the last counts."""
    periods = [v for one in definition.where if one.field == "period" for v in one.values]
    if not periods:
        binds = Binds(moment)
        rows = entries(definition, area, moment, binds)
        query = f"WITH {moment.tables} SELECT DISTINCT e.period {rows}"
        entered = [row[0] for row in await log.pool.fetch(query, *binds.values)]
        found = sorted({*entered, *_over(asked, moment)})
        periods = found[-1:] if definition.measure == "last" else found
    if moment.counted_until is not None:
        periods = [one for one in periods if span(one).last <= moment.counted_until]
    query, values = _query(definition, asked, area, moment, periods)
    missing = await log.pool.fetch(query, *values)
    total = missing[0]["total"] if missing else 0
    shown = [{k: v for k, v in row.items() if k != "total"} for row in missing]
    return Missing(total, tuple(shown))


def _over(asked: Mapping[str, Any], moment: Moment) -> list[str]:
    """The periods that are asked for and over: also one that nobody entered is missing."""
    now = moment.day or today()
    until = now if moment.counted_until is None else min(now, moment.counted_until)
    over = ended(asked["period"], asked["valid_from"], until)
    last = asked["valid_until"]
    return [one for one in over if last is None or span(one).first <= last]


def _query(
    definition: Figure,
    asked: Mapping[str, Any],
    area: UUID,
    moment: Moment,
    periods: list[str],
) -> tuple[str, list[Any]]:
    binds = Binds(moment)
    texts = binds.add(periods, "text[]")
    lasts = binds.add([span(one).last for one in periods], "date[]")
    place = within(moment, definition, binds)
    wanted = [place("r.area", binds.add([area], "uuid[]"))]
    wanted.append(_reporters(asked, binds))
    for one in definition.where:
        if one.field in ("at", "area"):
            given = binds.add([UUID(value) for value in one.values], "uuid[]")
            wanted.append(
                place("r.area", given) if one.field == "area" else f"r.area = ANY ({given})"
            )
    query = _MISSING.format(
        tables=moment.tables,
        texts=texts,
        lasts=lasts,
        conditions=" AND ".join(wanted),
        standing=source_of(definition).table,
        indicator=binds.add(asked["id"], "uuid"),
        shown=binds.add(SHOWN, "bigint"),
    )
    return query, binds.values


def _reporters(asked: Mapping[str, Any], binds: Binds) -> str:
    """The areas that an indicator is asked of."""
    if asked["level"] is None:
        return f"r.area = {binds.add(asked['area'], 'uuid')}"
    return f"r.level = {binds.add(asked['level'], 'text')}"


_MISSING = f"""
WITH {{tables}}
SELECT r.area, named.code, named.name, e.period, count(*) OVER () AS total
  FROM (SELECT u.period, u.last AS effective_on, u.last AS occurred_on
          FROM unnest({{texts}}, {{lasts}}) u(period, last)) e
  JOIN view.areas r ON r.path IS NOT NULL AND r.valid_from <= e.effective_on {within_cut("r")}
  JOIN {latest("view.areas", "area")} named ON named.area = r.area
 WHERE {{conditions}}
   AND NOT EXISTS (SELECT FROM view.area_ends x {within_cut("x")}
                    WHERE x.area = r.area AND x.ended_on <= e.effective_on)
   AND NOT EXISTS (SELECT FROM {{standing}} v WHERE v.indicator = {{indicator}}
                    AND v.area = r.area AND v.period = e.period)
 ORDER BY e.period, named.code LIMIT {{shown}}
"""  # noqa: S608 - constants of the language
