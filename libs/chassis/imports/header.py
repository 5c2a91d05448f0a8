"""Where the heads of a sheet stand, what they are called, and which column is which field.

Townships head their sheets in one, two or three lines, merged or not, under a title or not. The
shape of a sheet is its heads alone, so that what a person once said of it is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from libs.events.money import Unit
from libs.events.types import natural

from ..sheets.cells import Merged, Row
from ..sheets.marked_sheet import HEADS as OURS
from .columns import Column
from .quantities import Money
from .unit_words import is_unit_line, unit_above, unit_of_heads, unit_of_texts

LOOKED_AT = 20
"""Rows of a sheet in which its heads must stand."""
LINES = 3
_ASIDE = re.compile(r"[(（].*?[)）]|[*＊:：]")


@dataclass(frozen=True, slots=True)
class Head:
    """Of one column: its lowest line, and all its lines joined from the top."""

    label: str
    full: str
    unit: Unit | None


HEADLESS = Head("", "", None)


@dataclass(frozen=True, slots=True)
class Header:
    """`row`: the lowest line of the heads; data begin below. `unit`: said above them, of every
    amount whose own head says none."""

    row: int
    heads: Mapping[int, Head]
    unit: Unit | None = None

    @property
    def shape(self) -> bytes:
        """The same for every sheet with these heads, whatever its name and its rows."""
        told = "\0".join(f"{column}\1{head.full}" for column, head in sorted(self.heads.items()))
        said = "" if self.unit is None else f"\0{self.unit}"
        return sha256(f"{told}{said}".encode()).digest()


def find_header(
    rows: Sequence[Row], merged: Sequence[Merged], columns: Sequence[Column]
) -> Header | None:
    """The row of the first ones below whose heads most fields are recognised; the first of equals.
    None where no head is recognised at all."""
    best: tuple[int, Header | None] = (0, None)
    for row in rows:
        if row.number > LOOKED_AT:
            break
        header = _header(rows, merged, row.number)
        known = len(proposed(header, columns))
        if known > best[0]:
            best = (known, header)
    return best[1]


def proposed(header: Header, columns: Sequence[Column]) -> dict[str, int]:
    """Field -> column, where a head is one of the names of the field."""
    found: dict[str, int] = {}
    for number, head in sorted(header.heads.items()):
        for column in columns:
            names = {_plain(name) for name in (column.title, column.field, *column.aliases)}
            if column.field not in found and names & {_plain(head.full), _plain(head.label)}:
                found[column.field] = number
                break
    return found


def heads_units(
    header: Header, mapping: Mapping[str, int], columns: Sequence[Column]
) -> dict[str, Unit]:
    """What the sheet itself says of the units of mapped columns."""
    amounts = {column.field for column in columns if isinstance(column, Money)}
    said = {
        field: (header.heads[at].unit if at in header.heads else None)
        or (header.unit if field in amounts else None)
        for field, at in mapping.items()
    }
    return {field: unit for field, unit in said.items() if unit is not None}


def _plain(text: str) -> str:
    """As it is compared: half-width, without blanks, units, notes and stars."""
    return _ASIDE.sub("", re.sub(r"\s", "", natural(text))).replace("/", "").casefold()


def _header(rows: Sequence[Row], merged: Sequence[Merged], bottom: int) -> Header:
    lines = [row for row in rows if bottom - LINES < row.number <= bottom]
    texts = [_filled(row, merged, rows) for row in lines]
    while len(texts) > 1 and len(set(_no_units(texts[0]).values())) <= 1:
        texts, lines = texts[1:], lines[1:]  # a title over all of them, or their unit
    unit = unit_above(rows, lines[0].number)
    if len(texts) > 1:
        unit = unit_of_texts(text for text in texts[0].values() if is_unit_line(text)) or unit
        texts[0] = _no_units(texts[0])
    heads: dict[int, Head] = {}
    for column in sorted(set().union(*texts)):
        labels = list(_distinct(line[column] for line in texts if column in line))
        if labels and labels[-1] not in OURS:  # what comes back to us is read without them
            heads[column] = Head(labels[-1], "/".join(labels), unit_of_heads(labels))
    return Header(bottom, heads, unit)


def _no_units(texts: Mapping[int, str]) -> dict[int, str]:
    return {at: text for at, text in texts.items() if not is_unit_line(text)}


def _filled(row: Row, merged: Sequence[Merged], rows: Sequence[Row]) -> dict[int, str]:
    """The texts of one line, with what merged cells show over all they cover."""
    texts = {
        at: re.sub(r"\s+", "", cell.text) for at, cell in row.cells.items() if cell.text.strip()
    }
    for one in merged:
        if one.first_row <= row.number <= one.last_row:
            at = one.first_column
            corner = next((r.cells.get(at) for r in rows if r.number == one.first_row), None)
            if corner is not None and corner.text.strip():
                said = re.sub(r"\s+", "", corner.text)
                texts |= dict.fromkeys(range(at, one.last_column + 1), said)
    return texts


def _distinct(labels: Iterator[str]) -> Iterator[str]:
    last = ""
    for label in labels:
        if label != last:
            yield label
        last = label
