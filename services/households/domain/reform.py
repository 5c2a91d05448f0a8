"""Areas move, are merged, are split 区划撤并: from a day on, by a document; what was before stays.

Paths are told by events, one on the stream of every area whose path changes, so that no reader has
to know the tree to follow it (ADR 0015). An area that ends keeps its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.contracts.households import AreaMerged, AreaMoved, AreaSplit, AreaSucceeded
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event

from .area import Document, followed_to, placed, registered, require_above, require_lasting
from .tree import LEVELS, Area, DatedPath

MOST_BELOW = 3_000
"""Areas below the one that moves: each gets an event of the same request."""
MOST_PARTS = 50

Events = dict[UUID, tuple[Event, ...]]


class MoveArea(Command):
    """区划调整: 自某日起改属另一上级区域, 其下各级随之调整, 此前的隶属仍可查。"""

    parent: UUID = Field(description="新的上级区域")
    valid_from: Day
    document: Document = Field(description="文号")


class MergeArea(Command):
    """区划调整: 自某日起并入同级的另一区域, 其下各级改属承接区域, 本区域不再存在。"""

    successor: UUID = Field(description="承接区域, 须已登记")
    valid_from: Day
    document: Document = Field(description="文号")


class SplitPart(BaseModel):
    """承接区域及划归它的下级区域。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: UUID = Field(description="承接区域, 须已登记")
    takes: tuple[UUID, ...] = Field(default=(), max_length=1_000, description="划归的直接下级")


class SplitArea(Command):
    """区划调整: 自某日起由同级的若干区域分别承接; `ends` 为 true 时本区域不再存在。"""

    parts: tuple[SplitPart, ...] = Field(min_length=1, max_length=MOST_PARTS)
    ends: bool
    valid_from: Day
    document: Document = Field(description="文号")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        named = [part.area for part in self.parts]
        taken = [area for part in self.parts for area in part.takes]
        if len(set(named)) < len(named) or len(set(taken)) < len(taken):
            raise ValueError("承接区域或划归的区域重复")
        return self


class ReformOutOfOrder(Refused):
    """变更日不符：{valid_from} 须晚于区域启用日 {begins}，且不早于上一次变更 {since}。"""


class AlreadyBelow(Refused):
    """该区域已在上级区域 {parent} 之下。"""


class BelowItself(Refused):
    """不能以自身或其下级为上级或承接区域：{area}。"""


class NotYetThere(Refused):
    """区域 {area} 自 {begins} 起启用，{valid_from} 时尚不存在。"""


class UnknownSuccessor(Refused):
    """承接区域未登记：{area}。"""


class SuccessorOfOtherLevel(Refused):
    """承接区域级别不符：{level}区域不能由{successor_level}区域承接。"""


class NotRightBelow(Refused):
    """区域 {area} 在 {valid_from} 不是该区域的直接下级，不能划归承接区域。"""


class ChildrenLeft(Refused):
    """尚有 {count} 个下级区域未划归承接区域，该区域不能撤销：{areas}。"""


class TooManyBelow(Refused):
    """下级区域 {count} 个，一次变更至多 {most} 个，请先逐个调整下级。"""


class Reform(NamedTuple):
    """The area, the parent or successors as the command names them, and every area that ever stood
    below the area."""

    known: Area
    others: Sequence[Area]
    below: Sequence[Area]


def move(state: Reform, command: MoveArea, _: Facts) -> Decision:
    """The area stands below the new parent on every day from then on, wherever that one goes."""
    known, (parent,) = state.known, state.others
    area = _changing(state, command.valid_from)
    above = require_above(parent, command.parent, known.level)
    _require_there(parent, command.valid_from)
    if known.path_on(command.valid_from)[-2:-1] == (above,):
        raise AlreadyBelow(parent=str(above))
    events = _moved(known, parent, state.below, command.valid_from, command.document)
    marks = placed(area, above, command.valid_from)
    return Decision({**events, **marks}, {"id": str(area)}, command.document)


def merge(state: Reform, command: MergeArea, _: Facts) -> Decision:
    """The area stands in its successor from then on; what lay below it lies below the successor."""
    known, (into,) = state.known, state.others
    day, document = command.valid_from, command.document
    area = _changing(state, day)
    successor = _successor(known, into, command.successor, day)
    line = into.line(day)
    first, *later = [DatedPath(at.valid_from, (*at.path, area)) for at in line]
    merged = AreaMerged(
        area=area, successor=successor, path=first.path, valid_from=day, document=document
    )
    mark = AreaSucceeded(
        area=successor, predecessor=area, how="merged", valid_from=day, document=document
    )
    events: Events = {
        area: (merged, *(followed_to(area, successor, at) for at in later)),
        successor: (mark,),
        **_followed(state.below, area, line),
    }
    for one in (known, *_ever_right_below(state.below, area, day)):
        _join(events, placed(registered(one), successor, day))
    return Decision(events, {"id": str(area)}, document)


def split(state: Reform, command: SplitArea, _: Facts) -> Decision:
    """What the successors take moves below them; what stood in the area itself stays its own:
    nobody can say whose it would be."""
    known, day, document = state.known, command.valid_from, command.document
    area = _changing(state, day)
    children = {one.id: one for one in _right_below(state.below, area, day)}
    divided = AreaSplit(
        area=area,
        successors=tuple(part.area for part in command.parts),
        ends=command.ends,
        valid_from=day,
        document=document,
    )
    events: Events = {area: (divided,)}
    for part, into in zip(command.parts, state.others, strict=True):
        successor = _successor(known, into, part.area, day)
        mark = AreaSucceeded(
            area=successor, predecessor=area, how="split", valid_from=day, document=document
        )
        _join(events, {successor: (mark,)})
        for taken in part.takes:
            if taken not in children:
                raise NotRightBelow(area=str(taken), valid_from=day.isoformat())
            _require_order(children[taken], day)
            _join(events, _moved(children[taken], into, state.below, day, document))
            _join(events, placed(taken, successor, day))
    if command.ends:
        _require_all_taken(state, command)
    return Decision(events, {"id": str(area)}, document)


def follow(below: Area, moved: UUID, line: Sequence[DatedPath]) -> Iterator[DatedPath]:
    """The new paths of an area that stood below one that moved. `line`: what now stands in place
    of the path down to the moved area, from its first day on."""
    since = line[0].valid_from
    own = (move.valid_from for move in below.moves if move.valid_from > since)
    for day in sorted({*own, *(at.valid_from for at in line)}):
        path = below.path_on(day)
        if moved in path[:-1]:
            above = next(at.path for at in reversed(line) if at.valid_from <= day)
            yield DatedPath(day, (*above, *path[path.index(moved) + 1 :]))


def _moved(
    known: Area, parent: Area, below: Sequence[Area], day: date, document: str
) -> dict[UUID, tuple[Event, ...]]:
    """Events of an area that goes below a parent, and of all that follow it."""
    area, above = registered(known), registered(parent)
    line = [DatedPath(at.valid_from, (*at.path, area)) for at in parent.line(day)]
    first, *later = line
    moved = AreaMoved(area=area, parent=above, path=first.path, valid_from=day, document=document)
    rest = [followed_to(area, above, at) for at in later]
    return {area: (moved, *rest), **_followed(below, area, line)}


def _followed(below: Iterable[Area], moved: UUID, line: Sequence[DatedPath]) -> Events:
    found: Events = {}
    for one in below:
        events = [followed_to(registered(one), moved, at) for at in follow(one, moved, line)]
        if events:
            found[registered(one)] = tuple(events)
    return found


def _join(events: Events, more: Events) -> None:
    for stream, added in more.items():
        events[stream] = (*events.get(stream, ()), *added)


def _changing(state: Reform, day: date) -> UUID:
    """The id of an area that may change on that day. Raises: AreaNotRegistered, AreaNoMore,
    ReformOutOfOrder, TooManyBelow."""
    area = registered(state.known)
    require_lasting(state.known)
    _require_order(state.known, day)
    if len(state.below) > MOST_BELOW:
        raise TooManyBelow(count=len(state.below), most=MOST_BELOW)
    return area


def _require_order(area: Area, day: date) -> None:
    """Several changes may be of one day: then the last one holds. Raises: ReformOutOfOrder."""
    moved = [at.valid_from for at in area.moves]
    since = max((area.begins, *moved, *(part.valid_from for part in area.successors)))
    if day <= area.begins or day < since:
        raise ReformOutOfOrder(
            valid_from=day.isoformat(), begins=area.begins.isoformat(), since=since.isoformat()
        )


def _require_there(area: Area, day: date) -> None:
    if area.begins > day:
        raise NotYetThere(
            area=str(area.id), begins=area.begins.isoformat(), valid_from=day.isoformat()
        )


def _successor(known: Area, successor: Area, asked: UUID, day: date) -> UUID:
    """The id of an area that can succeed. Raises: UnknownSuccessor, BelowItself, AreaNoMore,
    NotYetThere, SuccessorOfOtherLevel."""
    if successor.id is None:
        raise UnknownSuccessor(area=str(asked))
    if any(known.id in at.path for at in successor.line(day)):
        raise BelowItself(area=str(asked))
    require_lasting(successor)
    _require_there(successor, day)
    if successor.level != known.level:
        raise SuccessorOfOtherLevel(
            level=LEVELS[known.level], successor_level=LEVELS[successor.level]
        )
    return successor.id


def _right_below(below: Iterable[Area], area: UUID, day: date) -> list[Area]:
    """Children of the area on a day that have not ended."""
    lasting = (one for one in below if one.ended_on is None)
    return [one for one in lasting if one.path_on(day)[-2:-1] == (area,)]


def _ever_right_below(below: Iterable[Area], area: UUID, since: date) -> list[Area]:
    """Children on that day or later, those among them that have ended too."""
    return [one for one in below if any(at.path[-2:-1] == (area,) for at in one.line(since))]


def _require_all_taken(state: Reform, command: SplitArea) -> None:
    """An area that ends leaves no child behind, nor one that came later."""
    area = registered(state.known)
    taken = {one for part in command.parts for one in part.takes}
    below = _ever_right_below(state.below, area, command.valid_from)
    left = [str(one.id) for one in below if one.ended_on is None and one.id not in taken]
    if left:
        raise ChildrenLeft(count=len(left), areas="、".join(left[:5]))
