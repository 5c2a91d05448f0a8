"""Read tables and how a batch of rows gets into them: fold in memory, one statement a table.

Three kinds of table: `append` (entries, one row an effect), `sum` (totals beside them), `latest`
(the last row of a key wins). A projection yields (table, row) pairs and never looks anything up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy

Mode = Literal["append", "sum", "latest"]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A read table: columns with their PostgreSQL types in order, the key, and what is summed."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    mode: Mode
    sums: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = self.names
        if unknown := set(self.key + self.sums) - set(names):
            raise TypeError(f"{self.name}: {sorted(unknown)} are not columns")
        if self.mode == "sum" and set(names) - set(self.key) != set(self.sums):
            raise TypeError(f"{self.name}: every column of a sum table is key or sum")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def statement(self) -> str:
        """One INSERT from unnested arrays; $1 is the first column's array."""
        arrays = ", ".join(
            f"${number}::{_sent_as(kind)}[]" for number, (_, kind) in enumerate(self.columns, 1)
        )
        picked = ", ".join(f"u.{name}::{kind}" for name, kind in self.columns)
        names = ", ".join(self.names)
        insert = (
            f"INSERT INTO {self.name} AS t ({names}) "  # noqa: S608 - names are constants of the code
            f"SELECT {picked} FROM unnest({arrays}) AS u({names})"
        )
        return insert + self._on_conflict()

    def _on_conflict(self) -> str:
        key = ", ".join(self.key)
        if self.mode == "append":
            return ""
        if self.mode == "sum":
            added = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in self.sums)
            return f" ON CONFLICT ({key}) DO UPDATE SET {added}"
        rest = [name for name in self.names if name not in self.key]
        replaced = ", ".join(f"{name} = excluded.{name}" for name in rest)
        return f" ON CONFLICT ({key}) DO " + (f"UPDATE SET {replaced}" if rest else "NOTHING")

    def fold(self, rows: Iterable[Row]) -> list[Row]:
        """Rows of one batch, one a key (append: as they are)."""
        if self.mode == "append":
            return list(rows)
        at = [self.names.index(name) for name in self.key]
        folded: dict[Row, Row] = {}
        for row in rows:
            key = tuple(row[i] for i in at)
            earlier = folded.get(key)
            folded[key] = self._sum(earlier, row) if earlier and self.mode == "sum" else row
        return list(folded.values())

    def _sum(self, a: Row, b: Row) -> Row:
        return tuple(
            x + y if name in self.sums else x for name, x, y in zip(self.names, a, b, strict=True)
        )


def _sent_as(kind: str) -> str:
    """unnest would flatten an array of arrays, so an array column travels as its text."""
    return "text" if kind.endswith("[]") else kind


def _sendable(kind: str, value: Any) -> Any:
    if kind.endswith("[]") and value is not None:
        return "{" + ",".join(_quoted(item) for item in value) + "}"
    return value


def _quoted(item: Any) -> str:
    """One member of an array in PostgreSQL's text form."""
    if item is None:
        return "NULL"
    return '"' + str(item).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def write(
    connection: Connection | PoolConnectionProxy, rows: Iterable[tuple[Table, Row]]
) -> None:
    """Write a batch inside the caller's transaction, one statement a table."""
    by_table: dict[Table, list[Row]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    for table, written in by_table.items():
        folded = table.fold(written)
        arrays = [
            [_sendable(kind, row[index]) for row in folded]
            for index, (_, kind) in enumerate(table.columns)
        ]
        await connection.execute(table.statement(), *arrays)
