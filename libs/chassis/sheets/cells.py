"""What a workbook says: cells with the digits as the file stores them, rows and sheets.

A number never passes through a float, so that an identity number that Excel has made a number is
seen for what it is: by its kind, and by its last digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
SIGNIFICANT = 15
"""What Excel calculates with and shows; further digits of a fraction are binary noise."""
LONGEST_EXPONENT = 308
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(E[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
SHORT = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOL = "bool"
    ERROR = "error"
    FORMULA = "formula"
    """A formula that no program has computed; one with its value is of the value's kind."""


class Cell(NamedTuple):
    """`text` of a number is plain decimal text, of a date ISO 8601 (`2024-01-01`,
    `2024-01-01T08:00:00`, or `08:00:00` alone), of a bool TRUE or FALSE, of a formula the formula
    with its sign; `stored` is what the file holds: a date's serial number, a number's spelling."""

    kind: Kind
    text: str
    computed: bool = False
    stored: str = ""


class Row(NamedTuple):
    """`cells` by column, from 1; what is empty is not there. Hidden also means filtered out."""

    number: int
    cells: Mapping[int, Cell]
    hidden: bool = False


class Merged(NamedTuple):
    """A merged range; its value is in its first cell."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


class Sheet(NamedTuple):
    """`merged` holds the ranges that begin in the first MERGED_ROWS rows. `part` is the reader's
    own: where the sheet lies in the file. `ours`: the summary that we put before the user's
    sheets, in a workbook that comes back."""

    name: str
    hidden: bool = False
    hidden_columns: frozenset[int] = frozenset()
    merged: tuple[Merged, ...] = ()
    part: str = ""
    ours: bool = False


def letter(column: int) -> str:
    """1 is A, 28 is AB."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


@lru_cache(maxsize=LAST_COLUMN)
def column_of(letters: str) -> int:
    """A is 1, AB is 28. Raises: ValueError on what is no column of a workbook."""
    found = 0
    for sign in letters.upper():
        if not "A" <= sign <= "Z":
            raise ValueError("no column")
        found = found * 26 + ord(sign) - ord("A") + 1
    if not 0 < found <= LAST_COLUMN:
        raise ValueError("no column")
    return found


def place(reference: str) -> tuple[int, int]:
    """Row and column of B7. Raises: ValueError."""
    letters = reference.rstrip("0123456789")
    row = int(reference[len(letters) :])
    if not 0 < row <= LAST_ROW:
        raise ValueError("no row")
    return row, column_of(letters)


@lru_cache(maxsize=65_536)
def plain(stored: str) -> str:
    """Decimal text of a stored number, without exponent; a whole number keeps every digit, a
    fraction 15 of them, as Excel shows it: 8.249999999999999 is 8.25.

    Raises: ValueError on what is no number.
    """
    if SHORT.fullmatch(stored):
        return stored
    number = Decimal(stored) if NUMBER.fullmatch(stored) else None
    if number is None or abs(number.adjusted()) > LONGEST_EXPONENT:
        raise ValueError("no number")
    _, digits, exponent = number.as_tuple()
    if isinstance(exponent, int) and exponent < 0 and len(digits) > SIGNIFICANT:
        number = Decimal(f"{number:.{SIGNIFICANT - 1}e}")
        if number == number.to_integral_value():
            return f"{number.to_integral_value():f}"
        return f"{number.normalize():f}"
    return f"{number:f}"
