"""What funds copies from households: areas, organisations, who is registered, who may act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from asyncpg import Pool

from libs.events import directory, known
from libs.events.contracts.households import (
    HouseholdRegistered,
    MemberChanged,
    OrganisationRegistered,
)
from libs.events.contracts.registers import OrganisationCorrected
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded, stream_id

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

OF = (
    HouseholdRegistered,
    MemberChanged,
    OrganisationRegistered,
    OrganisationCorrected,
    *known.AREAS_OF,
    *directory.OF,
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case HouseholdRegistered() | MemberChanged():
            yield HOUSEHOLDS, (recorded.stream, fact.area, fact.members, recorded.position)
        case OrganisationRegistered() | OrganisationCorrected():
            yield ORGANISATIONS, (recorded.stream, fact.kind, fact.name, fact.area)
        case _:
            yield from known.areas(recorded, fact, metadata)
            yield from directory.project(recorded, fact, metadata)


async def households_by_number(pool: Pool, area: UUID, numbers: Sequence[str]) -> dict[str, UUID]:
    """Households within an area by their numbers in the register, which are given once in a county
    or what stands for one."""
    within = [row["id"] for row in await pool.fetch(_REGISTRIES, area)]
    by_id = {
        stream_id("household", str(registry), str(registry), number): number
        for registry in within
        for number in numbers
    }
    found = await pool.fetch(_HOUSEHOLDS, list(by_id), area)
    return {by_id[row["id"]]: row["id"] for row in found}


async def members_of(pool: Pool, households: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Who is listed in each of these, as far as it is known here."""
    query = "SELECT h.id, h.members FROM known.households h WHERE h.id = ANY ($1::uuid[])"
    return {row["id"]: row["members"] for row in await pool.fetch(query, list(households))}


_REGISTRIES = f"""
SELECT a.id FROM known.areas a
 WHERE a.level NOT IN ('township', 'village', 'group')
   AND (a.id = ANY ({known.path_of("$1")}) OR a.id IN ({known.below("$1")}))
"""  # noqa: S608 - constants of the code
_HOUSEHOLDS = f"""
SELECT h.id FROM known.households h
 WHERE h.id = ANY ($1::uuid[]) AND h.area IN ({known.below("$2")})
"""  # noqa: S608 - constants of the code
