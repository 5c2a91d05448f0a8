"""A sheet read row by row: data, what is no data, and all that is wrong with a row at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from libs.events.private import looks_personal
from libs.events.types import natural

from ..sheets.cells import Kind, Row, letter
from ..vault.spelling import name as one_spelling
from .columns import Setting, Severity, Unfit
from .header import Header
from .importer import Fault, Importer, Taken
from .totals import SUBTOTAL, TOTAL, Totals

_SIGNED = re.compile(
    r"(制表|制表人|填表人|填报人|审核|审核人|复核|复核人|负责人|单位负责人|经办人|签字|签章|盖章"
    r"|单位[(（]盖章[)）]|填表日期|填报日期|填报单位|注|备注|说明)[:：].*"
)
_LONG_NUMBER = re.compile(r"\d{9}")
FIRST_CELLS = 3
"""A total or a signature says so in one of the first cells that hold anything."""


@dataclass(slots=True)
class Read:
    """One row: taken as data, or ignored for a reason; `fen` of its amount, where it was read.
    `texts`: of its cells by field, where they may be kept. `key`: what the row is called."""

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    ignored: str | None = None
    hidden: bool = False
    fen: int | None = None
    shares: int | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    @property
    def taken(self) -> Taken:
        return Taken(self.number, self.values, self.shares)

    @property
    def blocked(self) -> bool:
        return any(fault.severity == "block" for fault in self.faults)


def key_of(importer: Importer, values: Mapping[str, Any]) -> str | None:
    """What a row is called: by what makes it a group, or what no two rows share. Of people only
    what can be no number of theirs, in whichever column it was typed."""
    unique = tuple(name for name in importer.unique if not importer.column(name).personal)
    found = [values.get(name) for name in importer.group or unique]
    key = "/".join(map(str, found))
    if not found or None in found or looks_personal(key) is not None:
        return None
    return None if importer.of_people and _LONG_NUMBER.search(key) else key


class Reading:
    """One pass over one sheet; remembers what rows are compared with. `read`: how many by now, and
    of how much money, whatever becomes of them."""

    def __init__(
        self, importer: Importer, mapping: Mapping[str, int], header: Header, setting: Setting
    ) -> None:
        self.importer, self.mapping, self.setting = importer, mapping, setting
        self.header = header
        self._seen: dict[tuple[str, Any], int] = {}
        self._held: dict[str, tuple[int, str]] = {}
        self._groups: dict[tuple[Any, ...], int] = {}
        self._last: tuple[Any, ...] | None = None
        self.totals = Totals(importer, mapping, setting)
        self.read, self.read_fen = 0, 0

    def rows(self, rows: Iterable[Row]) -> Iterator[Read]:
        """All below the heads that hold anything."""
        for row in rows:
            if row.number > self.header.row and filled(row):
                read = self._read(row)
                self.read, self.read_fen = self.read + 1, self.read_fen + (read.fen or 0)
                yield read
        self.totals.end()

    def _read(self, row: Row) -> Read:
        read = Read(row.number, hidden=row.hidden, ignored=self._reason(row))
        read.texts = self._texts(row)
        if read.ignored == "total":
            self.totals.compare(row, read)
        if read.ignored is not None:
            return read
        read.values = dict(self._values(row, read.faults))
        read.key = key_of(self.importer, read.values)
        self.totals.count(read)
        self._compare_rows(read)
        self._late(read)
        if row.hidden:
            read.faults.append(
                Fault(
                    "hidden_row",
                    "该行在表中被隐藏或筛掉，照常读取",
                    "确认是否应在其中",
                    None,
                    "warn",
                )
            )
        return read

    def _reason(self, row: Row) -> str | None:
        """Why it is no data, if it is none."""
        told = [re.sub(r"\s", "", natural(cell.text)) for _, cell in sorted(row.cells.items())]
        first = [text for text in told if text][:FIRST_CELLS]
        if any(TOTAL.fullmatch(text) or SUBTOTAL.fullmatch(text) for text in first):
            return "total"
        if _SIGNED.fullmatch(first[0]):
            return "signature"
        heads = self.header.heads
        again = [
            row.cells[at].text.strip() == heads[at].label
            for at in self.mapping.values()
            if at in row.cells and at in heads
        ]
        if sum(again) * 2 > len(again) and sum(again) > 1:
            return "heads_again"
        return None if any(at in row.cells for at in self.mapping.values()) else "outside"

    def _texts(self, row: Row) -> dict[str, str]:
        if self.importer.of_people:
            return {}
        found = ((field_, row.cells.get(at)) for field_, at in self.mapping.items())
        return {field_: cell.text for field_, cell in found if cell is not None}

    def _values(self, row: Row, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
        for column in self.importer.columns:
            at = self.mapping.get(column.field)
            cell = None if at is None else row.cells.get(at)
            if cell is None or (
                not cell.text.strip() and cell.kind not in (Kind.FORMULA, Kind.ERROR)
            ):
                if column.required:
                    where = "" if at is None else f"{letter(at)}{row.number} "
                    message = f"{where}{column.title}为空"
                    faults.append(Fault("missing", message, "补填后再导入", column.field))
                continue
            try:
                yield column.field, column.read(cell, self.setting)
                if (mark := column.mark(cell, self.setting)) is not None:
                    message = f"{letter(at or 0)}{row.number} {mark.message}"
                    faults.append(Fault(mark.rule, message, mark.hint, column.field, "warn"))
            except Unfit as unfit:
                assert at is not None, "a cell stands in a column"
                message = f"{letter(at)}{row.number} {unfit.message}"
                told = unfit.rule, message, unfit.hint, column.field
                faults.append(Fault(*told, strange=unfit.strange))

    def _compare_rows(self, read: Read) -> None:
        for field_ in self.importer.unique:
            if (value := read.values.get(field_)) is None:
                continue
            first = self._seen.setdefault((field_, value), read.number)
            if first != read.number:
                title = self.importer.column(field_).title
                message = f"{title}与第 {first} 行相同"
                read.faults.append(Fault("twice", message, "只留一行，或核对号码", field_))
        self._compare_names(read)
        if self.importer.group and (key := self.group_of(read)) is not None:
            if key != self._last and key in self._groups:
                message = f"与第 {self._groups[key]} 行同组，却不相连"
                field_ = self.importer.group[0]
                read.faults.append(Fault("apart", message, "把同组的行排在一起", field_))
            self._groups.setdefault(key, read.number)
            self._last = key

    def _compare_names(self, read: Read) -> None:
        """Which earlier row has the same of what is one person's, under another name."""
        held, named = (read.values.get(field_) for field_ in self.importer.one_each or ("", ""))
        if held is None or named is None:
            return
        first, first_named = self._held.setdefault(held, (read.number, one_spelling(named)))
        if first_named != one_spelling(named):
            read.shares = first

    def _late(self, read: Read) -> None:
        """What happened long ago is entered with a reason, and stays on the auditor's list."""
        oldest = self.setting.oldest
        day = read.values.get(self.importer.happened or "", self.setting.day)
        if day is None or oldest is None or day >= oldest:
            return
        severity: Severity = "block" if self.setting.reason is None else "warn"
        message = f"发生于 {day}，早于 {oldest}，属于补录"
        hint = "在导入时写明补录理由"
        read.faults.append(Fault("entered_late", message, hint, self.importer.happened, severity))

    def group_of(self, read: Read) -> tuple[Any, ...] | None:
        """By what neighbours belong together; None where it could not be read."""
        found = tuple(read.values.get(name) for name in self.importer.group)
        return None if None in found else found


def filled(row: Row) -> bool:
    """Whether it holds anything that shows."""
    return any(cell.text.strip() for cell in row.cells.values())
