"""Reference data 基础数据: numbers and words of rules as dated rows, each for an area (design 7).

A set is one stream of the service that owns it, so a rule reads exactly the rows in force and what
it decided can be decided again. A row holds from its day until the next row of the same key and
area, or to its own last day. The nearest area upwards that has a row in force decides; in one area
a local row stands before a row that came in a pack.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import zip_longest
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .contracts.rules import (
    Origin,
    ReferenceEnded,
    ReferenceRow,
    ReferenceSet,
    ReferenceWithdrawn,
    Value,
)
from .decider import Fold
from .types import Day, Event, stream_id

SetName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", examples=["standard"])]
Key = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    Field(examples=["farmland_subsidy"]),
]


class Values(BaseModel):
    """What a row of a set says; each set has its own model. Integers, texts, days: no float."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Set:
    """A set as its service declares it: rows are data, what a row may say is code. `central`: its
    rows bind those who might change them, so only the whole installation's steward does."""

    name: str
    title: str
    values: type[Values]
    central: bool = False

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values in their one spelling. Raises: pydantic.ValidationError."""
        return self.values.model_validate(values).model_dump(mode="json")


class RowTyped(BaseModel):
    """A row as typed. Where a later row of the key begins, this one ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    valid_from: Day
    valid_until: Day | None = Field(default=None, description="末日; 缺省到下一行之前")
    values: dict[str, Any]

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("末日不得早于首日")
        return self

    def row(self) -> ReferenceRow:
        """As an event holds it: lists are tuples, so that equal rows are equal."""
        return ReferenceRow(
            key=self.key,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            values=msgspec.convert(self.values, dict[str, Value]),
        )


class Row(NamedTuple):
    """A row as it stands; in one place by day, then local before pack."""

    valid_from: date
    origin: Origin
    valid_until: date | None
    values: Mapping[str, Any]
    document: str | None


Place = tuple[str, UUID | None]
"""Key and area."""


@dataclass(frozen=True, slots=True)
class Reference:
    """All rows of one set."""

    rows: Mapping[Place, tuple[Row, ...]] = field(default_factory=dict)

    def at(self, key: str, path: Sequence[UUID], on: date) -> Row | None:
        """The row that decides for an area on a day: of the nearest place upwards that has one."""
        found = self.decides(key, path, on)
        return None if found is None else found[1]

    def decides(self, key: str, path: Sequence[UUID], on: date) -> tuple[UUID | None, Row] | None:
        """The same, with the area that the row is of."""
        for area in (*reversed(path), None):
            rows = self.rows.get((key, area), ())
            for origin in ("local", "pack"):
                found = in_force([row for row in rows if row.origin == origin], on)
                if found is not None:
                    return area, found
        return None

    def keys(self, path: Sequence[UUID], on: date) -> dict[str, tuple[UUID | None, Row]]:
        """Every key that has a row deciding for an area on a day."""
        keys = dict.fromkeys(key for key, _ in self.rows)
        found = ((key, self.decides(key, path, on)) for key in keys)
        return {key: one for key, one in found if one is not None}

    def ever(self, since: date, until: date) -> Iterator[Row]:
        """Every row in force on some day of a span, of any key and area."""
        for rows in self.rows.values():
            for origin in ("local", "pack"):
                own = [row for row in rows if row.origin == origin]
                for row, then in zip_longest(own, own[1:]):
                    over = date.max if then is None else then.valid_from - timedelta(days=1)
                    last = min(over, row.valid_until or date.max)
                    if row.valid_from <= until and last >= since:
                        yield row

    def row(self, key: str, area: UUID | None, valid_from: date, origin: Origin) -> Row | None:
        """The row that begins on that day."""
        rows = self.rows.get((key, area), ())
        return next((r for r in rows if r[:2] == (valid_from, origin)), None)


def in_force(rows: Sequence[Row], on: date) -> Row | None:
    """Of the rows of one key, area and origin, in order: the last that has begun, if not over."""
    begun = bisect_right(rows, on, key=lambda row: row.valid_from)
    if begun == 0:
        return None
    row = rows[begun - 1]
    return row if row.valid_until is None or on <= row.valid_until else None


def reference_stream(name: str) -> UUID:
    return stream_id("reference", name, name)


def evolve(state: Reference, event: Event) -> Reference:
    match event:
        case ReferenceSet():
            return Reference({**state.rows, **_with(state, event)})
        case ReferenceEnded():
            return _changed(state, event, lambda row: row._replace(valid_until=event.valid_until))
        case ReferenceWithdrawn():
            return _changed(state, event, lambda _: None)
        case _:
            return state


def _with(state: Reference, event: ReferenceSet) -> dict[Place, tuple[Row, ...]]:
    """The places that the event touches; a row from above takes the place of an earlier one of the
    same day."""
    touched: dict[Place, tuple[Row, ...]] = {}
    for row in event.rows:
        place = (row.key, event.area)
        new = Row(row.valid_from, event.origin, row.valid_until, row.values, event.document)
        others = touched.get(place, state.rows.get(place, ()))
        kept = [other for other in others if other[:2] != new[:2]]
        touched[place] = tuple(sorted((*kept, new), key=lambda r: r[:2]))
    return touched


def _changed(
    state: Reference,
    event: ReferenceEnded | ReferenceWithdrawn,
    change: Callable[[Row], Row | None],
) -> Reference:
    place = (event.key, event.area)
    rows = (
        change(row) if row[:2] == (event.valid_from, "local") else row
        for row in state.rows.get(place, ())
    )
    kept = tuple(row for row in rows if row is not None)
    return Reference({**state.rows, place: kept})


references: Fold[Reference] = Fold("reference", Reference(), evolve)


def flat(state: Reference) -> Iterator[tuple[str, UUID | None, Row]]:
    """Every row with its key and area, in order of key."""
    places: Iterable[Place] = sorted(state.rows, key=lambda place: (place[0], str(place[1])))
    return ((key, area, row) for key, area in places for row in state.rows[key, area])
