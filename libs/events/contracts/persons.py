"""What households tells of persons: opaque ids, and beside them what is sealed for each (design 9).

A sealed field is null where nothing was told, and to whoever reads along by HTTP.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event, Sealed

PersonField = Literal["name", "id_number", "phone", "account"]
"""What is sealed; also the tag that is part of the seal, so it never changes."""


class PersonRegistered(Event, frozen=True, kw_only=True):
    """A person enters the register, once for one ID number."""

    person: UUID
    area: Annotated[UUID, Meta(description="the village")]
    name: Sealed | None
    id_number: Sealed | None
    phone: Sealed | None
    registered_on: date
    synthetic: Annotated[bool, Meta(description="made for a demonstration (演示), nobody")]


class AccountChanged(Event, frozen=True, kw_only=True):
    """From a day on the person is paid on this account. One id is one account, whoever holds it."""

    person: UUID
    area: UUID
    account: Annotated[UUID, Meta(description="opaque id of the account")]
    account_number: Sealed | None
    bank: str
    changed_on: date


class PersonRevealed(Event, frozen=True, kw_only=True):
    """Plain or masked texts were told to the actor, for a purpose."""

    persons: tuple[UUID, ...]
    area: UUID
    fields: tuple[PersonField, ...]
    purpose: str
    profile: Annotated[str, Meta(examples=["full"], description="how they were masked")]


class PersonsSought(Event, frozen=True, kw_only=True):
    """Persons were looked for by numbers, by a whole name, or by opening the names of a village."""

    area: Annotated[UUID, Meta(description="within which they were looked for")]
    way: Literal["numbers", "name", "opening"]
    asked: Annotated[Count, Meta(description="numbers looked for, or names opened")]
    persons: Annotated[tuple[UUID, ...], Meta(description="who was found")]
    purpose: str


class PersonsIdentified(Event, frozen=True, kw_only=True):
    """Another service of the installation asked, for somebody, whom the rows of a roster mean."""

    area: Annotated[UUID, Meta(description="within which they were looked for")]
    asked: Annotated[Count, Meta(description="rows")]
    persons: Annotated[tuple[UUID, ...], Meta(description="who was found")]
    purpose: str
    behalf: Annotated[str, Meta(description="for whom the service asked; an opaque id")]


class PersonErased(Event, frozen=True, kw_only=True):
    """The person's data can no longer be opened; totals, leaves and proofs stand as they were."""

    person: UUID
    area: UUID
    reason: str
    document: str


CONTRACTS = Contracts(
    (
        PersonRegistered,
        AccountChanged,
        PersonRevealed,
        PersonsSought,
        PersonsIdentified,
        PersonErased,
    )
)
