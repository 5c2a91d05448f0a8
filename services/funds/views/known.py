"""What funds copies from households: areas, organisations, who is registered, who may act."""

from __future__ import annotations

from collections.abc import Iterator

from libs.events import directory, known
from libs.events.contracts.households import HouseholdRegistered, OrganisationRegistered
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

HOUSEHOLDS = Table(
    "known.households",
    (("id", "uuid"), ("area", "uuid"), ("members", "uuid[]"), ("position", "bigint")),
    key=("id",),
    mode="latest",
)
ORGANISATIONS = Table(
    "known.organisations",
    (("id", "uuid"), ("kind", "text"), ("name", "text"), ("area", "uuid")),
    key=("id",),
    mode="latest",
)

OF = (HouseholdRegistered, OrganisationRegistered, *known.AREAS_OF, *directory.OF)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case HouseholdRegistered():
            yield HOUSEHOLDS, (recorded.stream, fact.area, fact.members, recorded.position)
        case OrganisationRegistered():
            yield ORGANISATIONS, (recorded.stream, fact.kind, fact.name, fact.area)
        case _:
            yield from known.areas(recorded, fact, metadata)
            yield from directory.project(recorded, fact, metadata)
