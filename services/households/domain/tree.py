"""What the streams of an area 区域 say: its level, dated codes and paths, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, NamedTuple
from uuid import UUID

from libs.events.contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaCodeTaken,
    AreaFollowed,
    AreaLevel,
    AreaMerged,
    AreaMoved,
    AreaPlaced,
    AreaRegistered,
    AreaSplit,
    AreaSucceeded,
)
from libs.events.contracts.registers import AreaCorrected
from libs.events.decider import Fold
from libs.events.types import Event, stream_id

LEVELS: Mapping[AreaLevel, str] = {
    "nation": "国家",
    "province": "省级",
    "prefecture": "市级",
    "county": "县级",
    "township": "乡级",
    "village": "村级",
    "group": "组级",
}
"""From the top down, with the words of 区划."""


def children_stream(parent: UUID) -> UUID:
    """What ever stood right below the area. Appended to unread, so that areas registered at the
    same time below one parent do not wait for one another."""
    return stream_id("area_children", str(parent), str(parent))


class DatedCode(NamedTuple):
    """The code and name of an area from a day on, and by which document they changed."""

    valid_from: date
    code: str
    name: str
    document: str | None = None


class DatedPath(NamedTuple):
    """The ancestors of an area from a day on, itself last. `document`: of its own move; none where
    it followed another."""

    valid_from: date
    path: tuple[UUID, ...]
    document: str | None = None


class Succession(NamedTuple):
    """What an area became, or was before: by merger or by division, from a day on."""

    area: UUID
    how: Literal["merged", "split"]
    valid_from: date
    document: str


@dataclass(frozen=True, slots=True)
class Area:
    """What the area's stream says; `codes` and `moves` in the order of their days. `founded`: the
    path as registered, which holds until the first move."""

    id: UUID | None = None
    level: AreaLevel = "nation"
    founded: tuple[UUID, ...] = ()
    codes: tuple[DatedCode, ...] = ()
    aliases: tuple[str, ...] = ()
    moves: tuple[DatedPath, ...] = ()
    predecessors: tuple[Succession, ...] = ()
    successors: tuple[Succession, ...] = ()
    ended_on: date | None = None

    @property
    def path(self) -> tuple[UUID, ...]:
        """The newest one."""
        return self.moves[-1].path if self.moves else self.founded

    @property
    def begins(self) -> date:
        return self.codes[0].valid_from

    @property
    def newest(self) -> DatedCode:
        return self.codes[-1]

    def path_on(self, day: date) -> tuple[UUID, ...]:
        """The path on a day; before it was registered, the one as registered."""
        held = [move.path for move in self.moves if move.valid_from <= day]
        return held[-1] if held else self.founded

    def line(self, since: date) -> tuple[DatedPath, ...]:
        """The path on a day, and every later one."""
        later = (move for move in self.moves if move.valid_from > since)
        return (DatedPath(since, self.path_on(since)), *later)

    def bore(self, code: str, on_or_after: date) -> date | None:
        """Since when it bears the code on that day or later; None when it does not."""
        ends = [*(dated.valid_from for dated in self.codes[1:]), self.ended_on or date.max]
        for dated, end in zip(self.codes, ends, strict=True):
            if dated.code == code and end > on_or_after:
                return dated.valid_from
        return None


def evolve(state: Area, event: Event) -> Area:
    match event:
        case AreaRegistered():
            dated = DatedCode(event.valid_from, event.code, event.name)
            return Area(event.area, event.level, event.path, (dated,))
        case AreaAliasAdded():
            return replace(state, aliases=(*state.aliases, event.alias))
        case AreaCodeChanged() | AreaCorrected():
            return _called(state, event)
        case AreaMoved():
            return _on(state, DatedPath(event.valid_from, event.path, event.document))
        case AreaFollowed():
            return _on(state, DatedPath(event.valid_from, event.path))
        case AreaMerged() | AreaSplit():
            return _ending(state, event)
        case AreaSucceeded():
            was = Succession(event.predecessor, event.how, event.valid_from, event.document)
            return replace(state, predecessors=(*state.predecessors, was))
        case _:
            return state


def _called(state: Area, event: AreaCodeChanged | AreaCorrected) -> Area:
    """By another code or name from a day on; or corrected, from the same day."""
    if isinstance(event, AreaCorrected):
        newest = state.newest._replace(code=event.code, name=event.name)
        return replace(state, codes=(*state.codes[:-1], newest))
    dated = DatedCode(event.valid_from, event.code, event.name, event.document)
    return replace(state, codes=(*state.codes, dated))


def _ending(state: Area, event: AreaMerged | AreaSplit) -> Area:
    """A merger ends the area and puts it into its successor; a split ends it if it says so."""
    day, document = event.valid_from, event.document
    if isinstance(event, AreaMerged):
        into = Succession(event.successor, "merged", day, document)
        ended = _on(state, DatedPath(day, event.path, document))
        return replace(ended, successors=(*ended.successors, into), ended_on=day)
    parts = [Succession(part, "split", day, document) for part in event.successors]
    ended_on = day if event.ends else None
    return replace(state, successors=(*state.successors, *parts), ended_on=ended_on)


def _on(state: Area, at: DatedPath) -> Area:
    """With another path from a day on; the one of that very day is replaced."""
    others = (move for move in state.moves if move.valid_from != at.valid_from)
    return replace(state, moves=tuple(sorted((*others, at))))


def _bearing(areas: tuple[UUID, ...], event: Event) -> tuple[UUID, ...]:
    if isinstance(event, AreaCodeTaken) and event.area not in areas:
        return (*areas, event.area)
    return areas


def _children(children: tuple[UUID, ...], event: Event) -> tuple[UUID, ...]:
    if isinstance(event, AreaPlaced) and event.area not in children:
        return (*children, event.area)
    return children


areas: Fold[Area] = Fold("area", Area(), evolve)
bearers: Fold[tuple[UUID, ...]] = Fold("area_code", (), _bearing)
children: Fold[tuple[UUID, ...]] = Fold("area_children", (), _children)
