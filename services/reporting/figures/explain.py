"""Why a figure says what it says: formula, both sides, filters, entries, documents (X5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.events.contracts.reporting import Figure
from libs.events.log import Log
from libs.events.types import plain
from services.reporting.views.cursors import Moment, latest, told

from .evaluate import Evaluated
from .language import source_of
from .query import Binds, entries, filters, summed

ROUNDINGS = {"half_up": "四舍五入", "truncate": "直接舍去"}
BASES = {"effective_on": "入账生效日", "occurred_on": "业务发生日"}


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which entry a page begins: which side of a ratio, then the entry's key."""

    side: int = 0
    source: str = ""
    position: int = 0
    n: int = -1

    @classmethod
    def parse(cls, text: str) -> Place:
        """A place as `str` wrote it."""
        side, source, position, n = text.split(":")
        return cls(int(side), source, int(position), int(n))

    def __str__(self) -> str:
        return f"{self.side}:{self.source}:{self.position}:{self.n}"


async def explain(
    log: Log, figure: Evaluated, area: UUID, moment: Moment, page: tuple[Place, int]
) -> dict[str, Any]:
    """Everything about one value; `page` says behind which entry and how many."""
    sides = figure.operands or (figure,)
    shown, after = await _page(log, sides, area, moment, page)
    return {
        **figure.told(),
        "area": str(area),
        "definition": plain(figure.definition),
        "declared_by": {"source": "reporting", "id": figure.event},
        "formula": formula(figure.definition),
        "population": [population(side.definition) for side in sides],
        "date_basis": figure.definition.date_basis,
        "entries": shown,
        "next": None if after is None else str(after),
        "documents": await _documents(log, sides, area, moment),
        **moment.told(),
        **moment.basis(),
    }


def formula(definition: Figure) -> str:
    """The measure in words, as a reader would say it."""
    if definition.measure == "ratio":
        scaled = "" if definition.scale == 1 else f" × {definition.scale}"
        divided = f"{definition.numerator} ÷ {definition.denominator}{scaled}"
        return f"{divided}，保留 {definition.decimals} 位小数，{ROUNDINGS[definition.rounding]}"
    source = source_of(definition)
    name = definition.field or ""
    match definition.measure:
        case "sum":
            what = f"{source.sums[name].label}合计" + ("，取相反数" * (definition.sign < 0))
        case "last":
            what = f"各区域末期{source.sums[name].label}合计" + "，取相反数" * (definition.sign < 0)
        case "distinct":
            what = f"{source.words[name].label}去重计数"
        case _:
            what = "条数"
    return f"{source.label}：{what}，按{BASES[definition.date_basis]}截止"


def population(definition: Figure) -> dict[str, Any]:
    """Which entries are counted: the source and every filter that holds, in words."""
    source = source_of(definition)
    return {
        "over": definition.over,
        "label": source.label,
        "where": [
            {"field": f.field, "label": source.words[f.field].label, "values": list(f.values)}
            for f in filters(definition)
        ],
    }


async def _page(
    log: Log,
    sides: tuple[Evaluated, ...],
    area: UUID,
    moment: Moment,
    page: tuple[Place, int],
) -> tuple[list[dict[str, Any]], Place | None]:
    """Entries of the first side, then of the second; one more is read to know if any follow."""
    after, limit = page
    shown: list[dict[str, Any]] = []
    for number, side in enumerate(sides):
        if number >= after.side and len(shown) <= limit:
            start = after if number == after.side else Place(number)
            rows = await _entries(log, side, area, moment, (start, limit + 1 - len(shown)))
            shown += [{"figure": side.code, "side": number, **row} for row in rows]
    if len(shown) <= limit:
        return [_told(row) for row in shown], None
    last = shown[limit - 1]
    place = Place(last["side"], last["source"], last["position"], last["n"])
    return [_told(row) for row in shown[:limit]], place


async def _entries(
    log: Log, side: Evaluated, area: UUID, moment: Moment, page: tuple[Place, int]
) -> list[dict[str, Any]]:
    definition, binds = side.definition, Binds(moment)
    source = source_of(definition)
    words = {name: source.words[name] for name in source.shows}
    rows = entries(definition, area, moment, binds, words.values())
    start, limit = page
    behind = ", ".join(
        (
            binds.add(start.source, "text"),
            binds.add(start.position, "bigint"),
            binds.add(start.n, "int"),
        )
    )
    adds = definition.measure in ("sum", "last")
    counted = summed(definition, source) if adds else source.weight
    shown = ", ".join(f'{word.sql} AS "{name}"' for name, word in words.items())
    query = (
        f"WITH {moment.tables} SELECT e.source, e.epoch, e.position, e.n, e.event,"
        f" {counted} AS counted, {shown}, e.document, e.occurred_on, e.effective_on, e.recorded_at"
        f" {rows} AND (e.source, e.position, e.n) > ({behind})"
        f" ORDER BY e.source, e.position, e.n LIMIT {binds.add(limit, 'bigint')}"
    )
    return [dict(row) for row in await log.pool.fetch(query, *binds.values)]


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as plain data, with the id of its event (`<epoch>-<position>` of its source)."""
    shown = told({k: v for k, v in row.items() if k not in ("side", "epoch")})
    return {"id": f"{row['epoch']}-{row['position']}", **shown}


async def _documents(
    log: Log, sides: tuple[Evaluated, ...], area: UUID, moment: Moment
) -> list[dict[str, Any]]:
    """Documents that decided the entries, and those by which their lots were received."""
    binds = Binds(moment)
    numbers = " UNION ".join(_numbers(side.definition, area, moment, binds) for side in sides)
    rows = await log.pool.fetch(
        f"WITH {moment.tables}, named AS ({numbers})"  # noqa: S608 - constants of the language
        " SELECT named.number, d.document_id AS id, d.title, d.kind, d.issued_on FROM named"
        f" LEFT JOIN {latest('view.documents', 'number')} d ON d.number = named.number"
        " WHERE named.number IS NOT NULL ORDER BY named.number",
        *binds.values,
    )
    return [told(row) for row in rows]


def _numbers(definition: Figure, area: UUID, moment: Moment, binds: Binds) -> str:
    lot = source_of(definition).words.get("lot.level")
    rows = entries(definition, area, moment, binds, [lot] if lot else ())
    decided = "e.document" if lot is None else "unnest(ARRAY[e.document, lot.document])"
    return f"SELECT DISTINCT {decided} AS number {rows}"
