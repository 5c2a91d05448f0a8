"""What the rows of an offline workbook are compared with: their households and people as they were
when it was taken along, as they are now, and what happened in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from libs.chassis.imports.importer import Desk, Taken
from libs.chassis.vault.vault import Line
from libs.events.contracts.households import MemberChanged
from libs.events.contracts.registers import PersonCorrected
from libs.events.field_changes import Now
from libs.events.known import below
from libs.events.past import Later, later, states_at
from services.households.api.admission import areas_of
from services.households.domain.household import Household, households
from services.households.domain.person import Person, persons
from services.households.domain.tree import Area

from .offline_columns import of_key, short, spelled

Place = tuple[UUID, UUID]
"""A household and one who is a member of it."""


class Moment(NamedTuple):
    """Households and people at one time, and the phones of those whose rows say one."""

    households: Mapping[UUID, Household]
    people: Mapping[UUID, Person]
    phones: Mapping[UUID, str | None]

    def relation(self, place: Place) -> str | None:
        household, person = place
        return dict(self.households[household].related).get(person)

    def member(self, place: Place) -> bool:
        household, person = place
        return person in self.households[household].members


class LookedUp(NamedTuple):
    """`base`: when it was taken along. `by_short`: households by what new rows call them, None
    where two are called so."""

    base: Moment
    now: Moment
    later: Mapping[UUID, Sequence[Later]]
    by_short: Mapping[str, UUID | None]
    areas: Mapping[UUID, Area]

    def left(self, place: Place) -> Now:
        """That the member is no more one, and how."""
        if self.now.member(place):
            return Now(None)
        for one in reversed(self._changes(place)):
            if isinstance(one.fact, MemberChanged) and one.fact.relation is None:
                fact = one.fact
                return Now(leaving(fact.change, fact.changed_on, fact.other), one.by.id, one.at)
        return Now(None)

    def relation(self, place: Place) -> Now:
        value = self.now.relation(place)
        changes = self._changes(place)
        return Now(value, changes[-1].by.id, changes[-1].at) if changes else Now(value)

    def phone(self, person: UUID) -> Now:
        value = self.now.phones.get(person)
        told = self.phone_changed(person)
        return Now(value) if told is None else Now(value, told.by.id, told.at)

    def phone_changed(self, person: UUID) -> Later | None:
        """The last time since."""
        for one in reversed(self.later[person]):
            changes = one.fact.changes if isinstance(one.fact, PersonCorrected) else ()
            if any(change.field == "phone" for change in changes):
                return one
        return None

    def _changes(self, place: Place) -> list[Later]:
        household, person = place
        return [
            one
            for one in self.later[household]
            if isinstance(one.fact, MemberChanged) and one.fact.person == person
        ]


def leaving(change: object, on: object, other: object) -> str:
    """How somebody left, as it is compared."""
    return f"{change} {on} {other or ''}".strip()


async def looked_up(desk: Desk, rows: Sequence[Taken]) -> LookedUp:
    """What concerns these rows. Phones are opened of members within the area alone."""
    places = [of_key(row["key"]) for row in rows if row.get("key") is not None]
    by_short = await _by_short(desk, {row["household"] for row in rows if row.get("key") is None})
    homes = [*dict.fromkeys([home for home, _ in places]), *_found(by_short)]
    people = list(dict.fromkeys(person for _, person in places))
    position = int(desk.settings["base"])
    then = await states_at(desk.log, households, homes, position)
    now = dict(zip(homes, await desk.streams.load_many(households, homes), strict=True))
    villages = {one.area for one in now.values() if one.area is not None}
    areas = await areas_of(desk.streams, villages)
    above = {area for one in areas.values() for area in one.founded}
    typed = [of_key(row["key"]) for row in rows if row.get("key") and row.get("phone")]
    wanted = [who for home, who in typed if within(desk, then[home]) and who in then[home].members]
    people_then = await states_at(desk.log, persons, people, position)
    people_now = dict(zip(people, await desk.streams.load_many(persons, people), strict=True))
    phones = await _phones(desk, wanted, people_then, people_now)
    return LookedUp(
        Moment(then, people_then, phones[0]),
        Moment(now, people_now, phones[1]),
        await later(desk.log, [*homes, *people], position),
        by_short,
        {**areas, **await areas_of(desk.streams, above - areas.keys())},
    )


def within(desk: Desk, household: Household) -> bool:
    """Whether it lies in the area of the import."""
    return household.area in set(desk.places.by_code.values())


async def _phones(
    desk: Desk, wanted: Sequence[UUID], then: Mapping[UUID, Person], now: Mapping[UUID, Person]
) -> tuple[dict[UUID, str | None], dict[UUID, str | None]]:
    """As they were and as they are; of who was erased there is none."""
    assert desk.vault is not None, "households has a vault"
    there = [who for who in wanted if not now[who].erased]
    lines = [
        (at, Line(who, "phone", text))
        for at, people in enumerate((then, now))
        for who in there
        if (text := people[who].phone) is not None
    ]
    texts = await desk.vault.open([line for _, line in lines])
    found: tuple[dict[UUID, str | None], dict[UUID, str | None]] = ({}, {})
    for (at, line), text in zip(lines, texts, strict=True):
        found[at][line.subject] = spelled(text)
    return found


def _found(by_short: Mapping[str, UUID | None]) -> list[UUID]:
    return [id_ for id_ in by_short.values() if id_ is not None]


async def _by_short(desk: Desk, wanted: set[str]) -> dict[str, UUID | None]:
    """Households of the area by the end of their ids."""
    found: dict[str, UUID | None] = {}
    for row in await desk.log.pool.fetch(_SHORT, desk.area, [one[2:] for one in wanted]):
        name = short(row["id"])
        found[name] = None if name in found else row["id"]
    return found


_SHORT = f"""
SELECT h.id FROM view.households h
 WHERE h.area IN ({below("$1")}) AND right(h.id::text, 8) = ANY ($2::text[])
"""  # noqa: S608 - constants of the code
