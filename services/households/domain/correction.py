"""What of the registers of households can be corrected 更正, and what is done instead of the rest.

Where a thing lies, and what gave it its id, is never corrected: areas are reformed 区划调整, people
and households move. Persons: person_correction.py.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from libs.events.contracts.households import Era
from libs.events.contracts.registers import (
    AreaCorrected,
    HouseholdCorrected,
    OrganisationCorrected,
    PopulationCorrected,
)
from libs.events.correction import (
    Changes,
    Correct,
    Correctable,
    barred,
    body_of,
    corrected,
    days_of,
    why,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Day, Event

from .area import AreaName, Changing, Code, code_taken, registered, require_free
from .household import Flagging, Household, HouseholdNotRegistered
from .organisation import Addition, Organisation, OrganisationName, marks
from .organisation import registered as organisation_registered
from .organisation import require_free as require_free_name
from .population import Population
from .tree import Area

OTHER_AREA = "编号与账目以此为准；农户搬迁另有登记，错登的请在正确的区域另行登记"
REFORM = "请按区划调整办理：改属、合并、拆分"
Count = Annotated[int, Field(ge=0, le=10**10)]
Quote = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class HouseholdChanges(Changes):
    """更正农户的哪几项。"""

    era: Era | SkipJsonSchema[None] = None
    register_type: (
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | SkipJsonSchema[None]
    ) = None
    persons: Annotated[int, Field(ge=0, le=100)] | SkipJsonSchema[None] = None
    registered_on: Day | SkipJsonSchema[None] = None
    synthetic: bool | SkipJsonSchema[None] = None
    area: UUID | SkipJsonSchema[None] = barred(OTHER_AREA)


class CorrectHousehold(Correct):
    """更正农户登记。列有成员的，人数随成员名单，不单独更正。"""

    changes: HouseholdChanges


class PopulationChanges(Changes):
    """更正汇总级人数的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"households", "persons", "quote"})

    households: Count | None = None
    persons: Count | None = None
    quote: Quote | None = None
    area: UUID | SkipJsonSchema[None] = barred(OTHER_AREA)
    population: str | SkipJsonSchema[None] = barred("人群决定编号；请另行登记")


class CorrectPopulation(Correct):
    """更正汇总级人数。户数与人数至少留一项。"""

    changes: PopulationChanges


class OrganisationChanges(Changes):
    """更正单位的哪几项。"""

    name: OrganisationName | SkipJsonSchema[None] = None
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | SkipJsonSchema[None] = None
    area: UUID | SkipJsonSchema[None] = barred(OTHER_AREA)


class CorrectOrganisation(Correct):
    """更正单位的名称或类别；错登的名称留作别名。"""

    changes: OrganisationChanges


class AreaChanges(Changes):
    """更正区域现行的代码或名称。"""

    code: Code | SkipJsonSchema[None] = None
    name: AreaName | SkipJsonSchema[None] = None
    parent: UUID | SkipJsonSchema[None] = barred(REFORM)
    level: str | SkipJsonSchema[None] = barred(REFORM)
    valid_from: Day | SkipJsonSchema[None] = barred("启用日决定编号；请登记代码变更")


class CorrectArea(Correct):
    """更正区域现行的代码或名称，自原启用日起。区划确有变化的，登记代码变更或区划调整。"""

    changes: AreaChanges


class MembersAreThePersons(Refused):
    """人数随成员名单：该户列有成员 {listed} 人，不能单独更正为 {persons} 人。"""


class NothingCounted(Refused):
    """户数与人数至少留一项：{population}。"""


class Counted(NamedTuple):
    """A count and its area."""

    id: UUID
    known: Population
    area: Area


def _household(one: Household) -> dict[str, Any]:
    return {
        "era": one.era,
        "register_type": one.register_type,
        "persons": one.persons,
        "registered_on": None if one.registered_on is None else one.registered_on.isoformat(),
        "synthetic": one.synthetic,
    }


def _population(one: Population) -> dict[str, Any]:
    return {"households": one.households, "persons": one.persons, "quote": one.quote}


def _organisation(one: Organisation) -> dict[str, Any]:
    return {"name": one.name, "kind": one.kind}


def _area(one: Area) -> dict[str, Any]:
    return {"code": one.newest.code, "name": one.newest.name}


HOUSEHOLD = Correctable(_household)
POPULATION = Correctable(_population)
ORGANISATION = Correctable(_organisation)
AREA = Correctable(_area)


def correct_household(state: Flagging, command: CorrectHousehold, facts: Facts) -> Decision:
    """H2: 户 and 人 come from one source, so listed members say how many persons there are."""
    known = state.household
    if known.area is None:
        raise HouseholdNotRegistered()
    changes = HOUSEHOLD.changes(known, command, command.changes)
    now = corrected(_household(known), changes)
    if known.listed and now["persons"] != known.listed:
        raise MembersAreThePersons(listed=known.listed, persons=now["persons"])
    event = HouseholdCorrected(
        **why(known.area, command, changes),
        household=state.id,
        **{**now, "registered_on": date.fromisoformat(now["registered_on"])},
    )
    body, days = body_of(state.id, changes), days_of(command, facts)
    return Decision({state.id: (event,)}, body, command.document, days=days)


def correct_population(state: Counted, command: CorrectPopulation, facts: Facts) -> Decision:
    known = state.known
    assert known.area is not None, "a count in the path is there, or 404"
    assert known.counted_on is not None, "a count has its day"
    changes = POPULATION.changes(known, command, command.changes)
    now = corrected(_population(known), changes)
    if now["households"] is None and now["persons"] is None:
        raise NothingCounted(population=known.population)
    event = PopulationCorrected(
        **why(known.area, command, changes),
        population=known.population,
        counted_on=known.counted_on,
        project=known.project,
        **now,
    )
    body, days = body_of(state.id, changes), days_of(command, facts)
    return Decision({state.id: (event,)}, body, command.document, days=days)


def correct_organisation(state: Addition, command: CorrectOrganisation, _: Facts) -> Decision:
    """One name names one organisation within an area, also when it is corrected."""
    id_, area = organisation_registered(state.known)
    changes = ORGANISATION.changes(state.known, command, command.changes)
    now = corrected(_organisation(state.known), changes)
    if state.taken.organisation != id_ and now["name"] != state.known.name:
        require_free_name(now["name"], state.taken)
    event = OrganisationCorrected(**why(area, command, changes), organisation=id_, **now)
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,)}
    if now["name"] != state.known.name and state.taken.organisation is None:
        events |= dict(marks(area, id_, (now["name"],)))
    return Decision(events, body_of(id_, changes), command.document)


def correct_area(state: Changing, command: CorrectArea, _: Facts) -> Decision:
    """The id stays; a code names one area at a time, also when it is corrected."""
    known = state.known
    id_ = registered(known)
    changes = AREA.changes(known, command, command.changes)
    now = corrected(_area(known), changes)
    since = known.newest.valid_from
    others = [bearer for bearer in state.bearers if bearer.id != id_]
    require_free(others, now["code"], since)
    event = AreaCorrected(**why(id_, command, changes), valid_from=since, **now)
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,)}
    if now["code"] != known.newest.code:
        events |= code_taken(id_, now["code"], since)
    return Decision(events, body_of(id_, changes), command.document)
