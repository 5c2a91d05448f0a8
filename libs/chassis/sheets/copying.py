"""A workbook's content as a new .xlsx: of csv and .xls, and of what is written in a way that marks
cannot be put into. Values and their places are kept, formats are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from .book import Book
from .cells import Cell, Kind, Row
from .spelling import ErrorValue, Value
from .writing import TAKEN_AT, Plan, Writer

FIRST_SURE_DAY = "1900-03-01"
NO_VALUE = ErrorValue("#N/A")
"""A formula that no program has computed, where its row is moved: it would count other cells."""


def copied(book: Book, target: Path) -> None:
    """Every sheet, each cell in its row and column. A formula without a value becomes its text."""
    plans = [Plan(sheet.name, hidden=sheet.hidden) for sheet in book.sheets]
    writer = Writer(plans)
    with target.open("wb") as file:
        for sheet in book.sheets:
            writer.sheet()
            for row in book.rows(sheet):
                writer.row(list(_values(row)), row.number)
                if writer.ready >= TAKEN_AT:
                    file.write(writer.take())
        writer.close()
        file.write(writer.take())


def _values(row: Row) -> Iterator[Value]:
    for column in range(1, max(row.cells) + 1):
        found = row.cells.get(column)
        yield None if found is None else value_of(found)


def moved(cell: Cell | None) -> Value:
    """As it is written in another row. What was wrong with its kind is wrong with it there."""
    if cell is None:
        return None
    return NO_VALUE if cell.kind == Kind.FORMULA else value_of(cell)


def value_of(cell: Cell) -> Value:
    """Of the cell's own kind; a formula without a value becomes its text."""
    if cell.kind == Kind.ERROR:
        return ErrorValue(cell.text)
    if cell.kind == Kind.NUMBER:
        return Decimal(cell.text)
    if cell.kind == Kind.BOOL:
        return cell.text == "TRUE"
    if cell.kind == Kind.DATE and cell.text >= FIRST_SURE_DAY:
        try:
            moment = datetime.fromisoformat(cell.text)
        except ValueError:
            return cell.text
        return moment if "T" in cell.text else date.fromisoformat(cell.text)
    return cell.text
