"""A user 用户: somebody who works with the system, in a post of a unit, and what may be done there.

One stream a user: registered, grants and delegations with their days, disabled, work handed over.
A role is data (`role`): which duties it holds. Duties are what routes ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.events.contracts.directory import (
    DelegationTaken,
    GrantEnded,
    PostChanged,
    RoleDelegated,
    RoleGranted,
    UserDisabled,
    UserRegistered,
    WorkHandedOver,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .organisation import Organisation

Subject = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,120}$", description="令牌中的 sub")]
Post = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Document = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class RegisterUser(Command):
    """登记用户: 某单位某岗位的一个人。姓名不登记, 以发证方的 sub 为准。"""

    subject: Subject
    unit: UUID | None = Field(description="单位; 尚无单位的只由全库权限登记")
    post: Post

    def user(self) -> UUID:
        return user_stream(self.subject)


class ChangePost(Command):
    """调整岗位: 以后的操作以新单位、新岗位留痕, 以前的不变。"""

    unit: UUID
    post: Post


class DisableUser(Command):
    """停用用户: 即日起不能再做任何操作。"""

    reason: str = Field(min_length=1, max_length=500)
    document: Document | None = Field(default=None, description="文号")


class HandOverWork(Command):
    """移交工作: 未办结的由接手人继续, 并视同接手人自己经办。"""

    to: UUID
    document: Document | None = Field(default=None, description="文号")


class UserAlreadyRegistered(Refused):
    """该用户已经登记：{user}。"""


class UnknownUnit(Refused):
    """单位未登记：{unit}。"""


class UserAlreadyDisabled(Refused):
    """该用户已经停用：{user}。"""


class UserIsDisabled(Refused):
    """用户已停用：{user}。"""


class UnknownUser(Refused):
    """用户未登记：{user}。"""


class HandedOverToOneself(Refused):
    """不能移交给本人：{user}。"""


class Grant(NamedTuple):
    """A grant, or (with `to`) the delegation of another one."""

    area: UUID | None
    role: str
    duties: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    of: UUID | None = None
    to: UUID | None = None

    def meets(self, valid_from: date, valid_until: date | None) -> bool:
        """Whether both hold on some same day."""
        return self.valid_from <= (valid_until or date.max) and valid_from <= (
            self.valid_until or date.max
        )


@dataclass(frozen=True, slots=True)
class User:
    """What the user's stream says; `area` is the unit's."""

    id: UUID | None = None
    subject: str = ""
    area: UUID | None = None
    unit: UUID | None = None
    post: str = ""
    disabled: bool = False
    successor: UUID | None = None
    grants: Mapping[UUID, Grant] = field(default_factory=dict)
    taken: Mapping[UUID, Grant] = field(default_factory=dict)

    def held(self) -> Iterator[Grant]:
        """What the user may act by: grants of its own, without what it lends to others, and what
        others lend to it."""
        yield from (grant for grant in self.grants.values() if grant.of is None)
        yield from self.taken.values()


class Seat(NamedTuple):
    """A user, and the unit that it is to act for."""

    user: User
    unit: Organisation


class Pair(NamedTuple):
    """A user, and the one who takes over."""

    user: User
    to: User


def user_stream(subject: str) -> UUID:
    return stream_id("user", subject, subject)


def register(state: Seat, command: RegisterUser, _: Facts) -> Decision:
    id_ = command.user()
    if state.user.id is not None:
        raise UserAlreadyRegistered(user=str(id_))
    if command.unit is not None and state.unit.id is None:
        raise UnknownUnit(unit=str(command.unit))
    event = UserRegistered(
        user=id_,
        area=state.unit.area,
        subject=command.subject,
        unit=command.unit,
        post=command.post,
    )
    return Decision({id_: (event,)}, {"id": str(id_)})


def change_post(state: Seat, command: ChangePost, _: Facts) -> Decision:
    id_ = enabled(state.user)
    if state.unit.id is None:
        raise UnknownUnit(unit=str(command.unit))
    event = PostChanged(user=id_, area=state.unit.area, unit=command.unit, post=command.post)
    return Decision({id_: (event,)}, {"id": str(id_)})


def disable(state: User, command: DisableUser, _: Facts) -> Decision:
    id_ = known(state)
    if state.disabled:
        raise UserAlreadyDisabled(user=str(id_))
    event = UserDisabled(
        user=id_, area=state.area, reason=command.reason, document=command.document
    )
    return Decision({id_: (event,)}, {"id": str(id_)}, command.document)


def hand_over(state: Pair, command: HandOverWork, _: Facts) -> Decision:
    """From a disabled user too: that is when it is most needed."""
    id_ = known(state.user)
    if state.to.id is None:
        raise UnknownUser(user=str(command.to))
    if enabled(state.to) == id_:
        raise HandedOverToOneself(user=str(id_))
    event = WorkHandedOver(user=id_, area=state.user.area, to=command.to, document=command.document)
    return Decision({id_: (event,)}, {"id": str(id_)}, command.document)


def known(user: User) -> UUID:
    """The id of a user in the path, who is there, or 404."""
    assert user.id is not None
    return user.id


def enabled(user: User) -> UUID:
    """The id of a user who may still act. Raises: UserIsDisabled."""
    id_ = known(user)
    if user.disabled:
        raise UserIsDisabled(user=str(id_))
    return id_


def evolve(state: User, event: Event) -> User:
    match event:
        case UserRegistered():
            return User(event.user, event.subject, event.area, event.unit, event.post)
        case PostChanged():
            return replace(state, area=event.area, unit=event.unit, post=event.post)
        case UserDisabled():
            return replace(state, disabled=True)
        case WorkHandedOver():
            return replace(state, successor=event.to)
        case DelegationTaken():
            lent = Grant(event.area, "", event.duties, event.valid_from, event.valid_until)
            return replace(state, taken={**state.taken, event.grant: lent})
        case GrantEnded() if event.grant in state.taken:
            ended = state.taken[event.grant]._replace(valid_until=event.valid_until)
            return replace(state, taken={**state.taken, event.grant: ended})
        case RoleGranted() | RoleDelegated() | GrantEnded():
            return replace(state, grants={**state.grants, **dict(_granted(state, event))})
        case _:
            return state


def _granted(state: User, event: Event) -> Iterator[tuple[UUID, Grant]]:
    match event:
        case RoleGranted():
            days = (event.valid_from, event.valid_until)
            yield event.grant, Grant(event.area, event.role, event.duties, *days)
        case RoleDelegated():
            lent = state.grants[event.of]
            days = (event.valid_from, event.valid_until)
            yield (
                event.grant,
                Grant(event.area, lent.role, event.duties, *days, event.of, event.to),
            )
        case GrantEnded():
            ended = state.grants[event.grant]
            yield event.grant, ended._replace(valid_until=event.valid_until)
        case _:
            return


users: Fold[User] = Fold("user", User(), evolve)
