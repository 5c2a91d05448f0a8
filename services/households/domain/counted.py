"""What must be so in the log of households: 户 and 人 come from one source (dossier H2)."""

from __future__ import annotations

from libs.events.contracts.households import HouseholdRegistered
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Recorded


def members_are_the_persons(
    state: State, _: Recorded, fact: HouseholdRegistered
) -> tuple[State, Numbers | None]:
    """Where members are listed they are as many as the persons, and none stands twice."""
    listed = len(set(fact.members))
    if not fact.members or listed == len(fact.members) == fact.persons:
        return state, None
    numbers: Numbers = {"household": str(fact.household), "persons": fact.persons}
    return state, {**numbers, "members": len(fact.members), "different": listed}


INVARIANTS = (
    EventInvariant(
        "members_are_the_persons",
        "列出成员的农户：成员数等于人数",
        members_are_the_persons,
        (HouseholdRegistered,),
    ),
)
