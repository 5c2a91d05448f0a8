"""A household 农户: registered from a list by opaque registry number, flagged when at risk.

No name, identity number, phone or account enters here, nor a hash of one (design 9): a key is a
registry's own number, and ids are made from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import (
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from libs.events.contracts.households import (
    Era,
    HouseholdFlagged,
    HouseholdRegistered,
    MemberChanged,
    RiskType,
)
from libs.events.contracts.registers import HouseholdCorrected
from libs.events.decider import Decision, Facts, Fold, lasting
from libs.events.errors import Refused
from libs.events.illness import names_illness
from libs.events.types import Command, Event

from .household_row import HouseholdRow
from .tree import Area

LARGEST_LIST = 1_000
SMALLER = frozenset(("township", "village", "group"))
"""Levels below the county."""


class RegisterHouseholds(Command):
    """登记一批农户, 1 至 1,000 户, 全部成功或全部不登记；各户须在 `area` 之内。"""

    area: UUID = Field(description="这批农户共同所在的县、乡镇或村")
    households: tuple[HouseholdRow, ...] = Field(min_length=1, max_length=LARGEST_LIST)

    @model_validator(mode="after")
    def _one_key_a_row(self) -> Self:
        if self.external_ref is not None:
            raise ValueError("成批登记不用 external_ref: 每户的 key 就是来源编号")
        key, times = Counter(row.key for row in self.households).most_common(1)[0]
        if times > 1:
            raise ValueError(f"编号 {key} 在本批中出现 {times} 次")
        return self


class FlagHousehold(Command):
    """登记监测线索。线索只写规则或名单, 不写个人情况。"""

    risks: tuple[RiskType, ...] = Field(min_length=1, max_length=7)
    source: Literal["self_reported", "survey", "department"]
    clue: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = (
        Field(examples=["医保大额自付名单 2021-06"])
    )

    @field_validator("clue")
    @classmethod
    def _no_illness(cls, clue: str) -> str:
        if names_illness(clue):
            raise ValueError("线索不得写病名")
        return clue

    @model_validator(mode="after")
    def _each_risk_once(self) -> Self:
        if len(set(self.risks)) < len(self.risks):
            raise ValueError("风险类型重复")
        return self


class ListFacts(Facts, frozen=True, kw_only=True):
    """`today`: the day on whose areas the scope of the list holds."""

    today: date = date.max


class HouseholdAlreadyRegistered(Refused):
    """农户已经登记：第 {row} 行编号 {key} 已在册，本批共 {count} 户重复，均未登记。"""


class HouseholdOutsideArea(Refused):
    """农户不在本批区域之内：第 {row} 行编号 {key} 的村 {village} 未登记或不属于 {area}。"""


class HouseholdNotRegistered(Refused):
    """农户未登记。"""


@dataclass(frozen=True, slots=True)
class Household:
    """What the household's stream says; of its flags only the number and the last day. `related`:
    to the head, of the members of whom it was told."""

    area: UUID | None = None
    era: Era = "standing"
    register_type: str = ""
    persons: int = 0
    members: tuple[UUID, ...] = ()
    related: tuple[tuple[UUID, str], ...] = ()
    split_from: UUID | None = None
    registered_on: date | None = None
    synthetic: bool = False
    listed: int = 0
    flags: int = 0
    risks: tuple[RiskType, ...] = ()
    flagged_on: date | None = None


class Listed(NamedTuple):
    """The common area; the villages of the rows and their ancestors; each row's household as it
    stands."""

    area: Area
    areas: Mapping[UUID, Area]
    known: list[Household]


class Flagging(NamedTuple):
    id: UUID
    household: Household
    area: Area


def register(state: Listed, command: RegisterHouseholds, learned: ListFacts) -> Decision:
    """All or nothing; a household is registered once, wherever its list comes from."""
    _require_inside(state.areas, command, learned.today)
    _require_new(state.known, command)
    facts = [_registered(row, registry(row.area, state.areas)) for row in command.households]
    events: dict[UUID, tuple[Event, ...]] = {fact.household: (fact,) for fact in facts}
    keyed = zip(command.households, facts, strict=True)
    ids = {row.key: str(fact.household) for row, fact in keyed}
    return Decision(events, {"count": len(events), "ids": ids})


def registry(village: UUID, areas: Mapping[UUID, Area]) -> UUID:
    """Within what a register number is given once: the village's county as it was registered, or
    what stands for one (its lowest ancestor above the townships, else its top). Villages and
    counties move and merge, numbers stay."""
    path = areas[village].founded or (village,)
    wide = [area for area in path if area in areas and areas[area].level not in SMALLER]
    return wide[-1] if wide else path[0]


def _require_inside(
    villages: Mapping[UUID, Area], command: RegisterHouseholds, today: date
) -> None:
    for number, row in enumerate(command.households, 1):
        village = villages[row.area]
        if command.area not in village.path_on(today):
            raise HouseholdOutsideArea(
                row=number, key=row.key, village=str(row.area), area=str(command.area)
            )
        if village.ended_on is not None:
            lasting(row.area, village.ended_on, command.counted_on)


def _require_new(known: list[Household], command: RegisterHouseholds) -> None:
    taken = [number for number, one in enumerate(known, 1) if one.area is not None]
    if taken:
        first = taken[0]
        key = command.households[first - 1].key
        raise HouseholdAlreadyRegistered(row=first, key=key, count=len(taken))


def _registered(row: HouseholdRow, within: UUID) -> HouseholdRegistered:
    return HouseholdRegistered(
        household=row.household(within),
        area=row.area,
        era=row.era,
        register_type=row.register_type,
        persons=row.persons,
        members=row.persons_listed(within),
        registered_on=row.registered_on,
        synthetic=row.synthetic,
        relations=tuple(one.relation for one in row.listed),
        income=None if row.income is None else row.income.read(),
    )


def flag(state: Flagging, command: FlagHousehold, _: Facts) -> Decision:
    if state.household.area is None:
        raise HouseholdNotRegistered()
    event = HouseholdFlagged(
        household=state.id,
        area=state.household.area,
        risks=command.risks,
        source=command.source,
        clue=command.clue,
        flagged_on=command.occurred_on,
    )
    return Decision({state.id: (event,)}, {"id": str(state.id)})


def evolve(state: Household, event: Event) -> Household:
    match event:
        case HouseholdRegistered():
            return Household(
                area=event.area,
                era=event.era,
                register_type=event.register_type,
                persons=event.persons,
                members=event.members,
                related=tuple(zip(event.members, event.relations, strict=False)),
                split_from=event.split_from,
                registered_on=event.registered_on,
                synthetic=event.synthetic,
                listed=len(event.members),
            )
        case MemberChanged():
            others = tuple(pair for pair in state.related if pair[0] != event.person)
            told = () if event.relation is None else ((event.person, event.relation),)
            now = replace(state, members=event.members, persons=event.persons)
            return replace(now, related=(*others, *told), listed=len(event.members))
        case HouseholdCorrected():
            said = replace(state, era=event.era, register_type=event.register_type)
            said = replace(said, persons=event.persons, registered_on=event.registered_on)
            return replace(said, synthetic=event.synthetic)
        case HouseholdFlagged():
            return replace(
                state,
                flags=state.flags + 1,
                risks=tuple(sorted({*state.risks, *event.risks})),
                flagged_on=event.flagged_on,
            )
        case _:
            return state


households: Fold[Household] = Fold("household", Household(), evolve)
