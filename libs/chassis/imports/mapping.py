"""What a person says of the columns of a sheet: which is which field, and in which unit."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.events.errors import Refused
from libs.events.money import Unit

from ..sheets.cells import LAST_COLUMN, column_of, letter
from .importer import Importer


class MapImport(BaseModel):
    """说明列与字段的对应；同样表头的表以后照此办理。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")]] = Field(
        min_length=1, max_length=100, description="字段 → 列，没有列名的也可以"
    )
    units: dict[str, Unit] = Field(
        default_factory=dict, description="金额字段 → 单位；不说的，按表中所写"
    )


class UnknownField(Refused):
    """没有这个字段：{importer}没有“{field}”。"""


class NoSuchColumn(Refused):
    """没有这一列：{letter}，工作表的列至多到 {last}。"""


class ColumnTwice(Refused):
    """一列只能对应一个字段：{letter} 列同时对应{first}和{second}。"""


def mapping_of(said: MapImport, importer: Importer) -> dict[str, int]:
    """Field -> column. Raises: UnknownField, NoSuchColumn, ColumnTwice."""
    known = {column.field for column in importer.columns}
    for strange in sorted((said.columns.keys() | said.units.keys()) - known):
        raise UnknownField(importer=importer.title, field=strange)
    fields: dict[str, str] = {}
    for name, at in said.columns.items():
        if at in fields:
            first, second = (importer.column(one).title for one in (fields[at], name))
            raise ColumnTwice(letter=at, first=first, second=second)
        fields[at] = name
    return {name: _number(at) for at, name in fields.items()}


def _number(at: str) -> int:
    try:
        return column_of(at)
    except ValueError:
        raise NoSuchColumn(letter=at, last=letter(LAST_COLUMN)) from None
