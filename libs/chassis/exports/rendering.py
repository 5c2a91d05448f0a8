"""Rows to a file: .xlsx, csv or ndjson, written as they come and digested as they are written.

It lies in a spool: sealed, without a name, gone with the process or when it has been sent.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from libs.events.canonical import canonical
from libs.events.clock import CHINA
from libs.events.contracts.exports import Format
from libs.events.types import plain

from ..sheets.cells import LAST_ROW
from ..sheets.spelling import Value
from ..sheets.spool import Spool
from ..sheets.writing import Plan, Writer, csv_lines
from .export import Export, Field, Kind

MOST_ROWS_OF_A_SHEET = LAST_ROW - 1


class Rendered:
    """A file that grows by rows. `rows`, `size` and `sha256` say what is in it so far."""

    def __init__(self, export: Export, format: Format) -> None:
        self.export, self.format = export, format
        self.spool, self.rows = Spool(), 0
        self._digest = hashlib.sha256()
        self._book: Writer | None = None
        if format == "xlsx":
            columns = [field.column for field in export.every_field]
            self._book = Writer([Plan(export.title, columns)])
            self._book.sheet()
        elif format == "csv":
            heads = [field.column.head for field in export.every_field]
            self._put(codecs.BOM_UTF8 + csv_lines([heads]).encode())

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Values in the order of the export's fields."""
        self.rows += len(rows)
        fields = self.export.every_field
        if self.format == "ndjson":
            self._put(b"".join(_line(fields, row) for row in rows))
            return
        shown = [[_value(f.kind, v) for f, v in zip(fields, row, strict=True)] for row in rows]
        if self._book is None:
            self._put(csv_lines(shown).encode())
            return
        for row in shown:
            self._book.row(row)
        self._put(self._book.take())

    def finish(self) -> None:
        """What a workbook ends with."""
        if self._book is not None:
            self._book.close()
            self._put(self._book.take())

    @property
    def size(self) -> int:
        return self.spool.size

    @property
    def sha256(self) -> bytes:
        return self._digest.digest()

    def _put(self, more: bytes) -> None:
        self.spool.write(more)
        self._digest.update(more)


def _line(fields: Sequence[Field], row: Sequence[Any]) -> bytes:
    told = {field.name: value for field, value in zip(fields, row, strict=True)}
    return canonical(plain(told)) + b"\n"


def _value(kind: Kind, value: Any) -> Value:
    """As a person reads it in a sheet."""
    match value:
        case None:
            return None
        case UUID():
            return str(value)
        case datetime():
            return value.astimezone(CHINA).replace(tzinfo=None)
        case list() | tuple() | dict():
            return msgspec.json.encode(value).decode()
    if kind == "fen":
        return Decimal(value).scaleb(-2)
    if kind == "yes":
        return "是" if value else "否"
    told: Value = value
    return told
