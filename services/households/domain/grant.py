"""Grants 授权 and delegations 委托: which role a user holds, where, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from libs.events.contracts.directory import DelegationTaken, GrantEnded, RoleDelegated, RoleGranted
from libs.events.dated_rows import Reference, Set, Values
from libs.events.decider import Decision, Facts
from libs.events.duties import ADMINISTRATORS, DUTIES, Duty
from libs.events.errors import Refused, UnknownArea
from libs.events.types import Command, Day, stream_id

from .user import Document, Grant, UnknownUser, User, enabled, known

RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", examples=["clerk"])]


class Role(Values):
    """What a role holds; the key is its name. A role without a row holds the duty of its name."""

    title: str = Field(min_length=1, max_length=80)
    duties: tuple[Duty, ...] = Field(min_length=1, max_length=20)


class Incompatible(Values):
    """Duties that no one person may hold; the key names the rule."""

    duties: tuple[Duty, Duty]


ROLES = Set("role", "角色", Role, central=True)
INCOMPATIBLE = Set("incompatible_duties", "不相容职责", Incompatible, central=True)


class Days(Command):
    """A span of days."""

    valid_from: Day
    valid_until: Day | None = Field(default=None, description="末日")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("末日不得早于首日")
        return self


class GrantRole(Days):
    """授予角色: 在某区域及其下级, 自某日起。"""

    role: RoleName
    area: UUID | None = Field(description="范围; null 为全库")
    document: Document | None = Field(default=None, description="文号")

    def grant(self, user: UUID) -> UUID:
        day = self.valid_from.isoformat()
        return stream_id("grant", str(user), str(user), self.role, str(self.area), day)


class Delegate(Days):
    """委托: 在若干日内, 由另一用户以本授权行事; 须有委托书。不得转委托。"""

    grant: UUID
    to: UUID
    valid_until: Day = Field(description="末日")
    document: Document = Field(description="委托书文号")

    def delegation(self) -> UUID:
        day = self.valid_from.isoformat()
        return stream_id("delegation", str(self.grant), str(self.grant), str(self.to), day)


class EndGrant(Command):
    """终止授权或委托: 适用到此日为止; 早于首日即视同未授。"""

    grant: UUID
    valid_until: Day
    reason: str = Field(min_length=1, max_length=500)


class GrantAlreadyThere(Refused):
    """该授权已经登记：{grant}。"""


class UnknownGrant(Refused):
    """没有这项授权：{grant}。"""


class UnknownRole(Refused):
    """角色未定义：{role}。"""


class DutiesIncompatible(Refused):
    """职责不相容：同一人不得兼任 {one} 与 {other}。"""


class BeyondGrant(Refused):
    """委托超出授权的有效期：授权 {grant_from} 至 {grant_until}。"""


class DelegatedToOneself(Refused):
    """不能委托给本人：{user}。"""


class EndNotEarlier(Refused):
    """终止日须早于现行末日：现行末日 {valid_until}；已经终止的，另行授予。"""


class GrantedToOneself(Refused):
    """不得给本人授权：{user}。"""

    status = 403


class Granting(NamedTuple):
    """A user, what roles hold, what may not be held together, and who grants."""

    user: User
    roles: Reference
    incompatible: Reference
    by: str = ""


class Delegating(NamedTuple):
    """The giver, the taker, what may not be held together, and who records it."""

    user: User
    to: User
    incompatible: Reference
    by: str = ""


class Ending(NamedTuple):
    """The user, and who took what is ended, if it is a delegation."""

    user: User
    taker: User


def grant(state: Granting, command: GrantRole, facts: Facts) -> Decision:
    """The duties of the role as it is on its first day; a later change of the role is for later
    grants."""
    user, id_ = enabled(state.user), command.grant(known(state.user))
    if command.area is not None and not facts.path:
        raise UnknownArea()
    if str(user) == state.by:
        raise GrantedToOneself(user=str(user))
    if id_ in state.user.grants:
        raise GrantAlreadyThere(grant=str(id_))
    duties = duties_of(state.roles, command.role, facts, command.valid_from)
    given = Grant(command.area, command.role, duties, command.valid_from, command.valid_until)
    require_compatible(state.user.held(), given, state.incompatible)
    event = RoleGranted(
        user=user,
        area=command.area,
        grant=id_,
        role=command.role,
        duties=duties,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        document=command.document,
    )
    return Decision({user: (event,)}, {"id": str(id_)}, command.document)


def duties_of(roles: Reference, role: str, facts: Facts, on: date) -> tuple[str, ...]:
    row = roles.at(role, facts.path, on)
    if row is not None:
        return Role.model_validate(row.values).duties
    if role not in DUTIES:
        raise UnknownRole(role=role)
    return (role,)


def require_compatible(held: Iterable[Grant], new: Grant, incompatible: Reference) -> None:
    """The three administrators never meet in one person; what else may not is data, on every day
    that the new one holds, wherever."""
    together = {duty for grant in held if grant.meets(*new[3:5]) for duty in grant.duties}
    together |= set(new.duties)
    rows = incompatible.ever(new.valid_from, new.valid_until or date.max)
    pairs = [Incompatible.model_validate(row.values).duties for row in rows]
    for one, other in (*ADMINISTRATORS, *pairs):
        if {one, other} <= together:
            raise DutiesIncompatible(one=one, other=other)


def delegate(state: Delegating, command: Delegate, _: Facts) -> Decision:
    """Of one grant, within its days, to somebody who could hold it."""
    user, lent = enabled(state.user), state.user.grants.get(command.grant)
    if lent is None or lent.of is not None:
        raise UnknownGrant(grant=str(command.grant))
    to = _taker(state, command)
    if command.delegation() in state.user.grants:
        raise GrantAlreadyThere(grant=str(command.delegation()))
    _require_within(lent, command)
    taken = lent._replace(valid_from=command.valid_from, valid_until=command.valid_until)
    require_compatible(state.to.held(), taken, state.incompatible)
    event = RoleDelegated(
        user=user,
        area=lent.area,
        grant=command.delegation(),
        of=command.grant,
        to=command.to,
        duties=lent.duties,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        document=command.document,
    )
    other = DelegationTaken(
        user=to,
        area=lent.area,
        grant=command.delegation(),
        giver=user,
        duties=lent.duties,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
    )
    body = {"id": str(command.delegation())}
    return Decision({user: (event,), to: (other,)}, body, command.document)


def _taker(state: Delegating, command: Delegate) -> UUID:
    """Somebody else who is there, and not whoever records it."""
    if state.to.id is None:
        raise UnknownUser(user=str(command.to))
    to = enabled(state.to)
    if to == state.user.id:
        raise DelegatedToOneself(user=str(to))
    if str(to) == state.by:
        raise GrantedToOneself(user=str(to))
    return to


def _require_within(lent: Grant, command: Delegate) -> None:
    until = lent.valid_until or date.max
    if command.valid_from < lent.valid_from or command.valid_until > until:
        raise BeyondGrant(
            grant_from=lent.valid_from.isoformat(),
            grant_until=None if lent.valid_until is None else until.isoformat(),
        )


def end(state: Ending, command: EndGrant, _: Facts) -> Decision:
    """Earlier than it would have ended; on both sides of a delegation. What is over stays so."""
    user, given = known(state.user), state.user.grants.get(command.grant)
    if given is None:
        raise UnknownGrant(grant=str(command.grant))
    if command.valid_until >= (given.valid_until or date.max):
        raise EndNotEarlier(
            valid_until=None if given.valid_until is None else given.valid_until.isoformat()
        )
    event = GrantEnded(
        user=user,
        area=given.area,
        grant=command.grant,
        valid_until=command.valid_until,
        reason=command.reason,
    )
    taker = () if given.to is None else (known(state.taker),)
    return Decision(dict.fromkeys((user, *taker), (event,)), {"id": str(command.grant)})
