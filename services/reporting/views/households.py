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
    AreaSplit,
    HouseholdFlagged,
    HouseholdRegistered,
    MemberChanged,
    OrganisationRegistered,
    PopulationCounted,
)
from libs.events.contracts.registers import (
    AreaCorrected,
    HouseholdCorrected,
    OrganisationCorrected,
    PopulationCorrected,
)
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from .tables import (
    ANEW,
    AREA_ENDS,
    AREA_PATHS,
    AREAS,
    HOUSEHOLDS,
    ORGANISATIONS,
    POPULATIONS,
    TAKEN_BACK,
    Origin,
    before,
    signed,
)

SOURCE = "households"
OF = (
    *(*known.AREAS_OF, OrganisationRegistered),
    *(PopulationCounted, HouseholdRegistered, HouseholdFlagged),
    *(OrganisationCorrected, PopulationCorrected, HouseholdCorrected, MemberChanged),
    *directory.OF,
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    origin = Origin(SOURCE, recorded, metadata)
    yield from known.areas(recorded, fact, metadata)
    match fact:
        case AreaRegistered():
            dated = (fact.code, fact.name, fact.level, fact.valid_from)
            yield AREAS, origin.row(0, fact.area, fact.path, *dated)
        case AreaCodeChanged() | AreaCorrected():
            yield AREAS, origin.row(0, fact.area, None, fact.code, fact.name, None, fact.valid_from)
        case AreaMoved() | AreaFollowed() | AreaMerged():
            yield AREA_PATHS, origin.row(0, fact.area, fact.valid_from, fact.path)
            if isinstance(fact, AreaMerged):
                yield AREA_ENDS, origin.row(0, fact.area, fact.valid_from, (fact.successor,))
        case AreaSplit(ends=True):
            yield AREA_ENDS, origin.row(0, fact.area, fact.valid_from, fact.successors)
        case OrganisationRegistered() | OrganisationCorrected():
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
        case MemberChanged():
            kinds = (fact.era, fact.register_type, fact.synthetic, None, None)
            registered = (kind, "registered", fact.household, fact.area)
            yield HOUSEHOLDS, origin.row(0, *registered, *kinds, 0, _more(fact))
        case PopulationCorrected():
            yield from _recounted(origin, fact)
        case HouseholdCorrected():
            yield from _registered_anew(origin, fact)
        case HouseholdFlagged():
            for nth, risk in enumerate(fact.risks):
                clue = (None, None, None, risk, fact.source, 0, 0)
                flagged = (kind, "flagged", fact.household, fact.area, *clue)
                yield HOUSEHOLDS, origin.row(nth, *flagged)
        case _:
            return


def _more(fact: MemberChanged) -> int:
    """How many persons more."""
    match fact.change:
        case "relation":
            return 0
        case "death" | "marriage_out" | "move_out" | "split_out":
            return -1
        case "birth" | "marriage_in" | "move_in" | "split_in":
            return 1


def _recounted(origin: Origin, fact: PopulationCorrected) -> Iterator[tuple[Table, Row]]:
    """What was counted is taken back, then counted as it should have been: sums follow, and what
    was known before stays (tables.TAKEN_BACK)."""
    whose = (origin.recorded.type, fact.population, "summary", fact.area, fact.project)
    was = before(fact)
    for n, sign, told in ((TAKEN_BACK, -1, was), (ANEW, 1, {})):
        households = told.get("households", fact.households)
        persons = told.get("persons", fact.persons)
        counts = (signed(sign, households), signed(sign, persons), fact.counted_on)
        yield POPULATIONS, origin.row(n, *whose, *counts, told.get("quote", fact.quote))


def _registered_anew(origin: Origin, fact: HouseholdCorrected) -> Iterator[tuple[Table, Row]]:
    """As a count: the household as it was registered is taken back."""
    registered = (origin.recorded.type, "registered", fact.household, fact.area)
    was = before(fact)
    for n, sign, told in ((TAKEN_BACK, -1, was), (ANEW, 1, {})):
        words = ("era", "register_type", "synthetic")
        kind = (told.get(word, getattr(fact, word)) for word in words)
        persons = signed(sign, told.get("persons", fact.persons))
        yield HOUSEHOLDS, origin.row(n, *registered, *kind, None, None, sign, persons)
