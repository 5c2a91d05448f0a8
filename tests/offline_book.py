"""The offline workbook in the hands of somebody who has it open, in a program that is not ours."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from libs.events.clock import today

TODAY = today().isoformat()


class OfflineBook:
    def __init__(self, content: bytes) -> None:
        self.book = openpyxl.load_workbook(io.BytesIO(content))
        self.page: Worksheet = self.book["家庭成员"]
        self.heads = {str(cell.value): at for at, cell in enumerate(self.page[1], 1)}
        keys = {self.page.cell(n, 1).value: n for n in range(2, self.page.max_row + 1)}
        self.rows = {
            UUID(key.partition(".")[2]): n for key, n in keys.items() if isinstance(key, str)
        }
        self.spare = len(self.rows) + 2

    def row(self, person: str) -> int:
        return self.rows[UUID(person)]

    def write(self, row: int, **said: Any) -> int:
        for head, value in said.items():
            self.page.cell(row, self.heads[head]).value = value
        return row

    def told(self, row: int, head: str) -> Any:
        return self.page.cell(row, self.heads[head]).value

    def come(self, person: str, **said: Any) -> int:
        """In the next empty row, into the household of a person."""
        self.spare += 1
        named = self.told(self.row(person), "户标识")
        return self.write(self.spare - 1, **{"户标识": named, "变动日期": TODAY, **said})

    def saved(self) -> bytes:
        out = io.BytesIO()
        self.book.save(out)
        return out.getvalue()
