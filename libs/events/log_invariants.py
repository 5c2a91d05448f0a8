"""What is so in every log, whatever its service: order, time, epochs, what was seen, requests.

The folds here are pure. What needs an index or another store stands in `checks`.
"""

from __future__ import annotations

import msgspec

from .invariant import EventInvariant, Numbers, State, TableInvariant
from .leaf import microseconds
from .types import Event, Recorded

Stepped = tuple[State, Numbers | None]


def dense(state: State, recorded: Recorded, _: Event | None) -> Stepped:
    expected, found = state.get("position", 0) + 1, recorded.position
    breach: Numbers | None = None
    if found != expected:
        breach = {"expected": expected, "found": found}
    return {"position": found}, breach


def in_time(state: State, recorded: Recorded, _: Event | None) -> Stepped:
    """Microseconds since 1970, so that the state is exact."""
    at = microseconds(recorded.recorded_at)
    before = state.get("at", at)
    breach: Numbers | None = None
    if at < before:
        breach = {"position": recorded.position, "earlier_by_us": before - at}
    return {"at": max(at, before)}, breach


def in_epochs(state: State, recorded: Recorded, _: Event | None) -> Stepped:
    before = state.get("epoch", 1)
    breach: Numbers | None = None
    if recorded.epoch < before:
        breach = {"position": recorded.position, "before": before, "found": recorded.epoch}
    return {"epoch": max(recorded.epoch, before)}, breach


def seen_rises(state: State, recorded: Recorded, _: Event | None) -> Stepped:
    """`seen` is {source: [epoch, position]}, written by es.append; a source is never lost again."""
    text = recorded.seen.decode()
    if text == state.get("text"):
        return state, None
    seen: dict[str, list[int]] = msgspec.json.decode(recorded.seen)
    known: dict[str, list[int]] = state.get("seen", {})
    fallen = [source for source, at in known.items() if seen.get(source, [0, 0]) < at]
    highest = {**seen, **{source: known[source] for source in fallen}}
    breach: Numbers | None = None
    if fallen:
        first = min(fallen)
        breach = {"position": recorded.position, "source": first, "before": known[first][1]}
        breach["found"] = seen.get(first, [0, 0])[1]
    return {"text": text, "seen": highest}, breach


ALONG = (
    EventInvariant("positions_dense", "位置从 1 起连续", dense),
    EventInvariant("time_never_falls", "记录时间不倒退", in_time),
    EventInvariant("epochs_never_fall", "纪元不倒退", in_epochs),
    EventInvariant("seen_never_falls", "所见来源位置不倒退", seen_rises),
)

REQUESTS_HAVE_EVENTS = TableInvariant(
    "requests_have_events",
    "每个请求的事件都在",
    """
    SELECT k.request_id::text AS key,
           CASE WHEN k.position > 0 AND e.position IS NULL
                  OR k.events > 0 AND e.request IS DISTINCT FROM k.request_id::text
                THEN json_build_object('request', k.request_id, 'position', k.position,
                                       'events', k.events) END AS numbers
      FROM (SELECT request_id, position, events FROM es.requests
             WHERE request_id > coalesce(nullif($1, ''), '00000000-0000-0000-0000-000000000000')::uuid
             ORDER BY request_id LIMIT $2) k
      LEFT JOIN LATERAL (SELECT position, metadata->>'request' AS request FROM es.events
                          WHERE position = k.position LIMIT 1) e ON true
     ORDER BY k.request_id
    """,  # noqa: E501 - one line a thought
    at_once=2_000,
)
READERS_RUN = TableInvariant(
    "readers_run",
    "没有停止的读取",
    """
    SELECT key, CASE WHEN stopped IS NOT NULL
                     THEN json_build_object('reader', key, 'position', position, 'stopped', stopped)
                END AS numbers
      FROM (SELECT reader || ':' || source AS key, position, stopped FROM es.cursors) c
     WHERE key > $1 ORDER BY key LIMIT $2
    """,
    at_once=100,
)
ROUND = (REQUESTS_HAVE_EVENTS, READERS_RUN)
