"""A definition as one parametrised query over entries and what they name, at a cut.

SQL is put together from the constants of the language; every value travels as a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.events.contracts.reporting import Figure, Filter
from services.reporting.views.cursors import Moment, latest, within_cut

from .language import source_of, values_of
from .words import Kind, Needs, Source, Word

TYPES: dict[Kind, str] = {
    "text": "text",
    "uuid": "uuid",
    "area": "uuid",
    "int": "bigint",
    "bool": "bool",
}
NAMED: dict[Needs, str] = {
    "lot": f"LEFT JOIN {latest('view.lots', 'lot')} lot ON lot.lot = e.lot",
    "project": (
        f"LEFT JOIN {latest('view.projects', 'project')} project ON project.project = e.project"
    ),
    "payment": (
        f"LEFT JOIN {latest('view.payments', 'payment')} payment ON payment.payment = e.payment"
    ),
    "category": (
        "LEFT JOIN " + latest("view.assets", "asset", "d.fact = 'classified'") + " category"
        " ON category.asset = e.asset"
    ),
    "indicator": (
        f"LEFT JOIN {latest('view.indicators', 'indicator')} indicator"
        " ON indicator.indicator = e.indicator"
    ),
}
"""What an entry names, each as it stood at the cut."""


class Binds:
    """Parameters of one query: the cut first, then values in the order in which they were met."""

    def __init__(self, moment: Moment) -> None:
        self.values = moment.arguments()

    def add(self, value: Any, kind: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the entries say: the integer, and how many events are behind it."""

    raw: int
    events: int


def filters(definition: Figure) -> list[Filter]:
    """The filters as they hold: those written, and those that hold unless written."""
    source = source_of(definition)
    written = {one.field for one in definition.where}
    unless = [Filter(field=f, values=v) for f, v in source.unless.items() if f not in written]
    return [*definition.where, *unless]


def entries(
    definition: Figure,
    area: UUID,
    moment: Moment,
    binds: Binds,
    shown: Iterable[Word] = (),
) -> str:
    """FROM … WHERE … of a figure's entries: at the cut, until the day, within the area."""
    source = source_of(definition)
    held = [(source.words[one.field], one) for one in filters(definition)]
    place = within(moment, definition, binds)
    conditions = [_holds(word, values_of(word, one), binds, place) for word, one in held]
    conditions.append(_holds(source.scope, [area], binds, place))
    if moment.counted_until is not None:
        until = binds.add(moment.counted_until, "date")
        conditions.append(f"e.{definition.date_basis} <= {until}")
    if definition.measure == "last":
        conditions += [
            _no_later(definition, moment, binds),
            _not_followed(definition, moment, binds),
        ]
    words = [source.scope, *(word for word, _ in held), *shown]
    joins = [NAMED[name] for name in dict.fromkeys(w.needs for w in words if w.needs)]
    return " ".join(
        (f"FROM {source.table} e {within_cut('e')}", *joins, "WHERE", " AND ".join(conditions))
    )


def _no_later(definition: Figure, moment: Moment, binds: Binds) -> str:
    """That an area entered nothing for a later period of those that count."""
    later = "(n.indicator, n.area) = (e.indicator, e.area) AND n.period > e.period"
    return f"NOT EXISTS ({_counted(definition, moment, binds)} AND {later})"


def _not_followed(definition: Figure, moment: Moment, binds: Binds) -> str:
    """That the area is still there, or one of those that follow it has not said yet what it has
    now: else the same would be counted under both. What a successor became says it too."""
    line = (
        " OR EXISTS (SELECT FROM area_lines l WHERE l.area = s.area AND n.area = ANY (l.path)"
        " AND l.since <= n.effective_on AND n.effective_on < l.until)"
    )
    own = f"(n.area = s.area{line if moment.moved else ''})"
    said = f"n.indicator = e.indicator AND n.effective_on >= x.ended_on AND {own}"
    return (
        f"NOT EXISTS (SELECT FROM view.area_ends x {within_cut('x')}"  # noqa: S608 - constants of the language
        " WHERE x.area = e.area AND cardinality(x.successors) > 0"
        " AND NOT EXISTS (SELECT FROM unnest(x.successors) s(area)"
        f" WHERE NOT EXISTS ({_counted(definition, moment, binds)} AND {said})))"
    )


def _counted(definition: Figure, moment: Moment, binds: Binds) -> str:
    """What was entered (n) for the periods that count."""
    held = ["true"]
    for one in definition.where:
        if one.field == "period":
            held.append(f"n.period = ANY ({binds.add(list(one.values), 'text[]')})")
    if moment.counted_until is not None:
        until = binds.add(moment.counted_until, "date")
        held.append(f"n.{definition.date_basis} <= {until}")
    return f"SELECT FROM {source_of(definition).table} n WHERE {' AND '.join(held)}"


Within = Callable[[str, str], str]
"""The condition that an area (SQL) lies within the given ones (SQL)."""


def _holds(word: Word, values: list[Any], binds: Binds, place: Within) -> str:
    given = binds.add(values, f"{TYPES[word.kind]}[]")
    return place(word.sql, given) if word.kind == "area" else f"{word.sql} = ANY ({given})"


def within(moment: Moment, definition: Figure, binds: Binds) -> Within:
    """By the areas as they never moved, as of one day, or of the day on which an entry counts."""
    if not moment.moved:
        return _of_registration
    if moment.areas_on is not None:
        day = binds.add(moment.areas_on, "date")
        return lambda area, given: (
            f"{area} IN (SELECT l.area FROM area_lines l"  # noqa: S608 - constants of the language
            f" WHERE l.path && {given} AND l.since <= {day} AND {day} < l.until)"
        )
    own = f"e.{definition.date_basis}"
    return lambda area, given: (
        f"EXISTS (SELECT FROM area_lines l WHERE l.area = {area} AND l.path && {given}"
        f" AND l.since <= {own} AND {own} < l.until)"
    )


def _of_registration(area: str, given: str) -> str:
    below = f"SELECT a.area FROM view.areas a {within_cut('a')} WHERE a.path && {given}"  # noqa: S608 - constants of the language
    return f"{area} IN ({below})"


def summed(definition: Figure, source: Source) -> str:
    """What a sum adds per entry, with its sign."""
    assert definition.field is not None, "a sum names its field"
    return f"{definition.sign} * {source.sums[definition.field].sql}"


def _aggregate(definition: Figure) -> str:
    source = source_of(definition)
    if definition.measure in ("sum", "last"):
        return f"coalesce(sum({summed(definition, source)}), 0)::bigint"
    if definition.field is None:
        return "count(*)" if source.weight == "1" else f"coalesce(sum({source.weight}), 0)"
    return f"count(DISTINCT {source.words[definition.field].sql})"


def measure_query(definition: Figure, area: UUID, moment: Moment) -> tuple[str, list[Any]]:
    """The value of a figure that measures entries, and the number of events behind it."""
    binds = Binds(moment)
    field = [] if definition.field is None else [source_of(definition).words.get(definition.field)]
    rows = entries(definition, area, moment, binds, [word for word in field if word])
    # One table has one source, so a position names an event; counting rows would sort.
    if definition.measure == "distinct" and source_of(definition).weight != "1":
        return _distinct(definition, rows, moment), binds.values
    chosen = f"{_aggregate(definition)} AS raw, count(DISTINCT e.position) AS events"
    return f"WITH {moment.tables} SELECT {chosen} {rows}", binds.values


def _distinct(definition: Figure, rows: str, moment: Moment) -> str:
    """Values of which an entry is left once corrections have taken theirs back."""
    source = source_of(definition)
    assert definition.field is not None, "a distinct count names its field"
    value = source.words[definition.field].sql
    left = f"SELECT {value} AS value {rows} GROUP BY 1 HAVING sum({source.weight}) > 0"
    return (
        f"WITH {moment.tables}, remaining AS ({left}) SELECT"  # noqa: S608 - constants of the language
        f" (SELECT count(value) FROM remaining) AS raw,"
        f" (SELECT count(DISTINCT e.position) {rows}) AS events"
    )


def events_query(
    definitions: Iterable[Figure], area: UUID, moment: Moment
) -> tuple[str, list[Any]]:
    """How many events are behind several figures together, each counted once."""
    binds = Binds(moment)
    each = [
        f"SELECT e.source, e.position {entries(one, area, moment, binds)}" for one in definitions
    ]
    together = " UNION ".join(each)
    return f"WITH {moment.tables} SELECT count(*) FROM ({together}) both_sides", binds.values  # noqa: S608 - constants of the language
