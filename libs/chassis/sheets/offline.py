"""The offline workbook 离线工作簿: a village's rows to take along, and what comes back.

Each row has a key that its reader knows it by, hidden and locked; a hidden sheet says which
template and version it is, of which area, and at which position it was taken. The values as they
were then are not in it: they are read from the log at that position, so nobody can change what is
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from libs.events.errors import Refused

from .book import Book
from .cells import Cell, Kind, Row, Sheet
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
    """A field of the rows; what may not be written offline is there to be read."""

    field: str
    head: str
    writable: bool = True
    width: int = 16


class Stamp(NamedTuple):
    """Which workbook this is. `base`: the cut at which its rows were read, as funds:12,…"""

    template: str
    version: int
    area: str
    base: str
    made_at: str

    def rows(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self._asdict().items()]

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Self | None:
        if not said.keys() >= set(cls._fields) or not said["version"].isdecimal():
            return None
        texts = {name: said[name] for name in cls._fields if name != "version"}
        return cls(**texts, version=int(said["version"]))


class OfflineRow(NamedTuple):
    """A row that came back. Without a key it is new; `repeated`: another row above has its key, as
    when somebody has copied it."""

    number: int
    key: str | None
    cells: Mapping[str, Cell]
    repeated: bool = False

    def texts(self, columns: Iterable[OfflineColumn]) -> dict[str, str | None]:
        """What may be written, spelled to be compared: trimmed, empty as None."""
        found = {c.field: self.cells.get(c.field) for c in columns if c.writable}
        return {name: None if cell is None else _text(cell) for name, cell in found.items()}


def write_offline(
    target: Path,
    title: str,
    stamp: Stamp,
    columns: Sequence[OfflineColumn],
    rows: Iterable[tuple[str, Sequence[Value]]],
) -> None:
    """`rows`: each with its key and its values in the order of the columns."""
    planned = [Column(c.head, c.width, text=True, unlocked=c.writable) for c in columns]
    plan = Plan(title, (KEY, *planned), protected=True)
    writer = Writer([plan, Plan(STAMP_SHEET, protected=True, hidden=True)])
    with target.open("wb") as file:
        writer.sheet()
        for key, values in rows:
            writer.row([key, *values])
            file.write(writer.take())
        for _ in range(SPARE_ROWS):
            writer.row([None] * (len(columns) + 1), spare=True)
        writer.sheet()
        for pair in stamp.rows():
            writer.row(pair)
        writer.close()
        file.write(writer.take())


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


def read_offline(book: Book, columns: Sequence[OfflineColumn]) -> Iterator[OfflineRow]:
    """The rows that came back, as they stand. Raises: OfflineHeadsChanged, UnreadableBook."""
    sheet = _filled(book)
    rows = book.rows(sheet)
    _require_heads(next(rows, Row(1, {})), columns)
    fields = {number: column.field for number, column in enumerate(columns, 2)}
    seen: set[str] = set()
    for row in rows:
        key = row.cells[1].text.strip() if 1 in row.cells else None
        cells = {fields[n]: cell for n, cell in row.cells.items() if n in fields}
        if any(_text(cell) for cell in cells.values()):
            yield OfflineRow(row.number, key, cells, key is not None and key in seen)
        if key is not None:
            seen.add(key)


def _filled(book: Book) -> Sheet:
    """Raises: NoOfflineBook."""
    found = [sheet for sheet in book.sheets if sheet.name != STAMP_SHEET and not sheet.ours]
    if not found:
        raise NoOfflineBook()
    return found[0]


def _require_heads(row: Row, columns: Sequence[OfflineColumn]) -> None:
    for number, head in enumerate((KEY.head, *(c.head for c in columns)), 1):
        cell = row.cells.get(number)
        if cell is None or cell.text.strip() != head:
            raise OfflineHeadsChanged(column=number, head=head)


def _pairs(rows: Iterable[Row]) -> dict[str, str]:
    return {row.cells[1].text: row.cells[2].text for row in rows if {1, 2} <= row.cells.keys()}


def _text(cell: Cell) -> str | None:
    """A formula that nobody computed says nothing that could be compared."""
    return None if cell.kind == Kind.FORMULA else cell.text.strip() or None
