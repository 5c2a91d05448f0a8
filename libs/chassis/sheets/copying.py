"""A workbook's content as a new .xlsx: of csv and .xls, and of what is written in a way that marks
cannot be put into. Values and their places are kept, of .xls also merged cells; formats are not: no
reader of ours tells the colours and widths of an .xls. `said` says so to whoever gets the copy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from .book import Book
from .cells import Cell, Kind, Row, Sheet
from .spelling import ErrorValue, Value
from .writing import TAKEN_AT, Plan, Writer
from .xls import XlsBook

SEE = "；颜色、列宽、字体、批注与公式未保留，原样请以原文件为准"
LOST = {
    "xls": f"文件原为 .xls：本结果另存为 .xlsx，单元格的值、位置与合并不变{SEE}",
    "xlsx": f"文件的写法不合常规，不能原处标注：本结果另存为新的 .xlsx，单元格的值与位置不变{SEE}",
}
FIRST_SURE_DAY = "1900-03-01"
NO_VALUE = ErrorValue("#N/A")
"""A formula that no program has computed, where its row is moved: it would count other cells."""


def copied(book: Book, target: Path) -> None:
    """Every sheet, each cell in its row and column. A formula without a value becomes its text."""
    plans = [_plan(book, sheet) for sheet in book.sheets]
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


def _plan(book: Book, sheet: Sheet) -> Plan:
    merged = tuple(book.merged(sheet)) if isinstance(book, XlsBook) else ()
    return Plan(sheet.name, hidden=sheet.hidden, merged=merged)


def said(book: Book) -> str | None:
    """What of the file is not in its copy; a csv has nothing else."""
    return LOST.get(book.kind)


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
