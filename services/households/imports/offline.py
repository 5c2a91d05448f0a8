"""离线工作簿: what was written into it without signal becomes commands, field by field.

A row with a key is one who was a member when it was taken along: only fields that it changes go in,
and what somebody else changed meanwhile is a conflict that a person decides. A row without one is a
member who came. The same workbook may be sent again, whole: what was taken is unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from libs.chassis.imports.importer import Deed, Desk, Fault, Group, Importer, Plan, Taken
from libs.chassis.vault.unkept import unkept
from libs.events.field_changes import Change, Now, compare
from services.households.api import correction, member
from services.households.api.sealed import sealed_correction
from services.households.api.typed import EnterCorrection, EnteredChanges
from services.households.domain.household import registry
from services.households.domain.household_row import Member, household_id
from services.households.domain.member import ChangeMember, SplitHousehold
from services.households.domain.person import Held
from services.households.domain.tree import Area

from .doubts import doubted
from .offline_columns import COLUMNS, COMING, EMPTIED, MINE, TITLE, of_key, says, spelled
from .offline_conflicts import Disputed, told
from .offline_looked_up import LookedUp, Place, leaving, looked_up, within
from .offline_new import come

REASON = "离线工作簿"
Apart = tuple[UUID, str, date]
"""A household, the number of the one that is split from it, and the day."""


@dataclass(slots=True)
class Planned:
    """What becomes of rows, by their places."""

    deeds: list[Deed] = field(default_factory=list)
    unchanged: set[int] = field(default_factory=set)
    faults: dict[int, list[Fault]] = field(default_factory=dict)
    warnings: dict[int, list[Fault]] = field(default_factory=dict)
    apart: dict[Apart, list[Taken]] = field(default_factory=dict)


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    rows = [row for (row,) in groups]
    book = await looked_up(desk, rows)
    planned = Planned()
    for at, row in enumerate(rows):
        if row.get("key") is None:
            await _new(desk, book, planned, (at, row))
        else:
            await _known(desk, book, planned, (at, row))
    planned.deeds += [_split(apart, who) for apart, who in planned.apart.items()]
    if planned.faults or planned.unchanged:
        unchanged = frozenset(planned.unchanged)
        return Plan(unchanged=unchanged, faults=planned.faults, warnings=planned.warnings)
    return Plan(planned.deeds, warnings=planned.warnings)


async def _new(desk: Desk, book: LookedUp, planned: Planned, place: tuple[int, Taken]) -> None:
    at, row = place
    found = await come(desk, book, row)
    if found.faults:
        planned.faults[at] = list(found.faults)
    elif not found.deeds:
        planned.unchanged.add(at)
    planned.deeds += found.deeds
    planned.warnings[at] = [*doubted(row), *found.warnings]


async def _known(desk: Desk, book: LookedUp, planned: Planned, place: tuple[int, Taken]) -> None:
    at, row = place
    if wrong := list(_wrong(desk, book, row)):
        planned.faults[at] = wrong
        return
    who = of_key(row["key"])
    compared = compare(_base(book, who), _mine(book, row), _theirs(book, who))
    changes, adopted = list(compared.changes), row.get("taken")
    if adopted is None and compared.conflicts:
        planned.faults[at] = await told(desk, book, Disputed(who[1], compared.conflicts))
        return
    if adopted == MINE:
        changes += [Change(one.field, one.base, one.mine) for one in compared.conflicts]
    if not changes:
        planned.unchanged.add(at)
    for change in changes:
        await _change(desk, book, planned, row, change)


def _wrong(desk: Desk, book: LookedUp, row: Taken) -> Iterator[Fault]:
    """What no comparison would show."""
    place, change = of_key(row["key"]), row.get("change")
    if not within(desk, book.base.households[place[0]]) or not book.base.member(place):
        message, hint = "该行不是这份工作簿下载时的成员", "请重新下载，在新的工作簿中填写"
        yield Fault("unknown_row", message, hint, "household")
        return
    if change in COMING.values():
        hint = "新增的成员填在下面的空行"
        yield Fault("listed_already", "该行的成员已在册，不能再登记增加", hint, "change")
    if change is not None and row.get("changed_on") is None:
        yield Fault("missing", "变动日期为空", "补填后再导入", "changed_on")
    if change == "split_out" and row.get("number") is None:
        hint = "填新户的登记编号，同去的各行填同一编号"
        yield Fault("missing", "分出的户编号为空", hint, "number")
    if change == "split_out" and row.get("relation") is None:
        yield Fault("missing", "与户主关系为空", "填与新户主的关系，新户主填户主", "relation")


def _base(book: LookedUp, who: Place) -> dict[str, str | None]:
    relation, phone = book.base.relation(who), book.base.phones.get(who[1])
    return {"change": None, "relation": relation, "phone": phone}


def _theirs(book: LookedUp, who: Place) -> dict[str, Now]:
    return {
        "change": book.left(who),
        "relation": book.relation(who),
        "phone": book.phone(who[1]),
    }


def _mine(book: LookedUp, row: Taken) -> dict[str, str | None]:
    """What the row says. An empty cell says nothing, nor does one that is masked."""
    found: dict[str, str | None] = {}
    phone, relation, change = (row.get(name) for name in ("phone", "relation", "change"))
    if phone is not None and "*" not in phone:
        found["phone"] = None if phone == EMPTIED else spelled(phone)
    if change is not None:
        other = _other(book, row) if change == "split_out" else None
        found["change"] = leaving(change, row["changed_on"], other)
    elif relation is not None:
        found["relation"] = relation
    return found


def _other(book: LookedUp, row: Taken) -> UUID:
    """The household that is split off."""
    village = book.now.households[of_key(row["key"])[0]].area
    assert village is not None, "what was known when it was taken along is known"
    return household_id(registry(village, book.areas), row["number"])


async def _change(desk: Desk, book: LookedUp, planned: Planned, row: Taken, change: Change) -> None:
    household, person = of_key(row["key"])
    if change.field == "phone":
        planned.deeds.append(await _phone(desk, book, row, change))
    elif change.field == "change" and row["change"] == "split_out":
        apart = (household, row["number"], row["changed_on"])
        planned.apart.setdefault(apart, []).append(row)
    else:
        says_ = {"change": row.get("change") or "relation", "person": person}
        if change.field == "relation":
            says_["relation"] = change.mine
        on = row.get("changed_on") or desk.day
        command = ChangeMember.model_validate({**says_, "occurred_on": on})
        planned.deeds.append(Deed(member.CHANGE, command, household))


async def _phone(desk: Desk, book: LookedUp, row: Taken, change: Change) -> Deed:
    assert desk.vault is not None, "households has a vault"
    _, person = of_key(row["key"])
    known = book.now.people[person]
    typed = EnterCorrection(
        occurred_on=desk.day, reason=REASON, changes=EnteredChanges(phone=change.mine)
    )
    held = Held(person, known, book.areas.get(known.area or person, Area()))
    vault = desk.vault if desk.taking else unkept(desk.vault)
    command = await sealed_correction(vault, typed, held)
    assert command is not None, "it was compared: it differs"
    return Deed(correction.CORRECT_PERSON, command, person, key=f"{row.number}:phone")


def _split(apart: Apart, rows: Sequence[Taken]) -> Deed:
    """All who go to the same household at once."""
    household, number, on = apart
    members = [Member(person=of_key(row["key"])[1], relation=row["relation"]) for row in rows]
    command = SplitHousehold(occurred_on=on, key=number, members=tuple(members))
    return Deed(member.SPLIT, command, household)


OFFLINE = Importer(
    name="offline",
    title=f"离线工作簿（{TITLE}）",
    roles=("clerk",),
    columns=COLUMNS,
    plan=plan,
    unique=("key",),
    happened="changed_on",
    says=says,
)
