"""What households tells when something in its registers was wrong: corrections 更正."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event
from .changes import Corrected, SealedChange
from .households import Era


class HouseholdCorrected(Corrected, frozen=True, kw_only=True):
    """What was registered of a household was wrong; where it lives changes by a move."""

    household: UUID
    era: Era
    register_type: Annotated[str, Meta(examples=["registered_poor"])]
    persons: Count
    registered_on: date
    synthetic: bool


class PopulationCorrected(Corrected, frozen=True, kw_only=True):
    """A count without a list was wrong; what was counted, where and on which day names it."""

    population: Annotated[str, Meta(examples=["insured"])]
    households: Count | None
    persons: Count | None
    counted_on: date
    project: UUID | None
    quote: str | None


class OrganisationCorrected(Corrected, frozen=True, kw_only=True):
    """An organisation's name or kind was typed wrongly; the name as typed stays as an alias."""

    organisation: UUID
    name: str
    kind: Annotated[str, Meta(examples=["bureau"])]


class AreaCorrected(Corrected, frozen=True, kw_only=True):
    """The newest code or name of an area was typed wrongly; it holds from the same day on."""

    code: Annotated[str, Meta(examples=["990101"])]
    name: str
    valid_from: date


class PersonCorrected(Event, frozen=True, kw_only=True):
    """What was sealed of a person was wrong; both texts are sealed for that person."""

    person: UUID
    area: UUID
    changes: tuple[SealedChange, ...]
    reason: str
    evidence: Annotated[
        str | None, Meta(description="SHA-256 of the file", examples=["0f" * 32])
    ] = None
    number: Annotated[
        UUID | None,
        Meta(description="random id of the right ID number, which is this person's from now on"),
    ] = None


class NumberTaken(Event, frozen=True, kw_only=True):
    """The mark on the stream of the id that an ID number had: it is the number of somebody who was
    registered by another, so that nobody is registered by it."""

    area: UUID
    by: UUID


CONTRACTS = Contracts(
    (
        HouseholdCorrected,
        PopulationCorrected,
        OrganisationCorrected,
        AreaCorrected,
        PersonCorrected,
        NumberTaken,
    )
)
