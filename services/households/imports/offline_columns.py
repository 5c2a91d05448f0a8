"""The offline workbook of a village 离线工作簿: its columns, as they go out and as they come back.

What is masked in it cannot be typed over by accident: a cell with a star says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from libs.chassis.imports.columns import Choice, Code, PersonalNumber, Text
from libs.chassis.imports.quantities import Day
from libs.chassis.sheets.book import Book
from libs.chassis.sheets.offline import (
    KEY,
    NoOfflineBook,
    OfflineColumn,
    require_heads,
    require_template,
    stamp_of,
)
from libs.events.errors import Refused
from libs.events.types import natural

from .roster_columns import RELATIONS

TEMPLATE, VERSION = "household_members", 1
TITLE = "家庭成员"
EMPTIED = "无"
"""Written over a telephone number: there is none any more."""
COMING = {"出生": "birth", "婚入": "marriage_in", "迁入": "move_in"}
LEAVING = {"死亡": "death", "婚出": "marriage_out", "迁出": "move_out", "分户": "split_out"}
MINE, THEIRS = "mine", "theirs"
COLUMNS = (
    Code(field="key", title=KEY.head, pattern=r"[0-9a-f]{32}\.[0-9a-f]{32}", required=False),
    Code(field="household", title="户标识", pattern=r"H-[0-9a-f]{8}"),
    Text(field="village", title="村编码", required=False),
    Text(field="name", title="姓名", longest=60, personal=True, required=False),
    PersonalNumber(
        field="id_number", title="证件号码", pattern=r"[0-9A-Za-z()*-]{1,40}", required=False
    ),
    Choice(field="relation", title="与户主关系", words=RELATIONS, required=False),
    PersonalNumber(
        field="phone",
        title="电话",
        pattern=rf"\+?[0-9-]{{3,30}}|[0-9+*-]*\*[0-9+*-]*|{EMPTIED}",
        required=False,
    ),
    Choice(field="change", title="成员变动", words=COMING | LEAVING, required=False),
    Day(field="changed_on", title="变动日期", earliest=date(2013, 1, 1), required=False),
    Code(field="number", title="分出的户编号", required=False),
    Choice(field="taken", title="采用", words={"本表": MINE, "现值": THEIRS}, required=False),
)
LOCKED = frozenset(("household", "village", "name", "id_number"))
SHEET = tuple(
    OfflineColumn(column.title, column.field not in LOCKED, 20 if column.personal else 14)
    for column in COLUMNS[1:]
)
WORDS: dict[str, str] = {}
for _word, _relation in RELATIONS.items():
    WORDS.setdefault(_relation, _word)
"""A relation as it is written, by its code."""


class OtherOfflineArea(Refused):
    """离线工作簿不是这个区域的：文件是 {given} 的，导入选的是 {area}。"""


def key_of(household: UUID, person: UUID) -> str:
    return f"{household.hex}.{person.hex}"


def of_key(key: str) -> tuple[UUID, UUID]:
    """The household and the person of a row."""
    household, _, person = key.partition(".")
    return UUID(household), UUID(person)


def short(household: UUID) -> str:
    """By which a row that is new names its household."""
    return f"H-{household.hex[-8:]}"


def spelled(phone: str | None) -> str | None:
    """As it is compared."""
    return None if phone is None else re.sub(r"\s", "", natural(phone))


def says(book: Book, area: UUID) -> Mapping[str, str]:
    """What its stamp tells the import. Raises: NoOfflineBook, OfflineTemplateChanged,
    OfflineHeadsChanged, OtherOfflineArea, UnreadableBook."""
    stamp = stamp_of(book)
    require_template(stamp, TEMPLATE, VERSION)
    require_heads(book, SHEET)
    if stamp.area != str(area):
        raise OtherOfflineArea(given=stamp.area, area=str(area))
    base = re.fullmatch(r"households:(\d{1,18})", stamp.base)
    if base is None or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", stamp.profile):
        raise NoOfflineBook()
    return {"base": base[1], "profile": stamp.profile}
