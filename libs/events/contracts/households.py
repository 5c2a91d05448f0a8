"""What households tells the world: areas, organisations, households, populations, first flags."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event

AreaLevel = Literal["nation", "province", "prefecture", "county", "township", "village", "group"]
Era = Literal["alleviation", "linkage", "standing"]
RiskType = Literal["housing", "education", "health", "water", "employment", "income", "disaster"]


class AreaRegistered(Event, frozen=True, kw_only=True):
    """An area enters the tree. The id stays; codes and names are dated (design 7)."""

    area: UUID
    code: Annotated[str, Meta(examples=["990101"])]
    name: str
    level: AreaLevel
    parent: UUID | None
    path: Annotated[tuple[UUID, ...], Meta(description="ancestors from the top, itself last")]
    valid_from: date


class AreaAliasAdded(Event, frozen=True, kw_only=True):
    area: UUID
    alias: str
    document: str | None


class AreaCodeChanged(Event, frozen=True, kw_only=True):
    """From `valid_from` on the area is known by this code and name; the old ones stay dated."""

    area: UUID
    code: str
    name: str
    valid_from: date


class AreaCodeTaken(Event, frozen=True, kw_only=True):
    """The mark on the code's own stream: this area bears it from `valid_from` on."""

    area: UUID
    code: str
    valid_from: date


class OrganisationRegistered(Event, frozen=True, kw_only=True):
    organisation: UUID
    name: str
    kind: Annotated[str, Meta(examples=["bureau", "contractor", "insurer", "bank", "village"])]
    area: UUID
    aliases: tuple[str, ...]


class OrganisationAliasAdded(Event, frozen=True, kw_only=True):
    area: UUID
    organisation: UUID
    alias: str


class NameTaken(Event, frozen=True, kw_only=True):
    """The mark on the name's own stream: in this area it names this organisation."""

    area: UUID
    name: str
    organisation: UUID


class HouseholdRegistered(Event, frozen=True, kw_only=True):
    """A household enters the register; ids are opaque, and nothing here tells who lives there."""

    household: UUID
    area: UUID
    era: Era
    register_type: Annotated[str, Meta(examples=["registered_poor"])]
    persons: Count
    members: Annotated[tuple[UUID, ...], Meta(description="opaque person ids, if listed")]
    registered_on: date
    synthetic: Annotated[bool, Meta(description="made for a demonstration (演示), not a household")]


class PopulationCounted(Event, frozen=True, kw_only=True):
    """A count without a list: summary grade (汇总级); it answers no question about a household."""

    area: UUID
    population: Annotated[str, Meta(examples=["insured"])]
    households: Count | None
    persons: Count | None
    counted_on: date
    project: UUID | None
    quote: Annotated[str | None, Meta(description="the words of the document")]


class HouseholdFlagged(Event, frozen=True, kw_only=True):
    """A household may fall back into poverty (监测线索). First form: the clue, no case yet."""

    household: UUID
    area: UUID
    risks: tuple[RiskType, ...]
    source: Literal["self_reported", "survey", "department"]
    clue: Annotated[str, Meta(description="which rule or list; no personal fact")]
    flagged_on: date


CONTRACTS = Contracts(
    (
        AreaRegistered,
        AreaAliasAdded,
        AreaCodeChanged,
        AreaCodeTaken,
        OrganisationRegistered,
        OrganisationAliasAdded,
        NameTaken,
        HouseholdRegistered,
        PopulationCounted,
        HouseholdFlagged,
    )
)
