"""A row of an offline workbook that was empty: a member who came, by birth, marriage or a move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from libs.chassis.imports.importer import Deed, Desk, Fault, Taken
from libs.chassis.vault.unkept import unkept
from libs.events import tasks
from libs.events.types import natural, stream_id
from services.households.api import member, person
from services.households.api.sealed import sealed_persons
from services.households.api.typed import EnteredPerson, EnterPersons
from services.households.domain.household import registry
from services.households.domain.member import ChangeMember
from services.households.domain.person import RegisterPersons
from services.households.views.register import other_households

from .doubts import ELSEWHERE, tasks_of
from .offline_columns import COMING, EMPTIED
from .offline_looked_up import LookedUp

NEEDED = {
    "name": "姓名",
    "relation": "与户主关系",
    "change": "成员变动",
    "changed_on": "变动日期",
}


class Come(NamedTuple):
    """What becomes of the row; nothing: it is done already."""

    deeds: tuple[Deed, ...] = ()
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


async def come(desk: Desk, book: LookedUp, row: Taken) -> Come:
    """The person is registered, and then a member; who is listed elsewhere too is a task of both
    villages."""
    if faults := tuple(_wrong(desk, book, row)):
        return Come(faults=faults)
    home = book.by_short[row["household"]]
    assert home is not None, "looked at above"
    household = book.now.households[home]
    assert household.area is not None, "what is listed lies somewhere"
    entered = await _entered(desk, book, row, home)
    who = entered.persons[0].person
    if who in household.members:
        return Come()
    command = ChangeMember(
        occurred_on=row["changed_on"], change=row["change"], person=who, relation=row["relation"]
    )
    others = (await other_households(desk.log.pool, [who], [home])).get(who, [])
    double = [t for other in others for t in tasks_of(desk, who, (home, household.area), other)]
    deeds = (
        Deed(person.REGISTER, entered, key=f"{row.number}:person"),
        Deed(member.CHANGE, command, home, key=f"{row.number}:member"),
        *(Deed(tasks.OPEN, task) for task in double),
    )
    return Come(deeds, warnings=(ELSEWHERE,) if others else ())


def _wrong(desk: Desk, book: LookedUp, row: Taken) -> Iterator[Fault]:
    home = book.by_short.get(row["household"])
    if home is None:
        message = f"户标识“{row['household']}”不在本区域的名册中"
        yield Fault("unknown_household", message, "照抄同户各行的户标识", "household")
    else:
        yield from _place(desk, book.now.households[home].area, row)
    for name, title in NEEDED.items():
        if row.get(name) is None:
            yield Fault("missing", f"{title}为空", "补填后再导入", name)
    change = row.get("change")
    if change is not None and change not in COMING.values():
        hint = "减少的成员填在其本行，此处只填增加的"
        yield Fault("not_listed", "新行不能登记减少", hint, "change")
    if row.get("id_number") is None and change in ("marriage_in", "move_in"):
        yield Fault("missing", "证件号码为空", "补填后再导入", "id_number")
    for name, title in (("id_number", "证件号码"), ("phone", "电话")):
        if "*" in (row.get(name) or ""):
            yield Fault("malformed", f"{title}写法不对", "核对原件后改正", name)


def _place(desk: Desk, village: UUID | None, row: Taken) -> Iterator[Fault]:
    """The village need not be said, but must be right. What was typed may be anybody's name, and is
    not quoted."""
    typed = row.get("village")
    if typed is None:
        return
    found = desk.places.find(natural(typed))
    if found is None:
        near = "、".join(desk.places.nearest_codes(natural(typed)))
        message = "村编码不在本次导入的区域内，或不认识"
        yield Fault("unknown_place", message, f"相近的编码：{near}", "village")
    elif found != village:
        message = "村编码不是该户所在的村"
        yield Fault("other_place", message, "照抄同户各行的村编码，或空着", "village")


async def _entered(desk: Desk, book: LookedUp, row: Taken, home: UUID) -> RegisterPersons:
    """Without an ID number by the row of this workbook: the same one again is nobody new."""
    assert desk.vault is not None, "households has a vault"
    household = book.now.households[home]
    assert household.area is not None, "what is listed lies somewhere"
    phone = row.get("phone")
    one = EnteredPerson(
        name=row["name"],
        id_number=row.get("id_number"),
        phone=None if phone == EMPTIED else phone,
        area=household.area,
        synthetic=household.synthetic,
    )
    typed = EnterPersons(occurred_on=row["changed_on"], area=desk.area, persons=(one,))
    within = str(registry(household.area, book.areas))
    taken = (str(desk.area), desk.settings["base"], f"{row.number}")
    ids = [None if one.id_number else stream_id("person", within, "offline", *taken)]
    vault = desk.vault if desk.taking else unkept(desk.vault)
    return await sealed_persons(vault, desk.streams, typed, book.areas, ids)
