"""Members of a household 家庭成员 who come, leave, or live by themselves from now on 分户.

A household is its listed members: every change says who is in it afterwards, so 户 and 人 move by
the same events (dossier H2). When the head 户主 leaves, there is none until another one is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from libs.events.contracts.households import HouseholdRegistered, MemberChange, MemberChanged
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Event

from .household import Household, HouseholdNotRegistered, evolve, registry
from .household_row import HEAD, Key, Member, Relation, household_id
from .person import Person, PersonIsErased
from .tree import Area

COMING = ("birth", "marriage_in", "move_in")
LEAVING = ("death", "marriage_out", "move_out")
Change = Literal["birth", "marriage_in", "move_in", "death", "marriage_out", "move_out", "relation"]


class ChangeMember(Command):
    """登记成员变动：出生、婚入、迁入，死亡、婚出、迁出，或与户主关系改变；业务发生日即变动日。"""

    change: Change
    person: UUID = Field(description="人员编号；新增的须先登记")
    relation: Relation | SkipJsonSchema[None] = Field(
        default=None, description="与户主关系；减少的不写"
    )

    @model_validator(mode="after")
    def _related(self) -> Self:
        if (self.relation is None) != (self.change in LEAVING):
            raise ValueError("在户的须写与户主关系，减少的不写")
        return self


class SplitHousehold(Command):
    """分户：一户的部分成员另立一户，户类型随原户；业务发生日即分户日。"""

    key: Key
    members: tuple[Member, ...] = Field(
        min_length=1, max_length=100, description="分出的成员及其与新户主的关系"
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({one.person for one in self.members}) < len(self.members):
            raise ValueError("成员编号重复")
        return self


class MembersNotListed(Refused):
    """该户没有成员名单：只登记了 {persons} 人，不能登记成员变动，请更正人数。"""


class NotAMember(Refused):
    """人员不在本户：{person} 不在现有的 {members} 名成员之中。"""


class AlreadyMember(Refused):
    """人员已在本户：{person} 已是现有的 {members} 名成员之一。"""


class PersonNotRegistered(Refused):
    """人员未登记：{person} 须先登记，再列入农户。"""


class SecondHead(Refused):
    """本户已有户主：{head} 是户主，请先改其与户主关系。"""


class RelationUnchanged(Refused):
    """与户主关系没有变化：{person} 已登记为 {relation}。"""


class NobodyLeft(Refused):
    """分户不能带走全部成员：该户共 {members} 人，分出 {leaving} 人。"""


class NumberTaken(Refused):
    """登记编号已另有农户：{key} 不是由本户分出的。"""


class OneHeadNeeded(Refused):
    """分出的户须有户主一人：写有户主 {heads} 人。"""


class Changing(NamedTuple):
    """A household, its village, and the person who comes (or as nothing is known)."""

    id: UUID
    household: Household
    area: Area
    person: Person


class Splitting(NamedTuple):
    """A household, its village, the areas that say where numbers are given, and what bears the
    new number."""

    id: UUID
    household: Household
    area: Area
    areas: Mapping[UUID, Area]
    other: Household


def change_member(state: Changing, command: ChangeMember, _: Facts) -> Decision:
    """One member; who comes is a registered person."""
    _require_listed(state.household)
    if command.change in COMING:
        _require_coming(state, command)
    else:
        _require_member(state.household, command.person)
    if command.relation is not None:
        _require_relation(state.household, command.person, command.relation)
    said = _Said(command.change, command.person, command.relation, None, command.occurred_on)
    event = _event(state.id, state.household, said)
    body = {"id": str(state.id), "persons": event.persons}
    return Decision({state.id: (event,)}, body)


def split(state: Splitting, command: SplitHousehold, _: Facts) -> Decision:
    """Both households by one decision. Who follows later joins the household that was split off
    under the same number."""
    old = state.household
    _require_listed(old)
    for one in command.members:
        _require_member(old, one.person)
    if len(command.members) >= old.listed:
        raise NobodyLeft(members=old.listed, leaving=len(command.members))
    assert old.area is not None, "a household with members has its village"
    new = household_id(registry(old.area, state.areas), command.key)
    there = state.other.area is not None
    came = _joined(state, new, command) if there else (_split_off(state, new, command),)
    left = _left(state, new, command)
    body = {"id": str(new), "persons": len(command.members) + state.other.persons}
    return Decision({new: came, state.id: left}, body)


def _require_listed(household: Household) -> None:
    if household.area is None:
        raise HouseholdNotRegistered()
    if household.listed != household.persons:
        raise MembersNotListed(persons=household.persons)


def _require_coming(state: Changing, command: ChangeMember) -> None:
    who = str(command.person)
    if command.person in state.household.members:
        raise AlreadyMember(person=who, members=state.household.listed)
    if state.person.area is None:
        raise PersonNotRegistered(person=who)
    if state.person.erased:
        raise PersonIsErased()


def _require_member(household: Household, person: UUID) -> None:
    if person not in household.members:
        raise NotAMember(person=str(person), members=household.listed)


def _require_relation(household: Household, person: UUID, relation: str) -> None:
    related = dict(household.related)
    if related.get(person) == relation:
        raise RelationUnchanged(person=str(person), relation=relation)
    heads = [who for who, is_ in household.related if is_ == HEAD]
    if relation == HEAD and heads:
        raise SecondHead(head=str(heads[0]))


class _Said(NamedTuple):
    """One change, as the event will say it."""

    change: MemberChange
    person: UUID
    relation: str | None
    other: UUID | None
    on: date


def _event(id_: UUID, was: Household, said: _Said) -> MemberChanged:
    """The change and the household as it then is."""
    assert was.area is not None, "a household that is there has its village"
    assert was.registered_on is not None, "and the day on which it was registered"
    members = _members(was.members, said)
    return MemberChanged(
        household=id_,
        area=was.area,
        change=said.change,
        person=said.person,
        relation=said.relation,
        other=said.other,
        members=members,
        persons=len(members),
        era=was.era,
        register_type=was.register_type,
        registered_on=was.registered_on,
        synthetic=was.synthetic,
        changed_on=said.on,
    )


def _members(were: tuple[UUID, ...], said: _Said) -> tuple[UUID, ...]:
    """Who has a relation to the head lives there; who came stands last."""
    if said.relation is None:
        return tuple(one for one in were if one != said.person)
    return were if said.person in were else (*were, said.person)


def _left(state: Splitting, new: UUID, command: SplitHousehold) -> tuple[Event, ...]:
    told: list[Event] = []
    was = state.household
    for one in command.members:
        said = _Said("split_out", one.person, None, new, command.occurred_on)
        told.append(_event(state.id, was, said))
        was = evolve(was, told[-1])
    return tuple(told)


def _split_off(state: Splitting, new: UUID, command: SplitHousehold) -> HouseholdRegistered:
    old, relations = state.household, tuple(one.relation for one in command.members)
    if relations.count(HEAD) != 1:
        raise OneHeadNeeded(heads=relations.count(HEAD))
    assert old.area is not None, "a household with members has its village"
    return HouseholdRegistered(
        household=new,
        area=old.area,
        era=old.era,
        register_type=old.register_type,
        persons=len(command.members),
        members=tuple(one.person for one in command.members),
        registered_on=command.occurred_on,
        synthetic=old.synthetic,
        relations=relations,
        split_from=state.id,
    )


def _joined(state: Splitting, new: UUID, command: SplitHousehold) -> tuple[Event, ...]:
    was = state.other
    if was.split_from != state.id:
        raise NumberTaken(key=command.key)
    told: list[Event] = []
    for one in _heads_first(command.members):
        _require_relation(was, one.person, one.relation)
        said = _Said("split_in", one.person, one.relation, state.id, command.occurred_on)
        told.append(_event(new, was, said))
        was = evolve(was, told[-1])
    return tuple(told)


def _heads_first(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda one: one.relation != HEAD)
