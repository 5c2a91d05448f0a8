"""Do two generations hold the same? By bucket, then row by row where a bucket differs (ADR 0010).

A bucket of entries is 65,536 positions of one source; of other tables, 64 by the hash of the key. A
bucket's digest is its count of rows and the sum of their 64-bit hashes: the order of rows is
immaterial, and a row that stands twice counts twice. Rows are hashed by value, 4 x as fast as by
their text. Both generations are read in one snapshot, and readers write into both in one
transaction, so both stand at the same cursors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from asyncpg import Connection, Record

from .canonical import sha256
from .generations import SCHEMAS

ROWS_TOLD = 20
"""Rows of one bucket that are told one by one; of the others the count."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the catalogue tells it: its quoted name and key, and how its rows fall into
    buckets (an expression over the columns of `t`)."""

    schema: str
    name: str
    key: tuple[str, ...]
    entries: bool

    def place(self, generation: int | None) -> str:
        schema = self.schema if generation is None else f"{self.schema}__g{generation}"
        return f"{schema}.{self.name}"

    @property
    def bucket(self) -> str:
        if self.entries:
            return "t.source || ' ' || t.position / 65536"
        key = ", ".join(f"t.{column}" for column in self.key)
        return f"'key ' || (hash_record_extended(ROW({key}), 0) & 63)"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket: (rows, sum of hashes) of the serving generation and of the other."""

    table: str
    name: str
    serving: tuple[int, str]
    other: tuple[int, str]

    @property
    def equal(self) -> bool:
        return self.serving == self.other


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same on both sides: its key, what each side holds (None: no row)."""

    table: str
    bucket: str
    key: Mapping[str, Any]
    serving: Mapping[str, Any] | None
    other: Mapping[str, Any] | None

    @property
    def columns(self) -> dict[str, tuple[Any, Any]]:
        """Columns that differ, serving -> other."""
        old, new = self.serving or {}, self.other or {}
        names = {**old, **new}
        return {n: (old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two generations side by side. `more`: by bucket, rows that differ and are not told."""

    generation: int
    cursors: Mapping[str, int]
    buckets: tuple[Bucket, ...]
    differences: tuple[Difference, ...]
    more: Mapping[tuple[str, str], int]
    digest: str

    @property
    def equal(self) -> bool:
        return all(bucket.equal for bucket in self.buckets)

    @property
    def different(self) -> list[Bucket]:
        return [bucket for bucket in self.buckets if not bucket.equal]


async def compare(connection: Connection, generation: int) -> Comparison:
    """The serving generation beside another, in one snapshot; neither is held up by it."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL timezone = 'UTC'")
        cursors = await connection.fetch(
            "SELECT reader, source, position FROM es.cursors WHERE $1 = ANY (fed)", generation
        )
        shapes = await tables(connection)
        buckets = [b for shape in shapes for b in await _buckets(connection, shape, generation)]
        told: list[Difference] = []
        more: dict[tuple[str, str], int] = {}
        hashes = []
        for shape in shapes:
            unequal = [b.name for b in buckets if b.table == shape.place(None) and not b.equal]
            for row in await _differing(connection, shape, generation, unequal):
                told.append(_difference(shape, row))
                more[shape.place(None), row["bucket"]] = row["count"] - ROWS_TOLD
                if row["nth"] == 1:
                    hashes.append(f"{shape.place(None)} {row['bucket']} {row['hash']}")
    return Comparison(
        generation,
        {f"{row['reader']}:{row['source']}": row["position"] for row in cursors},
        tuple(buckets),
        tuple(told),
        {place: count for place, count in more.items() if count > 0},
        sha256("\n".join(hashes).encode()).hex(),
    )


async def digest(connection: Connection, generation: int | None = None) -> dict[str, str]:
    """Every table of a generation by its bucket digests: equal tables have equal ones."""
    found = {}
    for shape in await tables(connection):
        rows = await connection.fetch(_digests(shape, generation) + " ORDER BY bucket")
        found[shape.place(None)] = str([tuple(row) for row in rows])
    return found


async def tables(connection: Connection) -> list[Shape]:
    """The tables of the read model."""
    rows = await connection.fetch(_SHAPES, list(SCHEMAS))
    return [Shape(row["schema"], row["name"], tuple(row["key"]), row["entries"]) for row in rows]


async def _buckets(connection: Connection, shape: Shape, generation: int) -> list[Bucket]:
    rows = await connection.fetch(
        f"WITH a AS ({_digests(shape, None)}), b AS ({_digests(shape, generation)})"  # noqa: S608 - names of the catalogue, quoted by it
        " SELECT bucket, coalesce(a.rows, 0), coalesce(a.hash, '0'),"
        " coalesce(b.rows, 0), coalesce(b.hash, '0') FROM a FULL JOIN b USING (bucket) ORDER BY 1"
    )
    return [Bucket(shape.place(None), n, (r, h), (s, i)) for n, r, h, s, i in map(tuple, rows)]


def _digests(shape: Shape, generation: int | None) -> str:
    return (
        f"SELECT {shape.bucket} AS bucket, count(*) AS rows,"  # noqa: S608 - as above
        " sum(hash_record_extended(t, 0))::text AS hash"
        f" FROM {shape.place(generation)} t GROUP BY 1"
    )


async def _differing(
    connection: Connection, shape: Shape, generation: int, buckets: list[str]
) -> list[Record]:
    """Of each of these buckets the first rows that differ, how many there are, and a hash over all
    of them, so that the digest names exactly this difference."""
    if not buckets:
        return []
    side = "SELECT {key} AS key, {bucket} AS bucket, to_jsonb(t) AS row FROM {place} t"
    columns = ", ".join(f"t.{column}" for column in shape.key)
    key = f"(SELECT to_jsonb(k) FROM (SELECT {columns}) k)"  # noqa: S608 - names of the catalogue, quoted by it
    spelled = {"key": key, "bucket": shape.bucket}
    side += f" WHERE {shape.bucket} = ANY ($1)"
    a = side.format(**spelled, place=shape.place(None))
    b = side.format(**spelled, place=shape.place(generation))
    return await connection.fetch(
        f"WITH a AS ({a}), b AS ({b})"  # noqa: S608 - as above
        " SELECT * FROM (SELECT bucket, key::text, a.row::text AS serving, b.row::text AS other,"
        " row_number() OVER (PARTITION BY bucket ORDER BY key) AS nth,"
        " count(*) OVER (PARTITION BY bucket) AS count,"
        " sum(hashtextextended(concat(key, a.row, '->', b.row), 0)) OVER (PARTITION BY bucket)"
        "   ::text AS hash"
        " FROM a FULL JOIN b USING (bucket, key) WHERE a.row IS DISTINCT FROM b.row) d"
        f" WHERE nth <= {ROWS_TOLD} ORDER BY bucket, nth",
        buckets,
    )


def _difference(shape: Shape, row: Record) -> Difference:
    serving, other = (
        None if row[side] is None else msgspec.json.decode(row[side])
        for side in ("serving", "other")
    )
    key = msgspec.json.decode(row["key"])
    return Difference(shape.place(None), row["bucket"], key, serving, other)


_SHAPES = """
SELECT nspname AS schema, quote_ident(relname) AS name,
       array_agg(quote_ident(a.attname) ORDER BY array_position(i.indkey, a.attnum)) AS key,
       (SELECT count(*) FROM pg_attribute
         WHERE attrelid = c.oid AND attname IN ('source', 'position')) = 2 AS entries
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = relnamespace AND nspname = ANY ($1)
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
 WHERE relkind = 'r' GROUP BY c.oid, nspname, relname ORDER BY nspname, relname
"""
