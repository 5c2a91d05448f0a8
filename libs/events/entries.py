"""Read tables and how a batch of rows gets into them: fold in memory, one statement a table.

Three kinds of table: `append` (entries, one row an effect), `sum` (totals beside them), `latest`
(the last row of a key wins). A projection yields (table, row) pairs and never looks anything up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy

Mode = Literal["append", "sum", "latest"]
Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)  # each is a constant: itself its key, hashed for every row
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

    def place(self, generation: int | None = None) -> tuple[str, str]:
        """Its schema and name: those that serve, or those of a generation beside them."""
        schema, _, name = self.name.partition(".")
        return (schema if generation is None else f"{schema}__g{generation}"), name

    def statement(self, generation: int | None = None) -> str:
        """One INSERT from unnested arrays; $1 is the first column's array."""
        arrays = ", ".join(
            f"${number}::{_sent_as(kind)}[]" for number, (_, kind) in enumerate(self.columns, 1)
        )
        picked = ", ".join(f"u.{name}::{kind}" for name, kind in self.columns)
        names = ", ".join(self.names)
        insert = (
            f"INSERT INTO {'.'.join(self.place(generation))} AS t ({names}) "  # noqa: S608 - names are constants of the code
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

    @cached_property
    def key_of(self) -> Callable[[Row], Any]:
        """The key of a row."""
        return itemgetter(*(self.names.index(name) for name in self.key))

    @cached_property
    def _summed(self) -> tuple[int, ...]:
        return tuple(self.names.index(name) for name in self.sums)

    def fold(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows of one batch, one a key (append: as they are)."""
        if self.mode == "append":
            return rows
        key_of = self.key_of
        if self.mode == "latest":
            return list({key_of(row): row for row in rows}.values())
        folded: dict[Any, Row] = {}
        for row in rows:
            key = key_of(row)
            earlier = folded.get(key)
            folded[key] = row if earlier is None else self._sum(earlier, row)
        return list(folded.values())

    def _sum(self, a: Row, b: Row) -> Row:
        total = list(a)
        for index in self._summed:
            total[index] += b[index]
        return tuple(total)


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


def by_table(rows: Iterable[tuple[Table, Row]]) -> dict[Table, list[Row]]:
    """Rows in their order, gathered by table."""
    gathered: dict[Table, list[Row]] = {}
    for table, row in rows:
        gathered.setdefault(table, []).append(row)
    return gathered


async def write(
    connection: Connection | PoolConnectionProxy,
    rows: Iterable[tuple[Table, Row]],
    generation: int | None = None,
) -> None:
    """Write a batch inside the caller's transaction, one statement a table."""
    for table, written in by_table(rows).items():
        folded = table.fold(written)
        arrays = [
            [_sendable(kind, row[index]) for row in folded]
            for index, (_, kind) in enumerate(table.columns)
        ]
        await connection.execute(table.statement(generation), *arrays)
