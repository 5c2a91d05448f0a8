"""New workbooks, written as their rows come: nothing of a sheet is held but what is not yet taken.

The zip is written without going back, so that it can be an answer's body.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from .cells import Merged, letter
from .spelling import HEADING, Value, attribute, cell, csv_field, styles, text_cell

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TAKEN_AT = 1 << 16
_PROTECTED = (
    '<sheetProtection sheet="1" objects="1" scenarios="1" formatColumns="0" formatRows="0"'
    ' sort="0" autoFilter="0"/>'
)


class Column(NamedTuple):
    """`text`: identifiers, whose digits no program may take for a number. `unlocked`: may be
    written where the sheet is protected. `width` in characters."""

    head: str
    width: int = 14
    text: bool = False
    unlocked: bool = False
    hidden: bool = False


class Plan(NamedTuple):
    """A sheet before its rows. Without columns there is no head, and cells take what comes."""

    title: str
    columns: Sequence[Column] = ()
    protected: bool = False
    hidden: bool = False
    merged: Sequence[Merged] = ()


class _Taken(io.RawIOBase):
    """What the zip has written and nobody has taken yet."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, more: Any) -> int:
        before = len(self.bytes)
        self.bytes += more
        return len(self.bytes) - before


class Writer:
    """A workbook of planned sheets, each filled in its turn: `sheet`, then `row` for each row; at
    the end `close`; `take` gives what is ready, at any time."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans, self._sink = plans, _Taken()
        self._zip = ZipFile(self._sink, "w", ZIP_DEFLATED)
        self._part: IO[bytes] | None = None
        self._plan, self._sheets, self.number = plans[0], 0, 0
        for name, text in _fixed_parts(plans):
            self._zip.writestr(member(name), text.encode())

    @property
    def ready(self) -> int:
        """Bytes to be taken."""
        return len(self._sink.bytes)

    def take(self) -> bytes:
        taken = bytes(self._sink.bytes)
        self._sink.bytes.clear()
        return taken

    def sheet(self) -> None:
        """Begin the next sheet, with its head."""
        self._finish()
        self._plan = self.plans[self._sheets]
        self._sheets, self.number = self._sheets + 1, 0
        self._part = self._zip.open(member(f"xl/worksheets/sheet{self._sheets}.xml"), "w")
        self._put(sheet_head(self._plan.columns))
        if self._plan.columns:
            heads = enumerate(self._plan.columns, 1)
            self._put_row([text_cell(f"{letter(n)}1", c.head, HEADING) for n, c in heads])

    def row(
        self, values: Sequence[Value], number: int | None = None, *, spare: bool = False
    ) -> None:
        """The next row, or one further down. A spare one is open in every column that is shown."""
        number = number or self.number + 1
        self.number = number - 1
        columns, unlocked = self._plan.columns, self._plan.protected
        cells = [
            cell(
                number,
                at,
                value,
                columns[at - 1].text if columns else False,
                unlocked and _open(columns[at - 1], spare) if columns else False,
            )
            for at, value in enumerate(values, 1)
        ]
        self._put_row(cells)

    def close(self) -> None:
        while self._sheets < len(self.plans):
            self.sheet()
        self._finish()
        self._zip.close()

    def _put_row(self, cells: list[str]) -> None:
        self.number += 1
        self._put(f'<row r="{self.number}">{"".join(cells)}</row>')

    def _put(self, text: str) -> None:
        assert self._part is not None
        self._part.write(text.encode())

    def _finish(self) -> None:
        if self._part is not None:
            guarded = _PROTECTED if self._plan.protected else ""
            self._put(f"</sheetData>{guarded}{_merges(self._plan.merged)}</worksheet>")
            self._part.close()
            self._part = None


def _merges(ranges: Sequence[Merged]) -> str:
    said = "".join(
        f'<mergeCell ref="{letter(left)}{top}:{letter(right)}{bottom}"/>'
        for top, left, bottom, right in ranges
    )
    return f'<mergeCells count="{len(ranges)}">{said}</mergeCells>' if said else ""


def _open(column: Column, spare: bool) -> bool:
    return column.unlocked or (spare and not column.hidden)


def member(name: str) -> ZipInfo:
    """A part without a time, so that the same rows give the same bytes."""
    made = ZipInfo(name)
    made.compress_type = ZIP_DEFLATED
    return made


def write(target: Path, sheets: Iterable[tuple[Plan, Iterable[Sequence[Value]]]]) -> None:
    """A whole workbook into a file."""
    with target.open("wb") as file:
        for chunk in workbook(list(sheets)):
            file.write(chunk)


def workbook(sheets: Sequence[tuple[Plan, Iterable[Sequence[Value]]]]) -> Iterator[bytes]:
    """A workbook's bytes, as they are ready."""
    writer = Writer([plan for plan, _ in sheets])
    for _, rows in sheets:
        writer.sheet()
        for row in rows:
            writer.row(row)
            if writer.ready >= TAKEN_AT:
                yield writer.take()
    writer.close()
    yield writer.take()


def csv_lines(rows: Iterable[Sequence[Value]]) -> str:
    """Records of csv with harmless text; the file's first bytes should be a BOM, by which Excel
    knows UTF-8."""
    lines = io.StringIO()
    csv.writer(lines).writerows([csv_field(value) for value in row] for row in rows)
    return lines.getvalue()


def sheet_head(columns: Sequence[Column]) -> str:
    """A sheet's XML up to its rows; the head stays in sight."""
    frozen = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    view = f'<sheetViews><sheetView workbookViewId="0">{frozen}</sheetView></sheetViews>'
    cols = "".join(
        f'<col min="{n}" max="{n}" width="{c.width}" customWidth="1"'
        + (' hidden="1"' if c.hidden else "")
        + "/>"
        for n, c in enumerate(columns, 1)
    )
    before = f'{view}<sheetFormatPr defaultRowHeight="15"/><cols>{cols}</cols>' if columns else ""
    return f'{HEAD}<worksheet xmlns="{MAIN}">{before}<sheetData>'


def _fixed_parts(plans: Sequence[Plan]) -> Iterator[tuple[str, str]]:
    numbers = range(1, len(plans) + 1)
    parts = [(f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers]
    parts += [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles")]
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{TYPES}.{kind}+xml"/>' for part, kind in parts
    )
    yield (
        "[Content_Types].xml",
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
        f' ContentType="application/xml"/>{overrides}</Types>',
    )
    yield "_rels/.rels", _relations([("rId1", "officeDocument", "xl/workbook.xml")])
    sheets = "".join(
        f'<sheet name={attribute(plan.title)} sheetId="{n}"'
        + (' state="hidden"' if plan.hidden else "")
        + f' r:id="rId{n}"/>'
        for n, plan in zip(numbers, plans, strict=True)
    )
    yield (
        "xl/workbook.xml",
        f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{sheets}</sheets>'
        "</workbook>",
    )
    related = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations([*related, ("rIdS", "styles", "styles.xml")])
    yield "xl/styles.xml", styles()


def _relations(related: list[tuple[str, str, str]]) -> str:
    said = "".join(
        f'<Relationship Id="{id_}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for id_, kind, target in related
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{said}</Relationships>'
