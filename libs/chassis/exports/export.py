"""A list that can be taken out in a file: a declaration, one of each list.

The query is the whole of it: within `$1`, the area that the file is cut to (NULL: none), with a
column named for each field, in an order that does not change. What it tells of people is added to
each part of the rows by `opening`, masked as the profile says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record

from ..call import Call
from ..sheets.writing import Column

Kind = Literal["text", "code", "count", "fen", "day", "moment", "yes"]
"""How a value is told: `code` is text whose digits no program may take for a number; `fen` is yuan
in a sheet, and fen where a program reads."""
Found = Record
"""A row of the query."""
Tell = Callable[[Sequence[Found]], Awaitable[list[Sequence[str | None]]]]
"""What a part of the rows tells of people: the texts of `personal`, row by row."""
Opening = Callable[[Call, str, UUID | None], Awaitable[Tell]]
"""Of a call, a masking profile and the area. Raises: RefusedCall where there is no such profile."""
WIDTHS = {"code": 38, "text": 24, "count": 10, "fen": 16, "day": 12, "moment": 20, "yes": 8}


@dataclass(frozen=True)
class Field:
    """A column: its name in the query and in ndjson, and its Chinese head."""

    name: str
    head: str
    kind: Kind = "text"

    @property
    def column(self) -> Column:
        head = f"{self.head}（元）" if self.kind == "fen" else self.head
        return Column(head, WIDTHS[self.kind], text=self.kind in ("text", "code"))


@dataclass(frozen=True)
class Export:
    """`personal`: what is told of people, behind the other columns; their names are those of the
    fields of a person."""

    name: str
    title: str
    roles: tuple[str, ...]
    fields: tuple[Field, ...]
    sql: str
    personal: tuple[Field, ...] = ()
    opening: Opening | None = None

    @property
    def every_field(self) -> tuple[Field, ...]:
        return (*self.fields, *self.personal)

    def values(self, row: Found, told: Sequence[str | None]) -> list[Any]:
        """One row's values, in the order of `every_field`."""
        return [*(row[field.name] for field in self.fields), *told]


AREA_FIELDS = (Field("area_code", "区划代码", "code"), Field("area_name", "区划名称"))
AREA_COLUMNS = "newest.code AS area_code, newest.name AS area_name"
"""Of a row named `t`, together with `AREA_JOIN`."""
AREA_JOIN = """
  LEFT JOIN LATERAL (SELECT code, name FROM known.area_codes
                      WHERE area = t.area ORDER BY valid_from DESC LIMIT 1) newest ON true
"""
