"""Reading .xlsx: the sheets of a package, and the rows of a sheet as they stream by.

Memory does not grow with the rows: a sheet is never held, shared strings lie in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from .cells import LAST_COLUMN, Merged, Row, Sheet, place
from .dates import is_date
from .directory import old_summary
from .package import CONTENT_TYPES, Package
from .sheet_rows import Formats, SheetRows
from .strings import CHUNK, SharedStrings, hardened
from .unreadable import Why, beyond, damage_told

MERGED_ROWS = 30
LONGEST_HEAD = LONGEST_TAIL = 16 << 20
SCANNED = 1 << 20
MACROS = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
TRUE = ("1", "true")
_DATA = re.compile(rb"<(?:\w+:)?sheetData\b")
_DATA_END = re.compile(rb"</(?:\w+:)?sheetData\s*>|<(?:\w+:)?sheetData\s*/>")
_LONGEST_TAG = 64
_COLUMN = re.compile(rb"<(?:\w+:)?col\s[^>]*>")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]+\d+):([A-Z]+\d+)[\"']")
_ATTRIBUTE = re.compile(rb"(\w+)\s*=\s*[\"']([^\"']*)[\"']")


class XlsxBook:
    """An open workbook of Office Open XML."""

    kind = "xlsx"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.package = Package(path)
        self._formats: Formats | None = None
        try:
            with damage_told():
                self._open()
        except BaseException:
            self.package.close()
            raise

    def _open(self) -> None:
        self.workbook = _workbook_part(self.package)
        root = self.package.xml(self.workbook)
        self.from_1904 = any(found.get("date1904") in TRUE for found in root.iter("{*}workbookPr"))
        self.related = self.package.relations(self.workbook)
        self.sheets = tuple(self._sheets(root))

    @property
    def suffix(self) -> str:
        """By which programs know what the file holds: macros stay where they were."""
        return ".xlsm" if MACROS.encode() in self.package.read(CONTENT_TYPES) else ".xlsx"

    def rows(self, sheet: Sheet) -> Iterator[Row]:
        """The rows that hold anything, as the file orders them. Raises: UnreadableBook."""
        with damage_told():
            if self._formats is None:
                self._formats = self._read_formats()
            reader = SheetRows(self._formats, hardened())
            with self.package.open(sheet.part) as part:
                while chunk := part.read(CHUNK):
                    yield from reader.feed(chunk)
                yield from reader.feed(b"", final=True)

    def close(self) -> None:
        if self._formats is not None:
            self._formats.strings.close()
        self.package.close()

    def part_of(self, kind: str) -> str | None:
        """The workbook's part of a kind: styles, sharedStrings."""
        found = (r.target for r in self.related if r.kind == kind and r.target in self.package)
        return next(found, None)

    def _sheets(self, root: etree._Element) -> Iterator[Sheet]:
        parts = {r.id: r for r in self.related}
        summary = old_summary(self.package, self.workbook, root)
        for element in root.iter("{*}sheet"):
            ids = (v for k, v in element.attrib.items() if str(k).endswith("}id"))
            relation = parts[str(next(ids))]
            if relation.kind == "worksheet":
                hidden = element.get("state", "visible") != "visible"
                part = self.package.named(relation.target)
                read = self._sheet(element.get("name", ""), hidden, part)
                yield read._replace(ours=part == summary)

    def _sheet(self, name: str, hidden: bool, part: str) -> Sheet:
        head, tail = _ends(self.package, part)
        return Sheet(name, hidden, _hidden(head), tuple(_merged(tail)), part)

    def _read_formats(self) -> Formats:
        styles, shared = self.part_of("styles"), self.part_of("sharedStrings")
        dates = _dates(self.package.xml(styles)) if styles else ()
        if shared is None:
            return Formats(dates, self.from_1904, SharedStrings(None))
        with self.package.open(shared) as part:
            return Formats(dates, self.from_1904, SharedStrings(part))


def _workbook_part(package: Package) -> str:
    """Raises: UnreadableBook where the zip is no workbook that we read."""
    if "mimetype" in package and b"opendocument.spreadsheet" in package.read("mimetype"):
        raise Why.ODS.refused()
    found = [r.target for r in package.relations("") if r.kind == "officeDocument"]
    if not found or not found[0].startswith("xl/") or found[0] not in package:
        raise Why.NO_BOOK.refused()
    if found[0].endswith(".bin"):
        raise Why.BINARY.refused()
    return found[0]


def _dates(styles: etree._Element) -> tuple[bool, ...]:
    """By the number of a cell's format: is it a date's?"""
    codes = {int(f.get("numFmtId", "0")): f.get("formatCode") for f in styles.iter("{*}numFmt")}
    formats = styles.find("{*}cellXfs")
    ids = [int(xf.get("numFmtId", "0")) for xf in (() if formats is None else formats)]
    return tuple(is_date(number, codes.get(number)) for number in ids)


def _ends(package: Package, part: str) -> tuple[bytes, bytes]:
    """What stands before the rows of a sheet, and what after."""
    head, before, tail = b"", b"", None
    with package.open(part) as stream:
        while chunk := stream.read(SCANNED):
            if tail is not None:
                tail += chunk
            elif (found := _DATA_END.search(before + chunk)) is not None:
                tail = (before + chunk)[found.end() :]
            if not head and (began := _DATA.search(before + chunk)) is not None:
                head = (before + chunk)[: began.start()]
            before = (before + chunk)[-_LONGEST_TAG:] if head else before + chunk
            if len(tail or b"") > LONGEST_TAIL or len(before) > LONGEST_HEAD:
                raise Why.TOO_LARGE.refused()
    return head, tail or b""


def _hidden(head: bytes) -> frozenset[int]:
    ranges = set()
    for number, tag in enumerate(_COLUMN.finditer(head)):
        if number == LAST_COLUMN:
            raise beyond("工作表前部", "列设置数", LAST_COLUMN)
        said = dict(_ATTRIBUTE.findall(tag[0]))
        if said.get(b"hidden", b"0").decode() in TRUE:
            first, last = int(said[b"min"]), int(said[b"max"])
            _, _ = place(f"A{first}"), place(f"A{last}")
            ranges.add((first, min(last, LAST_COLUMN)))
    return frozenset(_within(sorted(ranges)))


def _within(ranges: list[tuple[int, int]]) -> Iterator[int]:
    """Each column once, however often ranges say it. `ranges`: ascending."""
    done = 0
    for first, last in ranges:
        yield from range(max(first, done + 1), last + 1)
        done = max(done, last)


def _merged(tail: bytes) -> Iterator[Merged]:
    for first, last in _MERGED.findall(tail):
        merged = Merged(*place(first.decode()), *place(last.decode()))
        if merged.first_row <= MERGED_ROWS:
            yield merged
