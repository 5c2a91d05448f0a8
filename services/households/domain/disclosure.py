"""What is told of persons 查看与查找: reveals and searches, each an event with its purpose.

A search is decided on the ids that the vault found; who lies outside the area is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from libs.events.contracts.persons import PersonField, PersonRevealed, PersonsSought
from libs.events.dated_rows import Reference
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .masking import Profile
from .person import Held, Person, present
from .tree import Area

Way = Literal["numbers", "name", "opening"]
MOST_FOUND = 500
MOST_ASKED = 1_000
Purpose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=200),
    Field(description="用途，不得含个人信息", examples=["核对 2024 年 6 月退回的补贴"]),
]


class RevealPerson(Command):
    """查看人员的个人信息。每次查看是一个事件, 写明用途。"""

    fields: tuple[PersonField, ...] = Field(min_length=1, max_length=4)
    purpose: Purpose
    profile: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$", description="脱敏方式", examples=["public_notice"]
    )

    @model_validator(mode="after")
    def _each_once(self) -> RevealPerson:
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("字段重复")
        return self


class SeekPersons(Command):
    """查找人员: 按号码、姓名或打开一村的姓名; 只含已找到的编号。"""

    area: UUID
    way: Way
    asked: int
    purpose: Purpose
    found: tuple[tuple[UUID, ...], ...] = Field(max_length=3 * MOST_ASKED)


class UnknownProfile(Refused):
    """没有这种脱敏方式：{profile} 在 {on} 无效。"""


class TooManyFound(Refused):
    """找到的人过多：共 {count} 人，一次至多 {most} 人，请缩小范围。"""


class DayFacts(Facts, frozen=True, kw_only=True):
    """The day it is, where it is done: by it dated rows are chosen, whatever day a caller names."""

    today: date


class Sought(NamedTuple):
    """The area looked in; persons found and the areas they live in."""

    area: Area
    persons: Mapping[UUID, Person]
    areas: Mapping[UUID, Area]


class Revealing(NamedTuple):
    """The person, and the profiles as they stand."""

    held: Held
    profiles: Reference


def reveal(state: Revealing, command: RevealPerson, facts: DayFacts) -> Decision:
    """How each field is told stands in the answer; the texts are put in once this is stored."""
    id_, area = state.held.id, present(state.held.person)
    row = state.profiles.at(command.profile, facts.path, facts.today)
    if row is None:
        raise UnknownProfile(profile=command.profile, on=facts.today.isoformat())
    profile = Profile.model_validate(row.values)
    event = PersonRevealed(
        persons=(id_,),
        area=area,
        fields=command.fields,
        purpose=command.purpose,
        profile=command.profile,
    )
    masks = [profile.of(field).model_dump() for field in command.fields]
    body = {"id": str(id_), "masks": masks, "values": None}
    return Decision({id_: (event,)}, body)


def seek(state: Sought, command: SeekPersons, _: Facts) -> Decision:
    """One list of ids for each number or name; a number nobody holds gives an empty one."""
    area, day = command.area, command.occurred_on
    rows = [[id_ for id_ in row if is_ours(state, area, id_, day)] for row in command.found]
    found = tuple(sorted({id_ for row in rows for id_ in row}))
    if len(found) > MOST_FOUND and command.way != "numbers":
        raise TooManyFound(count=len(found), most=MOST_FOUND)
    event: Event = PersonsSought(
        area=command.area,
        way=command.way,
        asked=command.asked,
        persons=found,
        purpose=command.purpose,
    )
    stream = search_stream(command)
    body: dict[str, Any] = {"found": [[str(id_) for id_ in row] for row in rows]}
    if command.way == "opening":
        body["names"] = None
    return Decision({stream: (event,)}, body)


def search_stream(command: SeekPersons) -> UUID:
    """The searches of an area and day."""
    area = str(command.area)
    return stream_id("person_searches", area, area, command.occurred_on.isoformat())


def is_ours(state: Sought, area: UUID, id_: UUID, day: date) -> bool:
    """Registered, not erased, and within the area."""
    person = state.persons[id_]
    if person.area is None or person.erased:
        return False
    return area in state.areas[person.area].path_on(day)
