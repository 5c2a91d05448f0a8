"""A list of users 用户名单: whoever is new is registered, each row granted; whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.events.dated_rows import Reference
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event

from . import grant, user
from .grant import Granting, GrantRole, RoleName
from .organisation import Organisation
from .user import Post, RegisterUser, Seat, Subject, User, user_stream, users

LARGEST_LIST = 500


class UserRow(BaseModel):
    """One role of one user; a user of several roles has several rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Subject
    unit: UUID
    post: Post
    role: RoleName
    area: UUID
    valid_from: Day
    valid_until: Day | None = None


class ImportUsers(Command):
    """导入用户名单: 未登记的登记, 并按行授予角色; 全部成功或全部不登记。再次导入不起作用。"""

    area: UUID = Field(description="名单所属区域; 各行都须在其内")
    rows: tuple[UserRow, ...] = Field(min_length=1, max_length=LARGEST_LIST)


class UserRowRefused(Refused):
    """第 {row} 行：{reason}（共 {count} 行不符）。"""


class RowOutsideArea(Refused):
    """区域 {area} 不在名单所属区域之内。"""


class ListFacts(Facts, frozen=True, kw_only=True):
    """`paths`: of the area of each row, today."""

    paths: dict[str, tuple[UUID, ...]]


@dataclass(frozen=True, slots=True)
class UserList:
    """The users of a list, their units, and what granting stands on."""

    users: Mapping[UUID, User]
    units: Mapping[UUID, Organisation]
    roles: Reference
    incompatible: Reference
    by: str


def import_(state: UserList, command: ImportUsers, facts: ListFacts) -> Decision:
    """Row after row, each on what the rows before it gave; what is there already gives nothing."""
    known = dict(state.users)
    events: dict[UUID, tuple[Event, ...]] = {}
    refused: list[tuple[int, Refused]] = []
    for number, row in enumerate(command.rows, 1):
        id_ = user_stream(row.subject)
        try:
            given = tuple(_given(state, known[id_], row, command, facts))
        except Refused as refusal:
            refused.append((number, refusal))
            continue
        known[id_] = users.over(given, known[id_])
        events |= {id_: (*events.get(id_, ()), *given)} if given else {}
    if refused:
        number, first = refused[0]
        raise UserRowRefused(row=number, reason=first.detail, count=len(refused))
    registered = sum(state.users[id_].id is None for id_ in events)
    body = {"registered": registered, "granted": sum(map(len, events.values())) - registered}
    return Decision(events, {"id": str(command.area), **body}, status=201 if events else 200)


def _given(
    state: UserList, known: User, row: UserRow, command: ImportUsers, facts: ListFacts
) -> Iterator[Event]:
    path = facts.paths.get(str(row.area), ())
    if command.area not in path:
        raise RowOutsideArea(area=str(row.area))
    here, day = Facts(path=path), command.occurred_on
    if known.id is None:
        asked = RegisterUser(subject=row.subject, unit=row.unit, post=row.post, occurred_on=day)
        seat = Seat(known, state.units[row.unit])
        registered = _events(user.register(seat, asked, here))
        known = users.over(registered, known)
        yield from registered
    wanted = GrantRole(
        role=row.role,
        area=row.area,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        occurred_on=day,
    )
    there = known.grants.get(wanted.grant(user.known(known)))
    if there is not None and there.valid_until == wanted.valid_until:
        return
    granting = Granting(known, state.roles, state.incompatible, state.by)
    yield from _events(grant.grant(granting, wanted, here))


def _events(decision: Decision) -> tuple[Event, ...]:
    return tuple(event for facts in decision.events.values() for event in facts)
