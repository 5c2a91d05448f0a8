"""Reading the old .xls, whose sheets have 65,536 rows at most, by calamine.

It says nothing of hidden rows and columns, and a formula without a value is an empty cell. What it
reads as a float is spelled back by the shortest digits that give the same float: those that Excel
shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from .cells import Cell, Kind, Merged, Row, Sheet, plain
from .unreadable import Why

ERRORS = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"))
LARGEST = 128 << 20
MERGED_ROWS = 30
Value = int | float | str | bool | time | date | datetime | timedelta


class XlsBook:
    """An open workbook of Excel 97 to 2003."""

    kind = "xls"
    suffix = ".xlsx"

    def __init__(self, path: Path) -> None:
        if path.stat().st_size > LARGEST:
            raise Why.TOO_LARGE.refused()
        self.path = path
        try:
            self._book = CalamineWorkbook.from_path(str(path))
        except PasswordError as error:
            raise Why.ENCRYPTED.refused() from error
        except CalamineError as error:
            raise Why.DAMAGED.refused() from error
        self.sheets = tuple(
            Sheet(sheet.name, sheet.visible != SheetVisibleEnum.Visible, merged=self._heads(n))
            for n, sheet in enumerate(self._book.sheets_metadata)
            if sheet.typ == SheetTypeEnum.WorkSheet
        )

    def rows(self, sheet: Sheet) -> Iterator[Row]:
        table = self._book.get_sheet_by_name(sheet.name)
        top, left = table.start or (0, 0)
        for number, values in enumerate(table.to_python(skip_empty_area=True), top + 1):
            cells = {
                column: cell
                for column, value in enumerate(values, left + 1)
                if (cell := _cell(value)) is not None
            }
            if cells:
                yield Row(number, cells)

    def close(self) -> None:
        self._book.close()

    def merged(self, sheet: Sheet) -> Iterator[Merged]:
        """All of a sheet, from the top down; of two that overlap the first, as a new workbook may
        have them."""
        yield from _apart(_ranges(self._book.get_sheet_by_name(sheet.name)))

    def _heads(self, number: int) -> tuple[Merged, ...]:
        found = _ranges(self._book.get_sheet_by_index(number))
        return tuple(one for one in found if one.first_row <= MERGED_ROWS)


def _ranges(table: CalamineSheet) -> Iterator[Merged]:
    for (top, left), (bottom, right) in table.merged_cell_ranges or []:
        yield Merged(top + 1, left + 1, bottom + 1, right + 1)


def _apart(ranges: Iterable[Merged]) -> Iterator[Merged]:
    above: list[Merged] = []
    for one in sorted(ranges):
        above = [other for other in above if other.last_row >= one.first_row]
        beside = all(
            one.last_column < other.first_column or one.first_column > other.last_column
            for other in above
        )
        if beside and one[:2] != one[2:]:
            above.append(one)
            yield one


def _cell(value: Value) -> Cell | None:
    if value == "" and isinstance(value, str):
        return None
    if isinstance(value, bool):
        return Cell(Kind.BOOL, "TRUE" if value else "FALSE")
    if isinstance(value, str):
        return Cell(Kind.ERROR if value in ERRORS else Kind.TEXT, value)
    if isinstance(value, int | float):
        spelled = _spelled(value)
        return Cell(Kind.NUMBER, spelled, stored=spelled)
    return Cell(Kind.DATE, _moment(value))


def _spelled(number: int | float) -> str:
    return plain(repr(number).removesuffix(".0"))


def _moment(value: time | date | datetime | timedelta) -> str:
    if isinstance(value, timedelta):
        return str(value)
    return value.isoformat().removesuffix("T00:00:00").partition(".")[0]
