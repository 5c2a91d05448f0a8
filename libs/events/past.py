"""Streams as they stood at a position of their log, and who changed them since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from .codec import decode_metadata
from .decider import Fold
from .log import Log
from .types import Actor, Event

T = TypeVar("T")


class Later(NamedTuple):
    """An event behind the position: what it says, in which version of its stream, by whom."""

    fact: Event
    version: int
    by: Actor
    at: datetime


async def states_at(
    log: Log, fold: Fold[T], streams: Sequence[UUID], position: int
) -> dict[UUID, T]:
    """What each stream said at the position; initial where it had not begun."""
    events: dict[UUID, list[Event]] = {stream: [] for stream in streams}
    for row in await log.pool.fetch(_UNTIL, list(events), position):
        fact = log.contracts.decode(row["type"], row["schema_version"], row["payload"].encode())
        if fact is not None:
            events[row["stream_id"]].append(fact)
    return {stream: fold.over(told) for stream, told in events.items()}


async def later(log: Log, streams: Sequence[UUID], position: int) -> dict[UUID, list[Later]]:
    """What happened in each stream behind the position, in order."""
    found: dict[UUID, list[Later]] = {stream: [] for stream in streams}
    for row in await log.pool.fetch(_BEHIND, list(found), position):
        fact = log.contracts.decode(row["type"], row["schema_version"], row["payload"].encode())
        if fact is not None:
            by = decode_metadata(row["metadata"].encode()).actor
            told = Later(fact, row["version"], by, row["recorded_at"])
            found[row["stream_id"]].append(told)
    return found


_UNTIL = """
SELECT e.stream_id, e.type, e.schema_version, e.payload::text AS payload
  FROM unnest($1::uuid[]) s(id)
 CROSS JOIN LATERAL (SELECT * FROM es.events WHERE stream_id = s.id ORDER BY version) e
 WHERE e.position <= $2 ORDER BY e.stream_id, e.version
"""
_BEHIND = """
SELECT e.stream_id, e.version, e.type, e.schema_version, e.recorded_at,
       e.payload::text AS payload, e.metadata::text AS metadata
  FROM unnest($1::uuid[]) s(id)
 CROSS JOIN LATERAL (SELECT * FROM es.events WHERE stream_id = s.id ORDER BY version) e
 WHERE e.position > $2 ORDER BY e.stream_id, e.version
"""
