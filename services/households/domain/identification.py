"""Who a row of a roster means 核对: decided on opaque ids and on whether texts agree, never on the
texts themselves, which the route compares and forgets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from pydantic import Field

from libs.events.contracts.persons import PersonsIdentified
from libs.events.decider import Decision, Facts
from libs.events.types import Command, stream_id

from .disclosure import MOST_ASKED, Purpose, Sought, is_ours
from .person import Person

AccountOf = Literal["person", "former", "household", "other", "unknown"]
"""Whose account it is: the person's of today, one that was the person's, of the same household,
somebody else's of the area, or nobody's there."""


class RecordIdentification(Command):
    """核对花名册人员: 只含已找到的编号, 由谁代谁核对。"""

    area: UUID
    asked: int
    purpose: Purpose
    behalf: str
    found: tuple[UUID | None, ...] = Field(max_length=MOST_ASKED)


def record(state: Sought, command: RecordIdentification, _: Facts) -> Decision:
    """Whom each row means; of who lies outside the area nothing is told, nor kept."""
    area, day = command.area, command.occurred_on
    rows = [
        id_ if id_ is not None and is_ours(state, area, id_, day) else None for id_ in command.found
    ]
    event = PersonsIdentified(
        area=area,
        asked=command.asked,
        persons=tuple(sorted({id_ for id_ in rows if id_ is not None})),
        purpose=command.purpose,
        behalf=command.behalf,
    )
    stream = stream_id("identifications", str(area), str(area), day.isoformat())
    told = [None if id_ is None else str(id_) for id_ in rows]
    return Decision({stream: (event,)}, {"found": told})


@dataclass(frozen=True, slots=True)
class Meant:
    """What is known about one row. `name`, `names`: as registered and as typed, in one spelling;
    `account`: the id of the account that was typed, and `holders` who holds it, of the area."""

    id: UUID
    person: Person
    named_so: bool
    households: Sequence[tuple[UUID, UUID]] = ()
    account: UUID | None = None
    holders: Collection[UUID] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Identified:
    """What may be told of it."""

    person: UUID
    village: UUID | None
    household: UUID | None
    listed_twice: bool
    name_agrees: bool
    account: UUID | None
    account_of: AccountOf


def identified(meant: Meant, kin: Mapping[UUID, Collection[UUID]]) -> Identified:
    """`kin`: the households in which each person is listed."""
    whose = account_of(meant, kin)
    first = meant.households[0][0] if meant.households else None
    return Identified(
        person=meant.id,
        village=meant.person.area,
        household=first,
        listed_twice=len(meant.households) > 1,
        name_agrees=meant.named_so,
        account=None if whose == "unknown" else meant.account,
        account_of=whose,
    )


def account_of(meant: Meant, kin: Mapping[UUID, Collection[UUID]]) -> AccountOf:
    """An account that only people elsewhere hold is nobody's: the answer is of one area."""
    held = [one.id for one in meant.person.accounts]
    if meant.account is None or not (meant.account in held or meant.holders):
        return "unknown"
    if meant.account in held:
        return "person" if meant.account == held[-1] else "former"
    own = {household for household, _ in meant.households}
    if any(own & set(kin.get(holder, ())) for holder in meant.holders):
        return "household"
    return "other"
