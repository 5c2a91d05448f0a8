"""What households tells the world: areas, organisations, households, populations, first flags."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event
from .money import Amount

AreaLevel = Literal["nation", "province", "prefecture", "county", "township", "village", "group"]
Era = Literal["alleviation", "linkage", "standing"]
MemberCame = Literal["birth", "marriage_in", "move_in", "split_in"]
MemberLeft = Literal["death", "marriage_out", "move_out", "split_out"]
MemberChange = Literal[MemberCame, MemberLeft, "relation"]
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
    document: str | None = None


class AreaCodeTaken(Event, frozen=True, kw_only=True):
    """The mark on the code's own stream: this area bears it from `valid_from` on."""

    area: UUID
    code: str
    valid_from: date


class AreaMoved(Event, frozen=True, kw_only=True):
    """From `valid_from` on the area stands below another parent."""

    area: UUID
    parent: UUID
    path: Annotated[tuple[UUID, ...], Meta(description="ancestors from the top, itself last")]
    valid_from: date
    document: Annotated[str, Meta(examples=["某政发〔2020〕12号"])]


class AreaFollowed(Event, frozen=True, kw_only=True):
    """An area above this one moved or was merged: from `valid_from` on this is its path too."""

    area: UUID
    path: Annotated[tuple[UUID, ...], Meta(description="ancestors from the top, itself last")]
    valid_from: date
    after: Annotated[UUID, Meta(description="the area that moved or was merged")]


class AreaMerged(Event, frozen=True, kw_only=True):
    """The area ends: from `valid_from` on it is part of its successor, which `path` puts above it,
    and what lay below it lies below the successor."""

    area: UUID
    successor: UUID
    path: Annotated[tuple[UUID, ...], Meta(description="its successor's path, itself last")]
    valid_from: date
    document: Annotated[str, Meta(examples=["某政发〔2020〕12号"])]


class AreaSplit(Event, frozen=True, kw_only=True):
    """From `valid_from` on these areas succeed it in part, or wholly where it `ends`. What they
    take of what lay below it moves by events of its own; what stood in the area itself stays."""

    area: UUID
    successors: tuple[UUID, ...]
    ends: bool
    valid_from: date
    document: Annotated[str, Meta(examples=["某政发〔2020〕12号"])]


class AreaSucceeded(Event, frozen=True, kw_only=True):
    """The mark on the successor's stream: it follows an area that was merged into it or split."""

    area: UUID
    predecessor: UUID
    how: Literal["merged", "split"]
    valid_from: date
    document: Annotated[str, Meta(examples=["某政发〔2020〕12号"])]


class AreaPlaced(Event, frozen=True, kw_only=True):
    """The mark on the parent's stream of children: the area stands below it from a day on."""

    area: UUID
    parent: UUID
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


class AreaAliasProposed(Event, frozen=True, kw_only=True):
    """Someone met this name and takes it for the area's; it resolves nothing until confirmed."""

    area: UUID
    alias: str
    met: Annotated[str, Meta(description="where it was met", examples=["2020年发放表 第3行"])]


class OrganisationAliasProposed(Event, frozen=True, kw_only=True):
    """Someone met this name and takes it for the organisation's; it resolves nothing until
    confirmed."""

    area: UUID
    organisation: UUID
    alias: str
    met: Annotated[str, Meta(description="where it was met", examples=["2020年发放表 第3行"])]


class AliasConfirmed(Event, frozen=True, kw_only=True):
    """The proposed name is an alias from here on: AreaAliasAdded or OrganisationAliasAdded beside
    it say of what."""

    area: UUID
    alias: str


class AliasRejected(Event, frozen=True, kw_only=True):
    area: UUID
    alias: str
    reason: str


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
    relations: Annotated[
        tuple[str, ...], Meta(description="of each member to the head, in the order of members")
    ] = ()
    income: Annotated[
        Amount | None, Meta(description="net income per person and year, as the roster says")
    ] = None
    split_from: Annotated[
        UUID | None, Meta(description="the household that its members lived in until then")
    ] = None


class MemberChanged(Event, frozen=True, kw_only=True):
    """A member came, left, or is otherwise related to the head; beside it the household as it is
    from then on. Members are the persons: 户 and 人 move by the same events (H2)."""

    household: UUID
    area: UUID
    change: MemberChange
    person: UUID
    relation: Annotated[str | None, Meta(description="to the head, of whoever is in it now")]
    other: Annotated[UUID | None, Meta(description="by a split: where to, or where from")] = None
    members: tuple[UUID, ...]
    persons: Count
    era: Era
    register_type: str
    registered_on: date
    synthetic: bool
    changed_on: date


class PopulationCounted(Event, frozen=True, kw_only=True):
    """A count without a list: summary grade (汇总级); it answers no question about a household."""

    area: UUID
    population: Annotated[str, Meta(examples=["insured"])]
    households: Count | None
    persons: Count | None
    counted_on: date
    project: UUID | None
    quote: Annotated[str | None, Meta(description="the words of the document")]
    amount: Annotated[
        Amount | None, Meta(description="an opening balance: what they had been given until then")
    ] = None
    number: Annotated[str | None, Meta(description="文号 that it rests on")] = None


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
        AreaMoved,
        AreaFollowed,
        AreaMerged,
        AreaSplit,
        AreaSucceeded,
        AreaPlaced,
        OrganisationRegistered,
        OrganisationAliasAdded,
        AreaAliasProposed,
        OrganisationAliasProposed,
        AliasConfirmed,
        AliasRejected,
        NameTaken,
        HouseholdRegistered,
        MemberChanged,
        PopulationCounted,
        HouseholdFlagged,
    )
)
