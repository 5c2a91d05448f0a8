"""农户花名册: a household's members as neighbouring rows; people are sealed as they enter (i1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from uuid import UUID

from libs.chassis.imports.importer import (
    Asked,
    Deed,
    Desk,
    Fault,
    Group,
    Importer,
    Plan,
    Taken,
)
from libs.chassis.vault.unkept import unkept
from libs.events import tasks
from libs.events.contracts.households import Era
from libs.events.tasks import OpenTask
from libs.events.types import stream_id
from services.households.api import household, person
from services.households.api.admission import areas_of
from services.households.api.sealed import sealed_persons
from services.households.api.typed import EnteredAccount, EnteredPerson, EnterPersons
from services.households.domain.household import (
    RegisterHouseholds,
    households,
    registry,
)
from services.households.domain.household_row import HEAD, HouseholdRow, Member
from services.households.domain.person import RegisterPersons
from services.households.domain.tree import Area
from services.households.views.register import other_households

from .doubts import ELSEWHERE, doubted, tasks_of
from .otherwise import compared
from .roster_columns import COLUMNS, SYNTHETIC


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    """Persons first, then their households; who is listed elsewhere too is a task of both areas."""
    villages = {rows[0]["village"] for rows in groups}
    areas = await areas_of(desk.streams, {desk.area, *villages})
    typed = "register_type" in desk.settings
    faults = {
        at: found for at, rows in enumerate(groups) if (found := list(_wrong(rows, typed=typed)))
    }
    if faults:
        return Plan(faults=faults)
    entered = await _persons(desk, groups, areas)
    ids = iter([row.person for row in entered.persons])
    wanted = [_household(rows, [next(ids) for _ in rows], desk.settings) for rows in groups]
    places = [one.household(registry(one.area, areas)) for one in wanted]
    known = await desk.streams.load_many(households, places)
    seen = await compared(desk, groups, wanted, known)
    if seen.unchanged or seen.faults:
        return Plan(unchanged=seen.unchanged, faults=seen.faults)
    twice = await _twice(desk, wanted, places)
    command = RegisterHouseholds(occurred_on=desk.day, area=desk.area, households=tuple(wanted))
    key = f"persons:{groups[0][0].number}-{groups[-1][-1].number}"
    deeds = [Deed(person.REGISTER, entered, key=key), Deed(household.REGISTER, command)]
    deeds += [Deed(tasks.OPEN, task) for _, tasks_ in twice for task in tasks_]
    warnings = {at: [ELSEWHERE] for at, _ in twice}
    for at, rows in enumerate(groups):
        warnings.setdefault(at, []).extend([*_doubted(rows), *seen.doubts.get(at, ())])
    return Plan(deeds, warnings=warnings)


def _wrong(rows: Group, *, typed: bool) -> Iterable[Fault]:
    """What no single row shows. `typed`: the import says which type all are of."""
    if not typed and rows[0].get("register_type") is None:
        yield Fault("missing", "户类型为空", "补填，或在导入时统一指定", "register_type")
    heads = [row.number for row in rows if row["relation"] == HEAD]
    if len(heads) != 1:
        message = f"该户有 {len(heads)} 个户主"
        yield Fault("one_head", message, "每户填一个户主", "relation")
    for name, title in (("village", "村"), ("register_type", "户类型")):
        if len({row.get(name) for row in rows}) > 1:
            yield Fault("differs_within", f"同一户的{title}不一致", "改为一致", name)
    for row in rows:
        if (row.get("bank") is None) != (row.get("account") is None):
            message = f"第 {row.number} 行开户银行与银行账号只填了一项"
            yield Fault("half_account", message, "两项都填，或都不填", "account")


def _doubted(rows: Group) -> Iterable[Fault]:
    """Check digits warn and stop nothing."""
    for row in rows:
        yield from doubted(row)


async def _persons(
    desk: Desk, groups: Sequence[Group], areas: Mapping[UUID, Area]
) -> RegisterPersons:
    assert desk.vault is not None, "households has a vault"
    vault = desk.vault if desk.taking else unkept(desk.vault)
    typed = EnterPersons(
        occurred_on=desk.day,
        area=desk.area,
        persons=tuple(_person(row) for rows in groups for row in rows),
    )
    ids = [_unnumbered(row, at, rows[0], areas) for rows in groups for at, row in enumerate(rows)]
    return await sealed_persons(vault, desk.streams, typed, areas, ids)


def _person(row: Taken) -> EnteredPerson:
    account = None
    if row.get("account") is not None:
        account = EnteredAccount(number=row["account"], bank=row["bank"])
    return EnteredPerson(
        name=row["name"],
        id_number=row.get("id_number"),
        phone=row.get("phone"),
        area=row["village"],
        account=account,
        synthetic=row.get("note") == SYNTHETIC,
    )


def _unnumbered(row: Taken, at: int, first: Taken, areas: Mapping[UUID, Area]) -> UUID | None:
    """Of a person without an ID number: by the place in the household's list, so that the same
    list again is the same person."""
    if row.get("id_number") is not None:
        return None
    within = str(registry(first["village"], areas))
    return stream_id("person", within, first["household"], f"{at + 1}")


def _household(rows: Group, ids: Sequence[UUID], settings: Mapping[str, str]) -> HouseholdRow:
    first = rows[0]
    return HouseholdRow(
        key=first["household"],
        area=first["village"],
        era=cast("Era", settings["era"]),
        register_type=first.get("register_type") or settings["register_type"],
        persons=len(rows),
        listed=tuple(
            Member(person=id_, relation=row["relation"]) for row, id_ in zip(rows, ids, strict=True)
        ),
        registered_on=first["registered_on"],
        income=first.get("income"),
        synthetic=first.get("note") == SYNTHETIC,
    )


async def _twice(
    desk: Desk, wanted: Sequence[HouseholdRow], places: Sequence[UUID]
) -> list[tuple[int, list[OpenTask]]]:
    """Households of which somebody is listed in another one, with the tasks of both villages."""
    listed = [one.person for row in wanted for one in row.listed]
    others = await other_households(desk.log.pool, listed, places)
    found = []
    for at, (row, id_) in enumerate(zip(wanted, places, strict=True)):
        here = [(one.person, other) for one in row.listed for other in others.get(one.person, ())]
        if here:
            new = (id_, row.area)
            found.append((at, [t for who, o in here for t in tasks_of(desk, who, new, o)]))
    return found


ROSTER = Importer(
    name="roster",
    title="农户花名册",
    roles=("clerk",),
    columns=COLUMNS,
    plan=plan,
    asks=(
        Asked(name="era", title="时期", pattern="alleviation|linkage|standing"),
        Asked(
            name="register_type",
            title="户类型（表中没有这一列时）",
            pattern=r"[a-z][a-z0-9_]{0,39}",
            required=False,
        ),
    ),
    totals=("income",),
    group=("household",),
    unique=("id_number",),
    happened="registered_on",
    together=100,
)
