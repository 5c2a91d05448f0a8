"""An area 区域: an id that stays, with dated codes and names (design 7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.events.contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaCodeTaken,
    AreaFollowed,
    AreaLevel,
    AreaPlaced,
    AreaRegistered,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event, stream_id

from .tree import LEVELS, Area, DatedPath, children_stream

Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,40}$", examples=["990101"])]
AreaName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    Field(examples=["某某县"]),
]

Document = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class RegisterArea(Command):
    """登记区域。编号由代码与启用日决定；上级为 null 的是顶级区域, 只有全库权限可以登记。"""

    code: Code
    name: AreaName
    level: AreaLevel
    parent: UUID | None
    valid_from: Day

    def area(self) -> UUID:
        return area_stream(self.code, self.valid_from)


class AddAreaAlias(Command):
    """登记区域的别名或曾用名, 供导入时识别。"""

    alias: AreaName
    document: Document | None = Field(default=None, description="文号")


class ChangeAreaCode(Command):
    """区划调整: 自某日起使用新代码与新名称, 区域本身不变, 旧代码仍可查。"""

    code: Code
    name: AreaName
    valid_from: Day
    document: Document | None = Field(default=None, description="文号")


def area_stream(code: str, valid_from: date) -> UUID:
    """One code names one area from a day on; a later day may give the code to another."""
    return stream_id("area", code, code, valid_from.isoformat())


def code_stream(code: str) -> UUID:
    """Who ever took the code, by registration or by change."""
    return stream_id("area_code", code, code)


class AreaAlreadyRegistered(Refused):
    """该区域已经登记：{code} {name}，自 {valid_from} 起。"""


class AreaNotRegistered(Refused):
    """区域未登记。"""


class UnknownParent(Refused):
    """上级区域未登记：{parent}。"""


class AreaNoMore(Refused):
    """区域已撤并：{area} 自 {ended_on} 起不再存在，不能再变更或在其下登记区域。"""


class LevelOutOfOrder(Refused):
    """区域级别不符：{level}区域不能设在{parent_level}区域之下。"""


class AliasAlreadyAdded(Refused):
    """该区域已有此名称：{alias}。"""


class CodeOutOfOrder(Refused):
    """代码启用日不符：{valid_from} 不晚于现行代码 {code} 的启用日 {since}。"""


class CodeTaken(Refused):
    """代码已被使用：{code} 自 {valid_from} 起是区域 {area}。"""


class Registering(NamedTuple):
    """The area, its parent if it has one, and every area that ever bore the code."""

    known: Area
    parent: Area | None
    bearers: list[Area]


class Changing(NamedTuple):
    """The area, and every area that ever bore the code."""

    known: Area
    bearers: list[Area]


def register(state: Registering, command: RegisterArea, _: Facts) -> Decision:
    """A child stands below its parent in the tree and in level; a top area has no parent."""
    if state.known.id is not None:
        raise AreaAlreadyRegistered(
            code=command.code,
            name=state.known.newest.name,
            valid_from=command.valid_from.isoformat(),
        )
    require_free(state.bearers, command.code, command.valid_from)
    area = command.area()
    founded, *later = _line(state.parent, command)
    registered_ = AreaRegistered(
        area=area,
        code=command.code,
        name=command.name,
        level=command.level,
        parent=command.parent,
        path=founded.path,
        valid_from=command.valid_from,
    )
    # Where the parent has moved since, the child has moved with it.
    followed = [followed_to(area, founded.path[-2], at) for at in later]
    events: dict[UUID, tuple[Event, ...]] = {area: (registered_, *followed)}
    if command.parent is not None:
        events |= placed(area, command.parent, command.valid_from)
    taken = code_taken(area, command.code, command.valid_from)
    return Decision({**events, **taken}, {"id": str(area)})


def _line(parent: Area | None, command: RegisterArea) -> list[DatedPath]:
    """The paths of the new area from its first day on."""
    area, since = command.area(), command.valid_from
    if parent is None:
        return [DatedPath(since, (area,))]
    require_above(parent, command.parent, command.level)
    return [DatedPath(at.valid_from, (*at.path, area)) for at in parent.line(since)]


def require_above(parent: Area, asked: UUID | None, level: AreaLevel) -> UUID:
    """A parent that is there and stands above the level. Raises: UnknownParent, AreaNoMore,
    LevelOutOfOrder."""
    if parent.id is None:
        raise UnknownParent(parent=str(asked))
    require_lasting(parent)
    order = list(LEVELS)
    if order.index(level) <= order.index(parent.level):
        raise LevelOutOfOrder(level=LEVELS[level], parent_level=LEVELS[parent.level])
    return parent.id


def followed_to(area: UUID, after: UUID, at: DatedPath) -> AreaFollowed:
    """What stands on the stream of an area whose ancestor `after` went elsewhere."""
    return AreaFollowed(area=area, path=at.path, valid_from=at.valid_from, after=after)


def placed(area: UUID, parent: UUID, valid_from: date) -> dict[UUID, tuple[Event, ...]]:
    """The mark by which a move of the parent finds this area."""
    mark = AreaPlaced(area=area, parent=parent, valid_from=valid_from)
    return {children_stream(parent): (mark,)}


def add_alias(state: Area, command: AddAreaAlias, _: Facts) -> Decision:
    area = registered(state)
    require_new_name(state, command.alias)
    event = AreaAliasAdded(area=area, alias=command.alias, document=command.document)
    return Decision({area: (event,)}, {"id": str(area)}, command.document)


def require_new_name(area: Area, name: str) -> None:
    if name in (*area.aliases, *(dated.name for dated in area.codes)):
        raise AliasAlreadyAdded(alias=name)


def change_code(state: Changing, command: ChangeAreaCode, _: Facts) -> Decision:
    """Codes follow one another in time; nothing before the day of change is touched. An area may
    keep its code under a new name, or take one back that nobody bears since."""
    known = state.known
    area = registered(known)
    require_lasting(known)
    others = [bearer for bearer in state.bearers if bearer.id != area]
    require_free(others, command.code, command.valid_from)
    if command.valid_from <= known.newest.valid_from:
        raise CodeOutOfOrder(
            valid_from=command.valid_from.isoformat(),
            code=known.newest.code,
            since=known.newest.valid_from.isoformat(),
        )
    event = AreaCodeChanged(
        area=area,
        code=command.code,
        name=command.name,
        valid_from=command.valid_from,
        document=command.document,
    )
    taken = code_taken(area, command.code, command.valid_from)
    return Decision({area: (event,), **taken}, {"id": str(area)}, command.document)


def code_taken(area: UUID, code: str, valid_from: date) -> dict[UUID, tuple[Event, ...]]:
    """The mark by which the next who asks for the code finds this area."""
    return {code_stream(code): (AreaCodeTaken(area=area, code=code, valid_from=valid_from),)}


def require_free(bearers: Iterable[Area], code: str, valid_from: date) -> None:
    """A code is free from the day on which its last bearer goes by another."""
    for bearer in bearers:
        since = bearer.bore(code, valid_from)
        if since is not None:
            raise CodeTaken(code=code, valid_from=since.isoformat(), area=str(bearer.id))


def registered(area: Area) -> UUID:
    """The id of an area that is there. Raises: AreaNotRegistered."""
    if area.id is None:
        raise AreaNotRegistered()
    return area.id


def require_lasting(area: Area) -> None:
    """Raises: AreaNoMore: an area that ended keeps its history and changes no more."""
    if area.ended_on is not None:
        raise AreaNoMore(area=str(area.id), ended_on=area.ended_on.isoformat())
