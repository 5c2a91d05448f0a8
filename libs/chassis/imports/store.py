"""Imports and jobs as rows: work in hand, changed as it goes on (the record is the log)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg
import msgspec

from libs.events.money import Unit
from libs.events.types import Actor

Phase = Literal["checking", "taking"]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """An import: which sheet of which file, for whom, and which column is which field."""

    id: UUID
    importer: str
    area: UUID
    digest: str
    name: str
    sheet: str
    settings: dict[str, str]
    mapping: dict[str, int] | None
    units: dict[str, Unit]
    actor: Actor
    behalf: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """Which column is which field. `units`: those that the sheet itself says with them; `of_shape`:
    what a person said alone, since the next sheet says its own."""

    mapping: dict[str, int]
    units: dict[str, Unit]
    of_shape: dict[str, Unit]


@dataclass(frozen=True, slots=True)
class Job:
    """One taking of an import, mapped as it was when it was committed."""

    id: UUID
    number: int
    prepared: Prepared
    mode: Literal["all", "valid_rows"]
    dry_run: bool
    phase: Phase
    reached: int
    same_as: int | None


async def keep_import(pool: asyncpg.Pool, new: Prepared, body_hash: bytes) -> bool:
    """Whether it is this one: the same key for another file is not. Asked once or often."""
    row = msgspec.to_builtins(new)
    kept = await pool.fetchval(
        _KEEP_IMPORT,
        *(new.id, new.importer, new.area, new.digest, new.name, new.sheet),
        *(as_json(row["settings"]), as_json(row["mapping"]), as_json(row["units"])),
        *(as_json(row["actor"]), new.behalf, body_hash),
    )
    return bytes(kept) == body_hash


async def body_hash_of(pool: asyncpg.Pool, id_: UUID) -> bytes | None:
    """Of the request that first prepared this import."""
    found: bytes | None = await pool.fetchval("SELECT body_hash FROM es.imports WHERE id = $1", id_)
    return found


async def get_import(pool: asyncpg.Pool, id_: UUID) -> Prepared | None:
    row = await pool.fetchrow("SELECT * FROM es.imports WHERE id = $1", id_)
    return None if row is None else _prepared(row)


async def map_import(pool: asyncpg.Pool, prepared: Prepared, shape: bytes, said: Said) -> None:
    """What was said of this sheet, and so of every one of its shape in this area and below."""
    of_sheet = as_json(said.mapping), as_json(said.units)
    of_shape = as_json(said.mapping), as_json(said.of_shape)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_MAP_IMPORT, prepared.id, *of_sheet)
        await connection.execute(_MAP_SHAPE, prepared.importer, shape, prepared.area, *of_shape)


async def remembered(
    pool: asyncpg.Pool, importer: str, shape: bytes, path: Sequence[UUID]
) -> tuple[dict[str, int], dict[str, Unit]] | None:
    """What was said of a sheet of this shape before, in the nearest area of a path from the top."""
    row = await pool.fetchrow(_REMEMBERED, importer, shape, list(path))
    return None if row is None else (from_json(row["mapping"]), from_json(row["units"]))


async def same_content(pool: asyncpg.Pool, prepared: Prepared) -> int | None:
    """The number of the job that took this very content for this area and with these settings (for
    this year, this batch), if one did."""
    number: int | None = await pool.fetchval(
        _SAME,
        *(prepared.importer, prepared.area, prepared.digest, prepared.sheet, prepared.id),
        as_json(prepared.settings),
    )
    return number


async def keep_job(
    pool: asyncpg.Pool,
    id_: UUID,
    of: Prepared,
    mode: str,
    *,
    dry_run: bool,
    checked: bool,
    body_hash: bytes,
) -> bool:
    """Whether it is this one, read as its import is mapped now. A file that was taken before is not
    taken again. `checked`: every row, before the first is taken."""
    same = None if dry_run else await same_content(pool, of)
    read_as = as_json(of.mapping), as_json(of.units)
    kept = await pool.fetchval(
        _KEEP_JOB, id_, of.id, mode, dry_run, body_hash, same, *read_as, checked
    )
    return bytes(kept) == body_hash


async def get_job(pool: asyncpg.Pool, id_: UUID) -> asyncpg.Record | None:
    """The row with its import's, for the one who looks at it."""
    return await pool.fetchrow(_JOB + " WHERE j.id = $1", id_)


async def next_jobs(pool: asyncpg.Pool) -> list[UUID]:
    """Those that wait or were left behind, oldest first; whoever gets the lease does it."""
    rows = await pool.fetch(
        "SELECT id FROM es.jobs WHERE state IN ('queued', 'running') ORDER BY number"
    )
    return [row["id"] for row in rows]


async def waiting(pool: asyncpg.Pool, id_: UUID) -> Job | None:
    """As it stands now, unless it has ended."""
    row = await pool.fetchrow(_JOB + " WHERE j.id = $1 AND j.state IN ('queued', 'running')", id_)
    return None if row is None else _job(row)


def _prepared(row: asyncpg.Record, id_: str = "id") -> Prepared:
    mapping = row["mapping"]
    return Prepared(
        id=row[id_],
        importer=row["importer"],
        area=row["area"],
        digest=row["digest"],
        name=row["name"],
        sheet=row["sheet"],
        settings=from_json(row["settings"]),
        mapping=None if mapping is None else from_json(mapping),
        units=from_json(row["units"]),
        actor=msgspec.json.decode(row["actor"], type=Actor),
        behalf=row["behalf"],
    )


def _job(row: asyncpg.Record) -> Job:
    return Job(
        row["id"],
        row["number"],
        _prepared(row, "import"),
        row["mode"],
        row["dry_run"],
        row["phase"],
        row["reached"],
        row["same_as"],
    )


def as_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def from_json(text: str) -> Any:
    return msgspec.json.decode(text)


JOB_COLUMNS = (
    *("id", "number", "importer", "area", "mode", "dry_run", "state", "phase", "reached"),
    *("same_as", "error", "asked_at", "ended_at"),
)
_KEEP_IMPORT = """
INSERT INTO es.imports AS i (id, importer, area, digest, name, sheet, settings, mapping, units,
                             actor, behalf, body_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET id = i.id RETURNING body_hash
"""
_MAP_IMPORT = "UPDATE es.imports SET mapping = $2, units = $3 WHERE id = $1"
_MAP_SHAPE = """
INSERT INTO es.shapes (importer, shape, area, mapping, units) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (importer, shape, area) DO UPDATE
   SET mapping = $4, units = $5, said_at = clock_timestamp()
"""
_REMEMBERED = """
SELECT mapping, units FROM es.shapes
 WHERE importer = $1 AND shape = $2 AND area = ANY ($3::uuid[])
 ORDER BY array_position($3::uuid[], area) DESC LIMIT 1
"""
_SAME = """
SELECT j.number FROM es.jobs j JOIN es.imports i ON i.id = j.import
 WHERE i.importer = $1 AND i.area = $2 AND i.digest = $3 AND i.sheet = $4
   AND i.settings = $6::jsonb AND j.state = 'done' AND NOT j.dry_run AND j.same_as IS NULL
   AND (j.counts->>'rejected')::int = 0 AND j.import <> $5
   AND NOT EXISTS (SELECT FROM es.job_rows r
                    WHERE r.job = j.id AND r.faults @> '[{"rule": "awaits_approval"}]')
 ORDER BY j.number LIMIT 1
"""
_KEEP_JOB = """
INSERT INTO es.jobs AS j (id, import, mode, dry_run, body_hash, same_as, mapping, units, phase)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
        CASE WHEN $9 THEN 'checking' ELSE 'taking' END)
ON CONFLICT (id) DO UPDATE SET id = j.id RETURNING body_hash
"""
_JOB = """
SELECT j.id, j.number, j.import, j.mode, j.dry_run, j.state, j.phase, j.same_as, j.cancel,
       j.reached, j.starts, j.error, j.counts, j.outcome, j.rejected, j.asked_at, j.ended_at,
       j.release,
       i.importer, i.area, i.digest, i.name, i.sheet, i.settings, j.mapping, j.units, i.actor,
       i.behalf
  FROM es.jobs j JOIN es.imports i ON i.id = j.import
"""
