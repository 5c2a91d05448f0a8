"""The offline workbook 离线工作簿: a village's rows to take along, and what comes back.

Each row has a key that its reader knows it by, hidden and locked; a hidden sheet says which
template and version it is, of which area, how people are masked in it, and at which position it
was taken. The values as they were then are not in it: they are read from the log at that position,
so nobody can change what is compared. It comes back as any sheet does (imports).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from libs.events.errors import Refused

from .book import Book
from .cells import Row
from .spelling import Value
from .writing import Column, Plan, Writer

STAMP_SHEET = "suyuan_stamp"
KEY = Column("行标识", 12, text=True, hidden=True)
SPARE_ROWS = 50
"""Empty rows below, for what is new: in a protected sheet nobody can write elsewhere."""


class NoOfflineBook(Refused):
    """这不是从本系统下载的离线工作簿：请先下载，在其中填写后再上传。"""


class OfflineTemplateChanged(Refused):
    """离线工作簿的模板已变：文件是 {given} 第 {old} 版，现为 {wanted} 第 {now} 版，请重新下载。"""


class OfflineHeadsChanged(Refused):
    """离线工作簿的表头被改动：第 {column} 列应为“{head}”，请按原表填写。"""


class OfflineColumn(NamedTuple):
    """A column of the rows; what may not be written offline is there to be read."""

    head: str
    writable: bool = True
    width: int = 16


class Stamp(NamedTuple):
    """Which workbook this is. `base`: the cut at which its rows were read, as funds:12,…;
    `profile`: how people are masked in it."""

    template: str
    version: int
    area: str
    base: str
    profile: str
    made_at: str

    def rows(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self._asdict().items()]

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Self | None:
        if not said.keys() >= set(cls._fields) or not said["version"].isdecimal():
            return None
        texts = {name: said[name] for name in cls._fields if name != "version"}
        return cls(**texts, version=int(said["version"]))


def write_offline(
    put: Callable[[bytes], object],
    title: str,
    stamp: Stamp,
    columns: Sequence[OfflineColumn],
    rows: Iterable[tuple[str, Sequence[Value]]],
) -> None:
    """`put`: where its bytes go, piece by piece. `rows`: each with its key and its values in the
    order of the columns."""
    planned = [Column(c.head, c.width, text=True, unlocked=c.writable) for c in columns]
    plan = Plan(title, (KEY, *planned), protected=True)
    writer = Writer([plan, Plan(STAMP_SHEET, protected=True, hidden=True)])
    writer.sheet()
    for key, values in rows:
        writer.row([key, *values])
        put(writer.take())
    for _ in range(SPARE_ROWS):
        writer.row([None] * (len(columns) + 1), spare=True)
    writer.sheet()
    for pair in stamp.rows():
        writer.row(pair)
    writer.close()
    put(writer.take())


def stamp_of(book: Book) -> Stamp:
    """Raises: NoOfflineBook, UnreadableBook."""
    sheet = next((sheet for sheet in book.sheets if sheet.name == STAMP_SHEET), None)
    said = {} if sheet is None else _pairs(book.rows(sheet))
    found = Stamp.of(said)
    if found is None:
        raise NoOfflineBook()
    return found


def require_template(stamp: Stamp, template: str, version: int) -> None:
    """Raises: OfflineTemplateChanged."""
    if (stamp.template, stamp.version) != (template, version):
        raise OfflineTemplateChanged(
            given=stamp.template, old=stamp.version, wanted=template, now=version
        )


def require_heads(book: Book, columns: Sequence[OfflineColumn]) -> None:
    """That every column is where it was: without its key a row would be a new one. Raises:
    NoOfflineBook, OfflineHeadsChanged, UnreadableBook."""
    filled = [sheet for sheet in book.sheets if sheet.name != STAMP_SHEET and not sheet.ours]
    if not filled:
        raise NoOfflineBook()
    row = next(book.rows(filled[0]), Row(1, {}))
    for number, head in enumerate((KEY.head, *(c.head for c in columns)), 1):
        cell = row.cells.get(number)
        if cell is None or cell.text.strip() != head:
            raise OfflineHeadsChanged(column=number, head=head)


def _pairs(rows: Iterable[Row]) -> dict[str, str]:
    return {row.cells[1].text: row.cells[2].text for row in rows if {1, 2} <= row.cells.keys()}
