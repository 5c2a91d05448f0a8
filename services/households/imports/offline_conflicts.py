"""A field that the workbook and somebody else changed 冲突: told with both values, name and time.

Results of rows are kept in clear, so a telephone number is told with its middle hidden, and not at
all where the workbook's own masking profile hides it. Telling it is recorded as every look at a
person is (ADR 0014), once a day for one who asks and one change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from libs.chassis.imports.importer import Desk, Fault
from libs.events.canonical import sha256
from libs.events.clock import CHINA, today
from libs.events.decider import Ask
from libs.events.execute import Surroundings, execute
from libs.events.field_changes import Conflict
from libs.events.types import request_id
from services.households.api.disclosure import REVEAL
from services.households.domain.disclosure import RevealPerson
from services.households.domain.masking import FieldMask, masked

from .offline_columns import COMING, LEAVING, WORDS
from .offline_looked_up import LookedUp

PURPOSE = "离线工作簿与现有内容比对"
TITLES = {"phone": "电话", "relation": "与户主关系", "change": "成员变动"}
HINT = "在“采用”列填“本表”或“现值”，再上传整个文件"
UNTOLD = "（不显示）"
MIDDLE = FieldMask(field="phone", how="hide_middle", count=4)
CHANGES: Mapping[str, str] = {code: word for word, code in (COMING | LEAVING).items()}


class Disputed(NamedTuple):
    """A row's person, and what is in conflict there."""

    person: UUID
    conflicts: Sequence[Conflict]


async def told(desk: Desk, book: LookedUp, disputed: Disputed) -> list[Fault]:
    """One fault for each field."""
    return [await _told(desk, book, disputed.person, one) for one in disputed.conflicts]


async def _told(desk: Desk, book: LookedUp, person: UUID, one: Conflict) -> Fault:
    values = [one.base, one.mine, one.theirs.value]
    if one.field == "phone":
        may = await _revealed(desk, book, person)
        was, mine, theirs = (_masked(value, may=may) for value in values)
    else:
        was, mine, theirs = (_word(one.field, value) for value in values)
    message = (
        f"{TITLES[one.field]}冲突：下载时为{was}，本表为{mine}，现为{theirs}"
        f"（{one.theirs.by} 于 {_moment(one.theirs.at)} 更改）"
    )
    return Fault("conflict", message, HINT, one.field)


async def _revealed(desk: Desk, book: LookedUp, person: UUID) -> bool:
    """Whether the phone may be told, once it is recorded that it is."""
    change = book.phone_changed(person)
    version = 0 if change is None else change.version
    command = RevealPerson(
        occurred_on=today(), fields=("phone",), purpose=PURPOSE, profile=desk.settings["profile"]
    )
    key = f"offline:{person}:{version}:{command.profile}:{command.occurred_on}"
    id_ = request_id(desk.actor.id, key)
    around = Surroundings(body_hash=sha256(key.encode()), correlation=id_, origin="import")
    ask = Ask(id_, person, command, desk.actor, desk.behalf)
    answer = await execute(desk.log, ask, around, REVEAL)
    if answer.status != 201:
        return False
    mask = FieldMask.model_validate(json.loads(answer.body)["masks"][0])
    return mask.how != "hidden"


def _masked(value: str | None, *, may: bool) -> str:
    if value is None:
        return "空"
    return masked(value, MIDDLE) or UNTOLD if may else UNTOLD


def _word(field: str, value: str | None) -> str:
    """As it is written in the workbook."""
    if value is None:
        return "空" if field == "relation" else "在户"
    if field == "relation":
        return WORDS.get(value, value)
    change, on, *_ = value.split(" ")
    return f"{CHANGES[change]} {on}"


def _moment(at: datetime | None) -> str:
    return "—" if at is None else at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
