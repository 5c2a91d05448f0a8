"""The error workbook: what the user sent, with marks in it and a summary before it.

Every part that marks do not touch is copied as it is; the marked sheet is rewritten as it streams
by. Source: product.md 6, "Error report".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from lxml import etree

from .book import Book, opened
from .cells import Sheet
from .copying import copied, said
from .directory import Directory
from .formats import MarkFormats
from .marked_sheet import HEADS, Mark, Marking, head_with_columns, legacy_drawing, marked
from .notes import Notes
from .pieces import IrregularError, last_filled, pieces
from .spelling import Value
from .writing import member
from .xlsx import XlsxBook

COPY_CHUNK = 1 << 20


class Survey(NamedTuple):
    """What must be known of a sheet before its first byte is written."""

    column: int
    tail: bytes


def mark(
    book: Book,
    sheet: Sheet,
    *,
    header_row: int,
    marks: Iterable[Mark],
    summary: Sequence[Sequence[Value]],
    target: Path,
) -> None:
    """Write the marked workbook to `target`.

    `marks` come in the order of their rows, each of a row that the sheet has; `summary` is the
    first sheet, its first row in bold; of a copy its last row says what is not in it. The file's
    name should end in `book.suffix`. Raises: UnreadableBook; ValueError where a mark has no row.
    """
    if isinstance(book, XlsxBook):
        try:
            ready = _Ready(book, sheet, header_row)
        except (IrregularError, KeyError, ValueError, etree.XMLSyntaxError):
            ready = None
        if ready is not None:
            ready.write(marks, summary, target)
            return
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:  # in clear only there
        plain = Path(folder) / "copy.xlsx"
        copied(book, plain)
        with opened(plain, plain.name) as copy:
            assert isinstance(copy, XlsxBook)
            same = next(s for s in copy.sheets if s.name == sheet.name)
            lost = said(book)
            told = summary if lost is None else [*summary, [lost]]
            _Ready(copy, same, header_row).write(marks, told, target)


class _Ready:
    """A workbook into which marks can be put: all that may fail for its shape has been tried.

    Raises: IrregularError, KeyError, ValueError.
    """

    def __init__(self, book: XlsxBook, sheet: Sheet, header_row: int) -> None:
        self.book, self.sheet, self.header_row = book, sheet, header_row
        self.package = book.package
        self.directory = Directory(self.package, book.workbook, sheet.part)
        self.styles = book.part_of("styles") or ""
        self.formats = MarkFormats(
            self.package.read(self.styles), again=self.directory.marked_before
        )
        self.part = self.package.named(sheet.part)
        survey = _survey(book, sheet, header_row)
        self.column = survey.column
        self._find_notes(legacy_drawing(survey.tail))

    def write(
        self, marks: Iterable[Mark], summary: Sequence[Sequence[Value]], target: Path
    ) -> None:
        styles = self.package.named(self.styles)
        with ZipFile(target, "w", ZIP_DEFLATED) as made:
            self._copy(made, {self.part, styles, self.comments, self.vml, *self.directory.changed})
            self._write_sheet(made, marks)
            if self.notes.texts or self.had_drawing:
                self._write_notes(made)
            self.directory.add_summary(made, summary, self.formats.heading)
            made.writestr(member(styles), self.formats.document())
            self.directory.write(made)

    def _find_notes(self, drawing: str | None) -> None:
        related = self.package.relations(self.sheet.part)
        found = [r.target for r in related if r.kind == "comments"]
        drawn = [r.target for r in related if r.id == drawing]
        if (drawing is not None and not drawn) or (found and not drawn):
            raise IrregularError
        self.comments = self.package.named(found[0]) if found else self.directory.free("comments")
        self.vml = self.package.named(drawn[0]) if drawn else self.directory.free("drawings/vml")
        self.had_drawing = bool(drawn)
        self.notes = Notes(
            self.package.read(self.comments) if found else None,
            self.package.read(self.vml) if drawn else None,
        )

    def _copy(self, made: ZipFile, changed: set[str]) -> None:
        for info in self.package.zip.infolist():
            if info.filename in changed:
                continue
            kept = member(info.filename)
            kept.date_time, kept.file_size = info.date_time, info.file_size
            kept.compress_type, kept.external_attr = info.compress_type, info.external_attr
            with self.package.zip.open(info) as source, made.open(kept, "w") as to:
                while chunk := source.read(COPY_CHUNK):
                    to.write(chunk)

    def _write_sheet(self, made: ZipFile, marks: Iterable[Mark]) -> None:
        drawing = None if self.had_drawing else self.directory.free_relation(self.sheet.part)
        to = Marking(self.header_row, self.column, self.formats, self.notes, drawing)
        with self.package.open(self.sheet.part) as source, made.open(member(self.part), "w") as out:
            for chunk in marked(pieces(source), marks, to):
                out.write(chunk)
        if self.notes.texts and drawing is not None:
            self.directory.relate(self.sheet.part, drawing, "vmlDrawing", self.vml)

    def _write_notes(self, made: ZipFile) -> None:
        comments, drawing = self.notes.documents(self.directory.sheets + 1)
        made.writestr(member(self.vml), drawing)
        self.directory.vml()
        if self.notes.texts and not self.notes.had_comments:
            relation = self.directory.free_relation(self.sheet.part)
            self.directory.relate(self.sheet.part, relation, "comments", self.comments)
            self.directory.typed(self.comments, "comments")
        if self.notes.texts or self.notes.had_comments:
            made.writestr(member(self.comments), comments)


def _survey(book: XlsxBook, sheet: Sheet, header_row: int) -> Survey:
    """Where the marks go: behind all that is filled, or where they were when the workbook comes
    back marked."""
    width, head, tail = 0, b"", b""
    with book.package.open(sheet.part) as stream:
        for number, piece in enumerate(pieces(stream)):
            width = max(width, last_filled(piece.body))
            head = piece.raw if number == 0 else head
            tail = piece.raw if piece.row is None else tail
    reach = (m.last_column for m in sheet.merged if m.first_row <= header_row)
    before = _marked_before(book, sheet, header_row)
    column = before or max(width, *reach, 0) + 1
    head_with_columns(head, column)
    return Survey(column, tail)


def _marked_before(book: XlsxBook, sheet: Sheet, header_row: int) -> int | None:
    """The first of our four columns, in a workbook that we have marked."""
    for row in book.rows(sheet):
        if row.number >= header_row:
            last = sorted(row.cells)[-len(HEADS) :]
            ours = row.number == header_row and tuple(row.cells[n].text for n in last) == HEADS
            return last[0] if ours else None
    return None
