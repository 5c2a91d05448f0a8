"""Read tables and how a batch of rows gets into them: fold in memory, one statement a table.

Three kinds of table: `append` (entries, one row an effect), `sum` (totals beside them), `latest`
(the last row of a key wins). A projection yields (table, row) pairs and never looks anything up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
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

    def __hash__(self) -> int:
        return hash(self.name)  # asked for every row; equal tables have one name

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

    def fold(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows of one batch, one a key (append: as they are)."""
        if self.mode == "append":
            return rows
        key = itemgetter(*(self.names.index(name) for name in self.key))
        if self.mode == "sum":
            return self._summed(rows, key)
        return list({key(row): row for row in rows}.values())

    def _summed(self, rows: Sequence[Row], key: Callable[[Row], Any]) -> list[Row]:
        at = [self.names.index(name) for name in self.sums]
        folded: dict[Any, Row] = {}
        grown: dict[Any, list[Any]] = {}  # only keys met again are worth a list
        for row in rows:
            k = key(row)
            if k not in folded:
                folded[k] = row
                continue
            sums = grown.get(k)
            if sums is None:
                sums = grown[k] = list(folded[k])
            for i in at:
                sums[i] += row[i]
        return [tuple(grown[k]) if k in grown else row for k, row in folded.items()]


def _sent_as(kind: str) -> str:
    """unnest would flatten an array of arrays, so an array column travels as its text."""
    return "text" if kind.endswith("[]") else kind


def _sendable(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    """A column of values as asyncpg can send it."""
    if kind.endswith("[]"):
        return [None if v is None else "{" + ",".join(map(_quoted, v)) + "}" for v in values]
    return values


def _quoted(item: Any) -> str:
    """One member of an array in PostgreSQL's text form."""
    if item is None:
        return "NULL"
    return '"' + str(item).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def write(
    connection: Connection | PoolConnectionProxy,
    rows: Iterable[tuple[Table, Row]],
    generation: int | None = None,
) -> None:
    """Write a batch inside the caller's transaction, one statement a table."""
    by_table: dict[Table, list[Row]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    for table, written in by_table.items():
        columns = zip(*table.fold(written), strict=True)
        arrays = [_sendable(kind, c) for (_, kind), c in zip(table.columns, columns, strict=True)]
        await connection.execute(table.statement(generation), *arrays)
