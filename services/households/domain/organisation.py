"""An organisation 单位: bureaus, contractors, insurers, banks, villages as legal persons.

Every name that an organisation goes by has a stream of its own within its area, so that one name
names one organisation (design 4: uniqueness is a stream).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from libs.events.contracts.households import (
    NameTaken,
    OrganisationAliasAdded,
    OrganisationRegistered,
)
from libs.events.contracts.registers import OrganisationCorrected
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, natural, stream_id

from .tree import Area

OrganisationName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    Field(examples=["区农业农村局"]),
]


class RegisterOrganisation(Command):
    """登记单位。编号由区域与名称决定；名称和别名在本区域内只能指一个单位。"""

    name: OrganisationName
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["bureau"])
    area: UUID
    aliases: tuple[OrganisationName, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _different_names(self) -> Self:
        if len({natural(name) for name in self.names()}) < len(self.names()):
            raise ValueError("名称与别名不得重复")
        return self

    def organisation(self) -> UUID:
        return organisation_stream(self.area, self.name)

    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class AddOrganisationAlias(Command):
    """登记单位的别名。"""

    alias: OrganisationName


def organisation_stream(area: UUID, name: str) -> UUID:
    return stream_id("organisation", str(area), str(area), name)


def name_stream(area: UUID, name: str) -> UUID:
    """Who goes by this name in this area."""
    return stream_id("organisation_name", str(area), str(area), name)


class OrganisationAlreadyRegistered(Refused):
    """该单位已经登记：{name}，编号 {organisation}。"""


class OrganisationNotRegistered(Refused):
    """单位未登记。"""


class AliasTaken(Refused):
    """名称已被使用：本区域内“{alias}”是单位 {organisation}。"""


@dataclass(frozen=True, slots=True)
class Organisation:
    id: UUID | None = None
    area: UUID | None = None
    name: str = ""
    kind: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """Whose name it is."""

    organisation: UUID | None = None


class Registration(NamedTuple):
    """The organisation, its area, and whose its names are, in the order of `names()`."""

    known: Organisation
    area: Area
    taken: list[Name]


class Addition(NamedTuple):
    """An organisation, its area, and whose the new name is."""

    known: Organisation
    area: Area
    taken: Name


def register(state: Registration, command: RegisterOrganisation, _: Facts) -> Decision:
    if state.known.id is not None:
        raise OrganisationAlreadyRegistered(name=command.name, organisation=str(state.known.id))
    for name, taken in zip(command.names(), state.taken, strict=True):
        require_free(name, taken)
    organisation = command.organisation()
    event = OrganisationRegistered(
        organisation=organisation,
        name=command.name,
        kind=command.kind,
        area=command.area,
        aliases=command.aliases,
    )
    bound = dict(marks(command.area, organisation, command.names()))
    return Decision({organisation: (event,), **bound}, {"id": str(organisation)})


def add_alias(state: Addition, command: AddOrganisationAlias, _: Facts) -> Decision:
    """The organisation's stream says how it is called, the name's stream that it is taken."""
    organisation, area = registered(state.known)
    require_free(command.alias, state.taken)
    added = OrganisationAliasAdded(area=area, organisation=organisation, alias=command.alias)
    bound = dict(marks(area, organisation, (command.alias,)))
    return Decision({organisation: (added,), **bound}, {"id": str(organisation)})


def registered(known: Organisation) -> tuple[UUID, UUID]:
    """Id and area of an organisation that is there. Raises: OrganisationNotRegistered."""
    if known.id is None or known.area is None:
        raise OrganisationNotRegistered()
    return known.id, known.area


def require_free(name: str, taken: Name) -> None:
    if taken.organisation is not None:
        raise AliasTaken(alias=name, organisation=str(taken.organisation))


def marks(
    area: UUID, organisation: UUID, names: Iterable[str]
) -> Iterable[tuple[UUID, tuple[Event, ...]]]:
    """What says on each name's own stream whose it is."""
    for name in names:
        yield (
            name_stream(area, name),
            (NameTaken(area=area, name=name, organisation=organisation),),
        )


def evolve(state: Organisation, event: Event) -> Organisation:
    match event:
        case OrganisationRegistered():
            return Organisation(
                event.organisation, event.area, event.name, event.kind, event.aliases
            )
        case OrganisationAliasAdded():
            return replace(state, aliases=(*state.aliases, event.alias))
        case OrganisationCorrected():
            typed = () if event.name == state.name else (state.name,)
            others = tuple(one for one in state.aliases if one != event.name)
            return replace(state, name=event.name, kind=event.kind, aliases=(*others, *typed))
        case _:
            return state


def _named(state: Name, event: Event) -> Name:
    return Name(event.organisation) if isinstance(event, NameTaken) else state


organisations: Fold[Organisation] = Fold("organisation", Organisation(), evolve)
names: Fold[Name] = Fold("organisation_name", Name(), _named)
