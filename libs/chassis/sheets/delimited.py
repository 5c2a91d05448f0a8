"""Reading csv: by whichever of the encodings and separators of the field its bytes make sense.

A text file has no kinds: every cell is text, and so an identity number keeps its digits.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from .cells import LAST_COLUMN, Cell, Kind, Row, Sheet
from .unreadable import LONGEST_ROW, Why, beyond, row_beyond

SEPARATORS = ",;\t"
ENCODINGS = ("utf-8-sig", "gb18030")
WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SAMPLE_LINES = 50
CHUNK = 1 << 20
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAID = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_QUOTED = re.compile(r'="([^"]*)"')


class CsvBook:
    """A text file with separators; one sheet without a name of its own."""

    kind = "csv"
    suffix = ".xlsx"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding = encoding_of(path)
        with path.open(encoding=self.encoding, newline="") as text:
            first = list(_sample(text))
        said = _SAID.fullmatch(first[0]) if first else None
        self.separator = said[1] if said else separator_of(first)
        self._skipped = 1 if said else 0
        self.sheets = (Sheet("CSV"),)

    def rows(self, _: Sheet) -> Iterator[Row]:
        """Each record is a row, a field with line feeds in it too, as a spreadsheet shows it."""
        try:
            with self.path.open(encoding=self.encoding, newline="") as text:
                for _line in range(self._skipped):
                    text.readline()
                yield from _rows(_Lines(text), self.separator)
        except csv.Error as error:
            raise Why.DAMAGED.refused() from error

    def close(self) -> None:
        """Nothing stays open between readings."""


def encoding_of(path: Path) -> str:
    """The first encoding in which the whole file is text.

    Every UTF-8 file is tried as UTF-8 first: Chinese in GB18030 is never valid UTF-8 by chance for
    long. Raises: UnreadableBook.
    """
    with path.open("rb") as file:
        start = file.read(CHUNK)
    if start[:2] in WIDE:
        tried: Iterable[str] = (WIDE[start[:2]],)
    elif _NO_TEXT.search(start):
        raise Why.NO_BOOK.refused()
    else:
        tried = ENCODINGS
    for encoding in tried:
        if _decodes(path, encoding):
            return encoding
    raise Why.ENCODING.refused()


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def separator_of(lines: list[str]) -> str:
    """The one by which the most records have the same number of fields, of more than one."""

    def agreement(separator: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            return 0, 0
        split = [width for width in widths if width > 1]
        return max((split.count(width) for width in set(split)), default=0), sum(split)

    return max(SEPARATORS, key=agreement)


def _sample(text: IO[str]) -> Iterator[str]:
    left = CHUNK
    for _ in range(SAMPLE_LINES):
        line = text.readline(left)
        left -= len(line)
        if not line or left <= 0:
            return
        yield line


class _Lines:
    """The lines of a record, which may be several; together no longer than a row may be."""

    def __init__(self, text: IO[str]) -> None:
        self.text, self.record, self.left = text, 1, LONGEST_ROW

    def __iter__(self) -> Iterator[str]:
        while line := self.text.readline(self.left + 1):
            self.left -= len(line)
            if self.left < 0:
                raise row_beyond(self.record)
            yield line

    def next_record(self) -> None:
        self.record, self.left = self.record + 1, LONGEST_ROW


def _rows(lines: _Lines, separator: str) -> Iterator[Row]:
    for number, fields in enumerate(csv.reader(lines, delimiter=separator), 1):
        lines.next_record()
        if len(fields) > LAST_COLUMN:
            raise beyond(f"第 {number} 行", "格数", LAST_COLUMN)
        cells = {
            column: Cell(Kind.TEXT, _text(field)) for column, field in enumerate(fields, 1) if field
        }
        if cells:
            yield Row(number, cells)


def _text(field: str) -> str:
    """`="0123"` is how some programs keep Excel from making a number of it."""
    quoted = _QUOTED.fullmatch(field) if field.startswith('="') else None
    return quoted[1] if quoted else field
