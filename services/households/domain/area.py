"""An area 区域: an id that stays, with dated codes and names (design 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.events.contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaCodeTaken,
    AreaLevel,
    AreaRegistered,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

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
    valid_from: date

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
    valid_from: date


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


class LevelOutOfOrder(Refused):
    """区域级别不符：{level}区域不能设在{parent_level}区域之下。"""


class AliasAlreadyAdded(Refused):
    """该区域已有此名称：{alias}。"""


class CodeOutOfOrder(Refused):
    """代码启用日不符：{valid_from} 不晚于现行代码 {code} 的启用日 {since}。"""


class CodeTaken(Refused):
    """代码已被使用：{code} 自 {valid_from} 起是区域 {area}。"""


class DatedCode(NamedTuple):
    """The code and name of an area from a day on."""

    valid_from: date
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Area:
    """What the area's stream says; `codes` in the order of their days."""

    id: UUID | None = None
    level: AreaLevel = "nation"
    path: tuple[UUID, ...] = ()
    codes: tuple[DatedCode, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def parent(self) -> UUID | None:
        return self.path[-2] if len(self.path) > 1 else None

    @property
    def newest(self) -> DatedCode:
        return self.codes[-1]

    def bore(self, code: str, on_or_after: date) -> date | None:
        """Since when it bears the code on that day or later; None when it does not."""
        ends = [*(dated.valid_from for dated in self.codes[1:]), date.max]
        for dated, end in zip(self.codes, ends, strict=True):
            if dated.code == code and end > on_or_after:
                return dated.valid_from
        return None


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
    _require_free(state.bearers, command.code, command.valid_from)
    area = command.area()
    above = () if state.parent is None else _above(state.parent, command)
    event = AreaRegistered(
        area=area,
        code=command.code,
        name=command.name,
        level=command.level,
        parent=command.parent,
        path=(*above, area),
        valid_from=command.valid_from,
    )
    return Decision(
        {area: (event,), **_taken(area, command.code, command.valid_from)}, {"id": str(area)}
    )


def _above(parent: Area, command: RegisterArea) -> tuple[UUID, ...]:
    if parent.id is None:
        raise UnknownParent(parent=str(command.parent))
    order = list(LEVELS)
    if order.index(command.level) <= order.index(parent.level):
        raise LevelOutOfOrder(level=LEVELS[command.level], parent_level=LEVELS[parent.level])
    return parent.path


def add_alias(state: Area, command: AddAreaAlias, _: Facts) -> Decision:
    area = registered(state)
    if command.alias in (*state.aliases, *(dated.name for dated in state.codes)):
        raise AliasAlreadyAdded(alias=command.alias)
    event = AreaAliasAdded(area=area, alias=command.alias, document=command.document)
    return Decision({area: (event,)}, {"id": str(area)}, command.document)


def change_code(state: Changing, command: ChangeAreaCode, _: Facts) -> Decision:
    """Codes follow one another in time; nothing before the day of change is touched. An area may
    keep its code under a new name, or take one back that nobody bears since."""
    known = state.known
    area = registered(known)
    others = [bearer for bearer in state.bearers if bearer.id != area]
    _require_free(others, command.code, command.valid_from)
    if command.valid_from <= known.newest.valid_from:
        raise CodeOutOfOrder(
            valid_from=command.valid_from.isoformat(),
            code=known.newest.code,
            since=known.newest.valid_from.isoformat(),
        )
    event = AreaCodeChanged(
        area=area, code=command.code, name=command.name, valid_from=command.valid_from
    )
    taken = _taken(area, command.code, command.valid_from)
    return Decision({area: (event,), **taken}, {"id": str(area)})


def _taken(area: UUID, code: str, valid_from: date) -> dict[UUID, tuple[Event, ...]]:
    """The mark by which the next who asks for the code finds this area."""
    return {code_stream(code): (AreaCodeTaken(area=area, code=code, valid_from=valid_from),)}


def _require_free(bearers: Iterable[Area], code: str, valid_from: date) -> None:
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


def evolve(state: Area, event: Event) -> Area:
    match event:
        case AreaRegistered():
            dated = DatedCode(event.valid_from, event.code, event.name)
            return Area(event.area, event.level, event.path, (dated,))
        case AreaAliasAdded():
            return replace(state, aliases=(*state.aliases, event.alias))
        case AreaCodeChanged():
            dated = DatedCode(event.valid_from, event.code, event.name)
            return replace(state, codes=(*state.codes, dated))
        case _:
            return state


def _bearing(areas: tuple[UUID, ...], event: Event) -> tuple[UUID, ...]:
    if isinstance(event, AreaCodeTaken) and event.area not in areas:
        return (*areas, event.area)
    return areas


areas: Fold[Area] = Fold("area", Area(), evolve)
bearers: Fold[tuple[UUID, ...]] = Fold("area_code", (), _bearing)
