"""Columns of a sheet that people fill in: how a cell becomes a value, and how it may not.

A column says all that is wrong with a cell in one sentence: thing, value, limit, next step (product
6). What stands in a personal column is never quoted.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

from libs.events.document import DocumentNumberError, parse_document
from libs.events.illness import ILLNESS, names_illness
from libs.events.money import Unit
from libs.events.private import looks_personal
from libs.events.types import natural

from ..sheets.cells import Cell, Kind
from .places import Places, Strange

Severity = Literal["block", "warn"]


class Unfit(Exception):
    """A cell or row that is not taken: rule, message, next step; `strange`: of a place's name."""

    def __init__(self, rule: str, message: str, hint: str, strange: Strange | None = None) -> None:
        self.rule, self.message, self.hint, self.strange = rule, message, hint, strange
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Setting:
    """What reading a row depends on beside the row. `units`: of amounts, by field. `oldest`: what
    happened before that day needs a `reason`. `words`: of reference sets, title to key. `largest`:
    fen that no amount of a field may exceed. `day`: when it happened, where rows do not say."""

    today: date
    places: Places = field(default_factory=Places)
    units: Mapping[str, Unit] = field(default_factory=dict)
    oldest: date | None = None
    reason: str | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    largest: Mapping[str, int] = field(default_factory=dict)
    day: date | None = None


@dataclass(frozen=True, kw_only=True)
class Column(ABC):
    """One field of a row. `aliases`: other heads under which people write it; `personal`: of a
    person, so never quoted and shown masked; `of_people`: its sheet tells of persons, and what
    stands in a wrong column may be one's name."""

    field: str
    title: str
    aliases: tuple[str, ...] = ()
    required: bool = True
    personal: bool = False
    of_people: bool = False

    def read(self, cell: Cell, setting: Setting) -> Any:
        """The value. Raises: Unfit."""
        if cell.kind is Kind.FORMULA:
            raise Unfit(
                "formula_without_value",
                f"{self.title}是公式，文件中没有算出的值",
                "在表格软件中打开、重新计算并保存后再导入",
            )
        if cell.kind is Kind.ERROR:
            raise Unfit("cell_error", f"{self.title}是错误值 {cell.text}", "改正公式后再导入")
        return self.value(cell, setting)

    @abstractmethod
    def value(self, cell: Cell, setting: Setting) -> Any:
        """Of a cell that holds something. Raises: Unfit."""

    def mark(self, cell: Cell, setting: Setting) -> Unfit | None:
        """What somebody should look at, though the cell was read."""
        return None

    def exact(self, value: Any) -> int | None:
        """What a value adds to a printed total, in its smallest part; None: it is never summed."""
        return None

    def printed(self, exact: int) -> str:
        """A total of the same, as a message shows it."""
        return str(exact)

    def quoted(self, text: str) -> str:
        """The text as a message may show it. Messages are kept in clear."""
        return quoted(text) if self.may_tell(text) else unquoted(text)

    def may_tell(self, text: str) -> bool:
        """Whether it can name nobody."""
        private = self.personal or (self.of_people and not self.harmless(natural(text)))
        return not private and looks_personal(text) is None

    def harmless(self, text: str) -> bool:
        """Whether it can be no person's name or number: of a day, an amount, a count."""
        return _MEASURE.fullmatch(text) is not None and _LONG.search(text) is None


_MEASURE = re.compile(r"[\d\s.,:/()%年月日元万亿角分户人-]*\d[\d\s.,:/()%年月日元万亿角分户人-]*")
_PLACE = re.compile(
    r"\d{1,12}|.{1,40}(村|社区|居委会|村委会|居民委员会|村民委员会|镇|乡|街道|县|区|市|州|省|组|屯|寨)"
)
_LONG = re.compile(r"\d{9}")


def unquoted(text: str) -> str:
    return f"（{len(text)} 个字符）"


def quoted(text: str) -> str:
    """Of a sheet that tells of no persons; their numbers may stand in it by mistake."""
    return unquoted(text) if looks_personal(text) else f"“{text[:40]}”"


@dataclass(frozen=True, kw_only=True)
class Text(Column):
    """Words. A remark with a person's number is not taken, unless the column is for one; nor, in a
    sheet of people, one that names an illness."""

    longest: int = 300
    pattern: str | None = None

    def value(self, cell: Cell, setting: Setting) -> str:
        text = cell.text.strip()
        if len(text) > self.longest:
            raise Unfit(
                "too_long",
                f"{self.title}有 {len(text)} 个字符，至多 {self.longest}",
                "缩短后再导入",
            )
        if not self.personal and (kind := looks_personal(text)) is not None:
            raise Unfit(
                "personal_text", f"{self.title}中疑似有{kind}", "删去号码，号码只填在各自的列中"
            )
        if self.of_people and not self.personal and names_illness(text):
            raise Unfit("illness", f"{self.title}中写有{ILLNESS}", "只写因病等类别，不写病名")
        if self.pattern is not None and not re.fullmatch(self.pattern, natural(text)):
            raise Unfit("malformed", f"{self.title}{self.quoted(text)}写法不对", "对照模板改正")
        return text if self.pattern is None else natural(text)


@dataclass(frozen=True, kw_only=True)
class PersonalNumber(Column):
    """An identity number, account or phone: text, since a number cell has lost what Excel rounds
    away (product 7.1: refused by the kind of the cell, not by a checksum)."""

    pattern: str
    personal: bool = True

    def value(self, cell: Cell, setting: Setting) -> str:
        if cell.kind is not Kind.TEXT:
            lost = "，后三位已丢失" if cell.text.endswith("000") else ""
            raise Unfit("number_for_text", f"{self.title}为数字格式{lost}", "请从原表以文本粘贴")
        text = re.sub(r"\s", "", natural(cell.text))
        if not re.fullmatch(self.pattern, text):
            raise Unfit("malformed", f"{self.title}{self.quoted(text)}写法不对", "核对原件后改正")
        return text


@dataclass(frozen=True, kw_only=True)
class Code(Column):
    """Another system's own number of a thing; digits may come as a number."""

    pattern: str = r"[0-9A-Za-z._/-]{1,64}"

    def value(self, cell: Cell, setting: Setting) -> str:
        text = natural(cell.text)
        if not re.fullmatch(self.pattern, text):
            raise Unfit("malformed", f"{self.title}{self.quoted(text)}写法不对", "对照模板改正")
        return text


@dataclass(frozen=True, kw_only=True)
class Choice(Column):
    """One of some words; each means a value."""

    words: Mapping[str, str]

    def value(self, cell: Cell, setting: Setting) -> str:
        text = natural(cell.text)
        known = {**self.words, **{value: value for value in self.words.values()}}
        if text not in known:
            raise Unfit(
                "not_a_choice",
                f"{self.title}{self.quoted(text)}不认识",
                f"填{'、'.join(self.words)}之一",
            )
        return known[text]


@dataclass(frozen=True, kw_only=True)
class Listed(Column):
    """A word of a code table: by its title, in the set of reference data named, or by its code."""

    set: str
    pattern: str = r"[a-z][a-z0-9_]{0,39}"

    def value(self, cell: Cell, setting: Setting) -> str:
        text = natural(cell.text)
        known = setting.words.get(self.set, {})
        found = known.get(text, text)
        if not re.fullmatch(self.pattern, found):
            told = "、".join(list(known)[:12])
            hint = f"填{told}之一" if known else "请管理员先登记代码表"
            raise Unfit("not_a_choice", f"{self.title}{self.quoted(text)}不认识", hint)
        return found


@dataclass(frozen=True, kw_only=True)
class Place(Column):
    """An area within that of the import, by its code, its whole name or a confirmed alias."""

    def harmless(self, text: str) -> bool:
        return _PLACE.fullmatch(text) is not None

    def value(self, cell: Cell, setting: Setting) -> UUID:
        text = natural(cell.text)
        found = setting.places.find(text)
        if found is None:
            message = f"{self.title}{self.quoted(text)}不在本次导入的区域内，或不认识"
            raise Unfit("unknown_place", message, *self._hint(text, setting.places))
        return found

    def _hint(self, text: str, places: Places) -> tuple[str, Strange | None]:
        if text.isdigit():
            return f"相近的编码：{'、'.join(places.nearest_codes(text))}", None
        # What a message may not quote is not kept to be proposed either.
        strange = places.strange(text) if self.may_tell(text) else None
        if strange is None:
            return "填统计用区划代码或全称", None
        near = "、".join(f"{one.name}（{one.code}）" for one in strange.near)
        return f"相近的名称：{near}；确是其中之一的，按结果所列提议为别名，确认后再导入", strange

    def mark(self, cell: Cell, setting: Setting) -> Unfit | None:
        text = natural(cell.text)
        name = setting.places.aliases.get(text)
        if name is None:
            return None
        message = f"{self.title}“{text[:40]}”是“{name}”已确认的别名"
        return Unfit("by_alias", message, "无须改正；以后请填全称")


@dataclass(frozen=True, kw_only=True)
class Letter(Column):
    """A document's number 文号, in any observed shape."""

    def value(self, cell: Cell, setting: Setting) -> str:
        text = cell.text.strip()
        try:
            parse_document(text)
        except DocumentNumberError as error:
            told = str(error) if self.may_tell(text) else unquoted(text)
            raise Unfit("not_a_document", f"{self.title}：{told}", "按文件原样填写文号") from None
        return text
