"""What households shows of its own log: areas by any code, organisations by any name, systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from libs.events import directory, known
from libs.events.contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaRegistered,
    HouseholdRegistered,
    MemberChanged,
    NameTaken,
    OrganisationRegistered,
)
from libs.events.contracts.registers import (
    AreaCorrected,
    HouseholdCorrected,
    OrganisationCorrected,
)
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from . import aliases

AREA_NAMES = Table(
    "view.area_names",
    (("area", "uuid"), ("name", "text")),
    key=("area", "name"),
    mode="latest",
)
ORGANISATIONS = Table(
    "view.organisations",
    (("id", "uuid"), ("area", "uuid"), ("name", "text"), ("kind", "text")),
    key=("id",),
    mode="latest",
)
NAMES = Table(
    "view.organisation_names",
    (("area", "uuid"), ("name", "text"), ("organisation", "uuid")),
    key=("area", "name"),
    mode="latest",
)

HOUSEHOLDS = Table(
    "view.households",
    (
        *(("id", "uuid"), ("area", "uuid"), ("era", "text"), ("register_type", "text")),
        *(("persons", "bigint"), ("registered_on", "date"), ("synthetic", "boolean")),
    ),
    key=("id",),
    mode="latest",
)
MEMBERS = Table(
    "view.members",
    (("person", "uuid"), ("household", "uuid"), ("area", "uuid"), ("left_on", "date")),
    key=("person", "household"),
    mode="latest",
)

OF = (
    *(*known.AREAS_OF, AreaAliasAdded, OrganisationRegistered, NameTaken),
    *(HouseholdRegistered, HouseholdCorrected, MemberChanged),
    OrganisationCorrected,
    *aliases.OF,
    *directory.OF,
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case AreaRegistered() | AreaCodeChanged() | AreaCorrected():
            yield AREA_NAMES, (fact.area, fact.name)
        case AreaAliasAdded():
            yield AREA_NAMES, (fact.area, fact.alias)
        case OrganisationRegistered() | OrganisationCorrected():
            yield ORGANISATIONS, (fact.organisation, fact.area, fact.name, fact.kind)
        case NameTaken():
            yield NAMES, (fact.area, fact.name, fact.organisation)
        case HouseholdRegistered() | HouseholdCorrected() | MemberChanged():
            yield from _household(fact)
        case _:
            pass
    yield from known.areas(recorded, fact, metadata)
    yield from directory.project(recorded, fact, metadata)
    yield from aliases.project(recorded, fact)


def _household(
    fact: HouseholdRegistered | HouseholdCorrected | MemberChanged,
) -> Iterator[tuple[Table, Row]]:
    """As it is from now on; who has left stays listed with the day."""
    kind = (fact.era, fact.register_type)
    said = (fact.persons, fact.registered_on, fact.synthetic)
    yield HOUSEHOLDS, (fact.household, fact.area, *kind, *said)
    match fact:
        case HouseholdRegistered():
            for member in fact.members:
                yield MEMBERS, (member, fact.household, fact.area, None)
        case MemberChanged():
            left_on = None if fact.person in fact.members else fact.changed_on
            yield MEMBERS, (fact.person, fact.household, fact.area, left_on)
        case HouseholdCorrected():
            return


class Found(NamedTuple):
    """How areas are looked for: by a code and a name that they bore at any time, or an alias."""

    code: str | None = None
    name: str | None = None


async def areas(
    pool: Pool, scope: UUID | None, found: Found, after: UUID | None, limit: int
) -> list[Record]:
    """Areas with their newest code and name, and their path today."""
    return await pool.fetch(_AREAS, scope, found.code, after, limit, found.name)


async def area_ids(pool: Pool, below: UUID) -> list[UUID]:
    """An area and all below it."""
    return [row["id"] for row in await pool.fetch(_AREA_IDS, below)]


async def organisations(
    pool: Pool, scope: UUID | None, name: str | None, after: UUID | None, limit: int
) -> list[Record]:
    """Organisations; `name`: those that go by it, as their name or an alias."""
    return await pool.fetch(_ORGANISATIONS, scope, name, after, limit)


async def systems(pool: Pool, scope: UUID | None, after: UUID | None, limit: int) -> list[Record]:
    """Systems of others; those of the whole installation stand in no area's list."""
    return await pool.fetch(_SYSTEMS, scope, after, limit)


async def other_households(
    pool: Pool, persons: Sequence[UUID], but: Sequence[UUID]
) -> dict[UUID, list[tuple[UUID, UUID]]]:
    """Household and village of each of these persons who is listed in another one than these."""
    found: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for row in await pool.fetch(_OTHERS, list(persons), list(but)):
        found.setdefault(row["person"], []).append((row["household"], row["area"]))
    return found


async def households_of(
    pool: Pool, persons: Sequence[UUID], on: date
) -> dict[UUID, list[tuple[UUID, UUID]]]:
    """Household and village of each of these persons as registered by a day, the first first."""
    found: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for row in await pool.fetch(_HOUSEHOLDS_OF, list(persons), on):
        found.setdefault(row["person"], []).append((row["household"], row["area"]))
    return found


_HOUSEHOLDS_OF = """
SELECT m.person, m.household, m.area FROM view.members m
  JOIN view.households h ON h.id = m.household
 WHERE m.person = ANY ($1::uuid[]) AND h.registered_on <= $2
   AND (m.left_on IS NULL OR m.left_on > $2)
 ORDER BY m.person, h.registered_on, m.household
"""
_OTHERS = """
SELECT person, household, area FROM view.members
 WHERE person = ANY ($1::uuid[]) AND household <> ALL ($2::uuid[]) AND left_on IS NULL
 ORDER BY person, household
"""
_AREA_IDS = known.below("$1")
_AREAS = f"""
SELECT a.id, newest.code, newest.name, a.level, {known.path_of("a.id")} AS path,
       newest.valid_from, e.ended_on
  FROM known.areas a
  LEFT JOIN known.area_ends e ON e.area = a.id
 CROSS JOIN LATERAL (SELECT code, name, valid_from FROM known.area_codes
                      WHERE area = a.id ORDER BY valid_from DESC LIMIT 1) newest
 WHERE ($1::uuid IS NULL OR a.id IN ({known.below("$1")}))
   AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM known.area_codes c
                                     WHERE c.area = a.id AND c.code = $2))
   AND ($5::text IS NULL OR EXISTS (SELECT 1 FROM view.area_names n
                                     WHERE n.area = a.id AND n.name = $5))
   AND ($3::uuid IS NULL OR a.id > $3)
 ORDER BY a.id LIMIT $4 + 1
"""  # noqa: S608 - constants only
_ORGANISATIONS = f"""
SELECT o.id, o.name, o.kind, o.area
  FROM view.organisations o
 WHERE ($1::uuid IS NULL OR o.area IN ({known.below("$1")}))
   AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM view.organisation_names n
                                     WHERE n.organisation = o.id AND n.name = $2))
   AND ($3::uuid IS NULL OR o.id > $3)
 ORDER BY o.id LIMIT $4 + 1
"""  # noqa: S608 - constants only
_SYSTEMS = f"""
SELECT s.id, s.code, s.organisation, s.unit, s.area
  FROM known.systems s
 WHERE ($1::uuid IS NULL OR s.area IN ({known.below("$1")}))
   AND ($2::uuid IS NULL OR s.id > $2)
 ORDER BY s.id LIMIT $3 + 1
"""  # noqa: S608 - constants only
