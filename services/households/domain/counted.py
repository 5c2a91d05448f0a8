"""What must be so in the log of households: 户 and 人 come from one source (dossier H2)."""

from __future__ import annotations

from libs.events.contracts.households import HouseholdRegistered, MemberChanged
from libs.events.contracts.registers import HouseholdCorrected
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Recorded

Counting = HouseholdRegistered | MemberChanged | HouseholdCorrected


def members_are_the_persons(
    state: State, _: Recorded, fact: Counting
) -> tuple[State, Numbers | None]:
    """Where members are listed they are as many as the persons, and none stands twice; a correction
    lists none, so it says what the members before it do."""
    if isinstance(fact, HouseholdCorrected):
        listed = different = state.get("listed", fact.persons)
    else:
        listed, different = len(fact.members), len(set(fact.members))
        if not listed and isinstance(fact, HouseholdRegistered):
            return state, None
        state = {"listed": listed}
    if listed == different == fact.persons:
        return state, None
    numbers: Numbers = {"household": str(fact.household), "persons": fact.persons}
    return state, {**numbers, "members": listed, "different": different}


def _household(fact: Counting) -> str:
    return str(fact.household)


INVARIANTS = (
    EventInvariant(
        "members_are_the_persons",
        "列出成员的农户：成员数等于人数",
        members_are_the_persons,
        (HouseholdRegistered, MemberChanged, HouseholdCorrected),
        _household,
    ),
)
