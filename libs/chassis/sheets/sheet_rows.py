"""One sheet's XML, as it streams by, to rows.

The handlers run once a cell and more: what they do is plain on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from xml.parsers.expat import XMLParserType

from .cells import LAST_COLUMN, LAST_ROW, Cell, Kind, Row, column_of, plain
from .dates import moment
from .strings import Feed, SharedStrings, unescaped
from .unreadable import LONGEST_ROW, LONGEST_TEXT, beyond, row_beyond, text_beyond

TRUE = ("1", "true")


class Formats(NamedTuple):
    """What a cell's own XML does not say: is its format a date's, whence are days counted, and the
    shared strings."""

    dates: tuple[bool, ...]
    from_1904: bool
    strings: SharedStrings


class SheetRows:
    """Fed with chunks of a sheet, gives the rows that ended within them."""

    def __init__(self, formats: Formats, parser: XMLParserType) -> None:
        self.formats, self.parser = formats, parser
        self.take = Feed(parser)
        self.found: list[Row] = []
        self.number = self.column = self.begun = self.size = 0
        self.hidden = self.within = False
        self.cells: dict[int, Cell] = {}
        self.attributes: dict[str, str] = {}
        self.text: list[str] = []
        self.value: str | None = None
        self.formula: str | None = None
        self.guide = False
        self.ends: dict[str, Callable[[], None]] = {}
        parser.CharacterDataHandler = self.text.append
        parser.StartElementHandler = self.first

    def feed(self, chunk: bytes, final: bool = False) -> list[Row]:
        """Shapes: in the sheet's order; empty where no row ended, or none that holds anything."""
        self.take(chunk, final)
        if not self.within:
            self.text.clear()
        elif sum(map(len, self.text)) > LONGEST_TEXT:
            raise text_beyond(self.number)
        found, self.found[:] = self.found[:], []
        return found

    def first(self, root: str, _: dict[str, str]) -> None:
        """The root says by which prefix the sheet's elements are called."""
        prefix, sign, _name = root.rpartition(":")
        names = (f"{prefix}{sign}{name}" for name in ("c", "v", "f", "t", "row", "rPh"))
        self.c, self.v, self.f, self.t, self.row, self.rph = names
        self.ends = {
            self.c: self._cell_ended,
            self.v: self._value_ended,
            self.f: self._formula_ended,
            self.t: self._run_ended,
            self.row: self._row_ended,
            self.rph: self._guide_ended,
        }
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.c:
            self._cell_began(attributes)
        elif name in (self.v, self.f, self.t):
            self.text.clear()
        elif name == self.row:
            self._row_began(attributes)
        elif name == self.rph:
            self.guide = True

    def end(self, name: str) -> None:
        ended = self.ends.get(name)
        if ended is not None:
            ended()

    def _value_ended(self) -> None:
        self.value = "".join(self.text)

    def _formula_ended(self) -> None:
        self.formula = "".join(self.text)

    def _run_ended(self) -> None:
        if not self.guide:
            self.value = (self.value or "") + "".join(self.text)
            if len(self.value) > LONGEST_TEXT:
                raise text_beyond(self.number)

    def _guide_ended(self) -> None:
        self.guide = False

    def _row_ended(self) -> None:
        if self.cells:
            self.found.append(Row(self.number, self.cells, self.hidden))
            self.cells = {}
        self.text.clear()
        self.within = False

    def _row_began(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        number = int(said) if said else self.number + 1
        if not self.number < number <= LAST_ROW:
            raise ValueError("rows out of order")
        self.number, self.column, self.within = number, 0, True
        self.begun = self.size = 0
        self.hidden = attributes.get("hidden") in TRUE

    def _cell_began(self, attributes: dict[str, str]) -> None:
        self.begun += 1
        if self.begun > LAST_COLUMN:
            raise beyond(f"第 {self.number} 行", "格数", LAST_COLUMN)
        said = attributes.get("r")
        self.column = column_of(said.rstrip("0123456789")) if said else self.column + 1
        self.attributes = attributes
        self.value = self.formula = None

    def _cell_ended(self) -> None:
        self.text.clear()
        if self.value is None and self.formula is None:
            return
        value, formula = self.value or "", self.formula
        kind = self.attributes.get("t", "n")
        if value and (kind != "n" or (value := value.strip())):
            cell = self._valued(kind, value, formula is not None)
        elif formula is not None and kind == "n":
            cell = Cell(Kind.FORMULA, f"={formula}")
        else:
            return
        self.cells[self.column] = cell
        self.size += len(cell.text)
        if self.size > LONGEST_ROW:
            raise row_beyond(self.number)

    def _valued(self, kind: str, value: str, computed: bool) -> Cell:
        """Raises: ValueError, KeyError."""
        if kind == "n":
            return self._number(value, computed)
        if kind == "s":
            return Cell(Kind.TEXT, self.formats.strings[int(value)], computed)
        if kind in ("str", "inlineStr"):
            return Cell(Kind.TEXT, unescaped(value), computed)
        if kind == "b":
            return Cell(Kind.BOOL, "TRUE" if value in TRUE else "FALSE", computed, value)
        if kind == "d":
            return Cell(Kind.DATE, value.removesuffix("T00:00:00"), computed, value)
        return Cell(Kind.ERROR, value, computed)

    def _number(self, stored: str, computed: bool) -> Cell:
        text, style = plain(stored), int(self.attributes.get("s", "0"))
        dates = self.formats.dates
        if style < len(dates) and dates[style]:
            day = moment(text, self.formats.from_1904)
            if day is not None:
                return Cell(Kind.DATE, day, computed, stored)
        return Cell(Kind.NUMBER, text, computed, stored)
