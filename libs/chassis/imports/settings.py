"""What reading a sheet depends on beside the sheet: places, code tables, dated rules of today."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import asyncpg

from libs.events.clock import today
from libs.events.dated_rows import Reference
from libs.events.decider import Streams
from libs.events.imports import ENTRY_AGES, LARGEST_AMOUNTS, EntryAge, LargestAmount
from libs.events.known import below
from libs.events.loads import LiveStreams
from libs.events.log import Log
from libs.events.reference import reference

from .columns import Listed, Setting
from .importer import DAY, REASON, Asked, Importer
from .places import Near, Places
from .store import Prepared


async def setting_of(log: Log, prepared: Prepared, importer: Importer) -> Setting:
    """As things hold today for the area of the import."""
    streams = LiveStreams(log.loads)
    path = await log.known.path(prepared.area)
    ages = await reference(streams, ENTRY_AGES.name)
    return Setting(
        today=today(),
        places=await places_of(log.pool, prepared.area),
        units=prepared.units,
        oldest=_oldest(ages, importer, path),
        reason=prepared.settings.get(REASON),
        words=await _words(streams, importer, path),
        day=day_of(prepared),
        largest=_largest(await reference(streams, LARGEST_AMOUNTS.name), importer, path),
    )


def day_of(prepared: Prepared) -> date:
    """When it happened, where rows do not say."""
    typed = prepared.settings.get(DAY)
    return today() if typed is None else date.fromisoformat(typed)


def fits(asked: Asked, given: str) -> bool:
    """Whether a setting is written as it must be; what happened has happened by today."""
    if asked.name != DAY:
        return re.fullmatch(asked.pattern, given) is not None
    try:
        return date.fromisoformat(given) <= today()
    except ValueError:
        return False


async def places_of(pool: asyncpg.Pool, area: UUID) -> Places:
    """The areas within one by their codes and names of today, and their confirmed aliases."""
    rows = await pool.fetch(_PLACES, area, today())
    own = {row["area"]: row["name"] for row in rows}
    other = await pool.fetch(_ALIASES, list(own))
    names: dict[str, UUID | None] = {}
    for name, one in (*((n, a) for a, n in own.items()), *((r["alias"], r["area"]) for r in other)):
        names[name] = one if names.get(name, one) == one else None
    return Places(
        tuple(Near(row["area"], row["code"], row["name"]) for row in rows),
        {row["code"]: row["area"] for row in rows},
        names,
        {r["alias"]: own[r["area"]] for r in other if r["alias"] not in own.values()},
    )


def _oldest(ages: Reference, importer: Importer, path: Sequence[UUID]) -> date | None:
    row = ages.at(importer.name, path, today())
    if row is None:
        return None
    return today() - timedelta(days=EntryAge.model_validate(row.values).days)


def _largest(bounds: Reference, importer: Importer, path: Sequence[UUID]) -> dict[str, int]:
    found = {
        column.field: bounds.at(f"{importer.name}.{column.field}", path, today())
        for column in importer.columns
    }
    return {
        name: LargestAmount.model_validate(row.values).amount_fen
        for name, row in found.items()
        if row is not None
    }


async def _words(
    streams: Streams, importer: Importer, path: Sequence[UUID]
) -> dict[str, dict[str, str]]:
    """The code tables of an importer's columns, title to key."""
    found = {}
    for name in {column.set for column in importer.columns if isinstance(column, Listed)}:
        rows = await reference(streams, name)
        keys = sorted({key for key, _ in rows.rows})
        held = {key: rows.at(key, path, today()) for key in keys}
        found[name] = {row.values["title"]: key for key, row in held.items() if row is not None}
    return found


_ALIASES = """
SELECT area, alias FROM known.area_aliases WHERE area = ANY ($1::uuid[]) ORDER BY alias, area
"""
_PLACES = f"""
SELECT DISTINCT ON (c.area) c.area, c.code, c.name FROM known.area_codes c
 WHERE c.area IN ({below("$1")}) AND c.valid_from <= $2
 ORDER BY c.area, c.valid_from DESC
"""  # noqa: S608 - constants of the code
