"""What others changed since a caller looked 内容已被他人修改: told with 412, so that nothing that
was typed is lost and the two can be put together field by field (product 7, fault 15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .codec import decode_metadata
from .decider import Ask
from .log import Log
from .types import plain, withheld

MOST = 50
"""Events told; a caller who is further behind reads the thing anew."""
_STREAM = """
SELECT version, type, recorded_at, payload::text AS payload, metadata::text AS metadata
  FROM es.events WHERE stream_id = $1 AND version <= $2 ORDER BY version
"""


async def meanwhile(log: Log, ask: Ask[Any], given: int, now: int | None) -> dict[str, Any]:
    """`meanwhile`: who changed what after the given version, from the first on; `conflicts`: what
    the command would change too, with both values. Sealed texts are null."""
    if ask.target is None or now is None or not 0 < given < now:
        return {"meanwhile": [], "conflicts": []}
    rows = await log.pool.fetch(_STREAM, ask.target, now)
    told = list(_told(rows, given))[:MOST]
    theirs = {one["field"]: one["now"] for event in told for one in event["changes"]}
    yours = _asked(ask)
    conflicts = [
        {"field": field, "yours": yours[field], "theirs": value}
        for field, value in sorted(theirs.items())
        if field in yours and yours[field] != value
    ]
    found: dict[str, Any] = msgspec.json.decode(
        withheld(msgspec.json.encode({"meanwhile": told, "conflicts": conflicts}))
    )
    return found


def _told(rows: list[Any], given: int) -> Iterator[dict[str, Any]]:
    """Each event behind the given version, as what it made of what the events before said."""
    says: dict[str, Any] = {}
    for row in rows:
        payload = msgspec.json.decode(withheld(row["payload"].encode()))
        changes = payload.get("changes") or list(_changed(says, payload))
        says |= {one["field"]: one["now"] for one in changes}
        if row["version"] <= given:
            continue
        actor = decode_metadata(row["metadata"].encode()).actor
        yield {
            "version": row["version"],
            "event": row["type"],
            "at": row["recorded_at"].isoformat(),
            "by": {"id": actor.id, "role": actor.role, "unit": actor.unit},
            "changes": changes,
        }


def _changed(says: Mapping[str, Any], payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of an event that say another thing than before."""
    for field, value in sorted(payload.items()):
        if says.get(field) != value:
            yield {"field": field, "was": says.get(field), "now": value}


def _asked(ask: Ask[Any]) -> dict[str, Any]:
    """What the command would make a thing say, by field."""
    changes = getattr(ask.command, "changes", None)
    asked: dict[str, Any] = plain(ask.command) if changes is None else changes.says()
    return asked
