"""A sheet as it is shown before it is taken: its heads, which field each is, its first rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, takewhile
from typing import Any
from uuid import UUID

from libs.events.amount import AmountTyped
from libs.events.errors import Refused

from ..sheets.book import Book
from ..sheets.cells import Sheet, letter
from .columns import Column, Setting
from .header import HEADLESS, LOOKED_AT, Header, find_header, proposed
from .importer import Importer
from .quantities import Money
from .reading import Read, Reading
from .store import Prepared
from .unit_words import foreign_unit

SHOWN = 20
"""Rows of a preview."""


class NoHeads(Refused):
    """找不到表头：第 {sheet} 张工作表前 {rows} 行中没有一个列名是{importer}的列，请对照模板。"""


class UnitNotRead(Refused):
    """表中写明金额单位为{unit}：只收元、万元、亿元，请换算后再导入。"""


class NoSuchSheet(Refused):
    """没有这张工作表：文件中的 {sheets} 张工作表都不是这个名称。"""


def sheet_of(book: Book, name: str) -> Sheet:
    """Raises: NoSuchSheet."""
    for sheet in book.sheets:
        if sheet.name == name:
            return sheet
    raise NoSuchSheet(sheets=len(book.sheets))


def header_of(book: Book, prepared: Prepared, importer: Importer) -> Header:
    """Raises: NoHeads, NoSuchSheet."""
    return heads_of(book, sheet_of(book, prepared.sheet), importer)


def heads_of(book: Book, sheet: Sheet, importer: Importer) -> Header:
    """Raises: NoHeads."""
    first = takewhile(lambda row: row.number <= LOOKED_AT, book.rows(sheet))
    header = find_header(list(first), sheet.merged, importer.columns)
    if header is None:
        number = book.sheets.index(sheet) + 1  # its name may be one's, and a refusal is kept
        raise NoHeads(sheet=number, rows=LOOKED_AT, importer=importer.title)
    return header


def require_unit(book: Book, sheet: Sheet, header: Header, importer: Importer) -> None:
    """Nothing is scaled by a guess (product 7.2). Raises: UnitNotRead."""
    if not any(isinstance(column, Money) for column in importer.columns):
        return
    first = takewhile(lambda row: row.number <= header.row, book.rows(sheet))
    if (unit := foreign_unit(first)) is not None:
        raise UnitNotRead(unit=unit)


def best_sheet(book: Book, importer: Importer) -> Sheet:
    """The one with most fields in its heads, the first of equals; where none has any, the first."""
    known = {}
    for sheet in book.sheets:
        try:
            known[sheet] = len(proposed(heads_of(book, sheet, importer), importer.columns))
        except NoHeads:
            known[sheet] = 0
    return max(book.sheets, key=lambda sheet: known[sheet])


def preview(
    book: Book, prepared: Prepared, importer: Importer, header: Header, setting: Setting
) -> dict[str, Any]:
    """What the heads are taken for, and the first rows as they would be read; persons masked."""
    mapping = prepared.mapping or {}
    field_of = {at: field for field, at in mapping.items()}
    sheet = sheet_of(book, prepared.sheet)
    reading = Reading(importer, mapping, header, setting)
    rows = list(islice(reading.rows(book.rows(sheet)), SHOWN)) if mapping else []
    return {
        "header_row": header.row,
        "columns": [
            {
                "letter": letter(at),
                "head": head.full,
                "field": field_of.get(at),
                "unit": prepared.units.get(field_of.get(at, ""), head.unit),
                "hidden": at in sheet.hidden_columns,
            }
            for at in sorted(header.heads.keys() | field_of.keys())
            for head in (header.heads.get(at, HEADLESS),)
        ],
        "missing": missing(importer, mapping),
        "rows": [_shown(read, importer) for read in rows],
    }


def missing(importer: Importer, mapping: Mapping[str, int]) -> list[str]:
    """The heads of required fields that no column is."""
    return [one.title for one in importer.columns if one.required and one.field not in mapping]


def _shown(read: Read, importer: Importer) -> dict[str, Any]:
    values = {
        importer.column(name).title: _text(importer.column(name), value)
        for name, value in read.values.items()
    }
    faults = [
        {"rule": one.rule, "message": one.message, "hint": one.hint, "severity": one.severity}
        for one in read.faults
    ]
    return {"row": read.number, "ignored": read.ignored, "values": values, "faults": faults}


def _text(column: Column, value: Any) -> str:
    if column.personal:
        text = str(value)
        return text[:1] + "*" * (len(text) - 1)
    match value:
        case AmountTyped():
            fen = value.read().amount_fen
            return f"{fen // 100:,}.{fen % 100:02d} 元"
        case UUID():
            return str(value)
        case _:
            return str(value)


def described(importer: Importer) -> dict[str, Any]:
    """What somebody must know who fills in such a sheet."""
    return {
        "name": importer.name,
        "title": importer.title,
        "roles": list(importer.roles),
        "columns": [
            {"field": one.field, "title": one.title, "required": one.required}
            for one in importer.columns
        ],
        "settings": [
            {"name": one.name, "title": one.title, "required": one.required}
            for one in importer.every_ask
        ],
    }
