"""What a roster says otherwise than the register does: told by the titles of columns, never by a
text, and not taken in silence. A household that is there already is changed by corrections alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from libs.chassis.imports.importer import Desk, Fault, Group, Taken, otherwise
from libs.chassis.vault.spelling import Kind, name, number
from libs.chassis.vault.vault import Line
from libs.events.contracts.persons import PersonField
from services.households.domain.household import Household
from services.households.domain.household_row import HouseholdRow
from services.households.domain.person import persons

from .doubts import WARN

TITLES: Mapping[PersonField, str] = {"name": "姓名", "phone": "电话", "account": "银行账号"}
Texts = Mapping[tuple[UUID, str], str]


class Compared(NamedTuple):
    """By place in the sequence of groups: households as they are in the register, those that the
    sheet says otherwise, and what it says otherwise of the people of new ones."""

    unchanged: frozenset[int]
    faults: Mapping[int, list[Fault]]
    doubts: Mapping[int, list[Fault]]


async def compared(
    desk: Desk,
    groups: Sequence[Group],
    wanted: Sequence[HouseholdRow],
    known: Sequence[Household],
) -> Compared:
    told = await _told(desk, [one.person for row in wanted for one in row.listed])
    unchanged, faults, doubts = set(), {}, {}
    for at, (rows, row, was) in enumerate(zip(groups, wanted, known, strict=True)):
        people = dict.fromkeys(_people(rows, row, told))
        if was.area is None:
            if people:
                doubts[at] = [_kept(list(people))]
        elif differing := [*_household(row, was), *people]:
            faults[at] = [otherwise(differing)]
        else:
            unchanged.add(at)
    return Compared(frozenset(unchanged), faults, doubts)


def _household(wanted: HouseholdRow, known: Household) -> list[str]:
    related = {one.person: one.relation for one in wanted.listed}
    members = set(related) == set(known.members)
    pairs = (
        ("村编码", wanted.area == known.area),
        ("成员", members),
        ("与户主关系", not members or not known.related or related == dict(known.related)),
        ("户类型", wanted.register_type == known.register_type),
        ("登记日期", wanted.registered_on == known.registered_on),
    )
    return [title for title, same in pairs if not same]


def _people(rows: Group, wanted: HouseholdRow, told: Texts) -> list[str]:
    found = []
    for row, one in zip(rows, wanted.listed, strict=True):
        for field, title in TITLES.items():
            known = told.get((one.person, field))
            if known is not None and _spelled(field, row) not in (None, _plain(field, known)):
                found.append(title)
    return found


def _spelled(field: str, row: Taken) -> str | None:
    text = row.get(field)
    return None if text is None else _plain(field, text)


def _plain(field: str, text: str) -> str:
    kinds = {"phone": Kind.PHONE, "account": Kind.ACCOUNT}
    return name(text) if field == "name" else number(kinds[field], text)


async def _told(desk: Desk, ids: Sequence[UUID]) -> Texts:
    """What the register says of those people who are in it, in the area of the import."""
    assert desk.vault is not None, "households has a vault"
    here = set(desk.places.by_code.values())
    known = zip(ids, await desk.streams.load_many(persons, ids), strict=True)
    lines = [
        Line(id_, field, text)
        for id_, person in known
        if person.area in here and not person.erased
        for field in TITLES
        if (text := person.sealed(field)) is not None
    ]
    texts = await desk.vault.open(lines)
    return {(line.subject, line.field): text for line, text in zip(lines, texts, strict=True)}


def _kept(titles: Sequence[str]) -> Fault:
    message = f"有成员已在册，{'、'.join(titles)}与册上不同，册上内容未改"
    return Fault("person_otherwise", message, "核对后登记更正或账户变更", severity=WARN)
