"""Rows from the log of households: areas, organisations, populations, households and flags."""

from __future__ import annotations

from collections.abc import Iterator

from libs.events import directory, known
from libs.events.contracts.households import (
    AreaCodeChanged,
    AreaFollowed,
    AreaMerged,
    AreaMoved,
    AreaRegistered,
    HouseholdFlagged,
    HouseholdRegistered,
    OrganisationRegistered,
    PopulationCounted,
)
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from .tables import AREA_PATHS, AREAS, HOUSEHOLDS, ORGANISATIONS, POPULATIONS, Origin

SOURCE = "households"
OF = (
    *(*known.AREAS_OF, OrganisationRegistered),
    *(PopulationCounted, HouseholdRegistered, HouseholdFlagged),
    *directory.OF,
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    origin = Origin(SOURCE, recorded, metadata)
    yield from known.areas(recorded, fact, metadata)
    match fact:
        case AreaRegistered():
            dated = (fact.code, fact.name, fact.level, fact.valid_from)
            yield AREAS, origin.row(0, fact.area, fact.path, *dated)
        case AreaCodeChanged():
            yield AREAS, origin.row(0, fact.area, None, fact.code, fact.name, None, fact.valid_from)
        case AreaMoved() | AreaFollowed() | AreaMerged():
            yield AREA_PATHS, origin.row(0, fact.area, fact.valid_from, fact.path)
        case OrganisationRegistered():
            yield ORGANISATIONS, origin.row(0, fact.organisation, fact.area, fact.name, fact.kind)
        case _:
            yield from _counted(origin, fact)
            yield from directory.project(recorded, fact, metadata)


def _counted(origin: Origin, fact: Event) -> Iterator[tuple[Table, Row]]:
    kind = origin.recorded.type
    match fact:
        case PopulationCounted():
            counts = (fact.households, fact.persons, fact.counted_on, fact.quote)
            whose = (kind, fact.population, "summary", fact.area, fact.project)
            yield POPULATIONS, origin.row(0, *whose, *counts)
        case HouseholdRegistered():
            listed = (fact.era, fact.register_type, fact.synthetic, None, None, 1, fact.persons)
            registered = (kind, "registered", fact.household, fact.area)
            yield HOUSEHOLDS, origin.row(0, *registered, *listed)
        case HouseholdFlagged():
            for nth, risk in enumerate(fact.risks):
                clue = (None, None, None, risk, fact.source, 0, 0)
                flagged = (kind, "flagged", fact.household, fact.area, *clue)
                yield HOUSEHOLDS, origin.row(nth, *flagged)
        case _:
            return
