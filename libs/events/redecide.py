"""Audit replay: run `decide` again on every stored request; it must give the stored events.

Every stream that a decision read was fenced at its version, so the state a request was decided on
is the state before its first event, exactly. Facts learned elsewhere were kept beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from asyncpg import Connection, Record

from .answer import problem
from .canonical import canonical
from .codec import Contracts
from .decider import AnyDecider, Ask, Decision, Fold
from .errors import Refused
from .ruling import ruled_by, ruling
from .types import Actor

T = TypeVar("T")

_REQUESTS = """
SELECT request_id, position, events, answer::text AS answer, command::text AS command,
       facts::text AS facts
  FROM es.requests WHERE command IS NOT NULL ORDER BY position, request_id
"""
_STREAMS = """
SELECT s.no, e.type, e.schema_version, e.payload::text AS payload
  FROM unnest($1::uuid[]) WITH ORDINALITY s(id, no)
 CROSS JOIN LATERAL (SELECT version, type, schema_version, payload FROM es.events
                      WHERE stream_id = s.id AND position <= $2 ORDER BY version) e
 ORDER BY s.no, e.version
"""
_EVENTS = """
SELECT stream_id, type, schema_version, payload::text AS payload FROM es.events
 WHERE position > $1 AND position <= $2 ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A request whose decision, run again, is not what was stored."""

    request: UUID
    position: int
    command: str
    stored: str
    again: str


class PastStreams:
    """The store's streams as they stood at a position."""

    def __init__(self, connection: Connection, contracts: Contracts, position: int) -> None:
        self._connection, self._contracts, self._position = connection, contracts, position

    async def load(self, fold: Fold[T], stream: UUID) -> T:
        return (await self.load_many(fold, [stream]))[0]

    async def load_many(self, fold: Fold[T], streams: Iterable[UUID]) -> list[T]:
        wanted = list(streams)
        states = [fold.initial for _ in wanted]
        for row in await self._connection.fetch(_STREAMS, wanted, self._position):
            event = self._contracts.decode(
                row["type"], row["schema_version"], row["payload"].encode()
            )
            if event is not None:
                states[row["no"] - 1] = fold.evolve(states[row["no"] - 1], event)
        return states


async def redecide(
    connection: Connection, contracts: Contracts, deciders: Iterable[AnyDecider]
) -> AsyncIterator[Difference | None]:
    """Decide every stored request again: None for one that is equal, its Difference otherwise."""
    by_name = {decider.name: decider for decider in deciders}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_REQUESTS)
        for row in rows:
            yield await _again(connection, contracts, by_name, row)


async def _again(
    connection: Connection, contracts: Contracts, deciders: Mapping[str, AnyDecider], row: Record
) -> Difference | None:
    command = msgspec.json.decode(row["command"])
    # A refusal's own event, too, came after what it was decided on.
    streams = PastStreams(connection, contracts, row["position"] - row["events"])
    again = await _decide(deciders[command["type"]], streams, row, command)
    stored = await _stored(connection, row)
    spelled = _spelled(again, contracts)
    if spelled == stored:
        return None
    return Difference(
        row["request_id"], row["position"], command["type"], str(stored), str(spelled)
    )


def _accepted(row: Record) -> bool:
    status: int = msgspec.json.decode(row["answer"])["status"]
    return status < 400


async def _decide(
    decider: AnyDecider, streams: PastStreams, row: Record, command: dict[str, Any]
) -> Decision | Refused:
    kept = msgspec.json.decode(row["facts"])
    facts = msgspec.convert(kept["learned"], decider.facts)
    target = None if command["target"] is None else UUID(command["target"])
    asked = decider.command.model_validate(command["body"])
    actor = msgspec.convert(kept["actor"], Actor)
    today = date.fromisoformat(kept["today"]) if "today" in kept else None
    behalf, device = kept.get("behalf"), kept.get("device")
    ask: Ask[Any] = Ask(row["request_id"], target, asked, actor, behalf, today, device)
    state = await decider.gather(streams, ask)
    ruled = await ruled_by(streams, ask, decider)
    try:
        return ruling(decider, state, ask, facts, ruled)
    except Refused as refusal:
        return refusal


async def _stored(connection: Connection, row: Record) -> list[Any]:
    """What was stored: the answer, and the events of an accepted request."""
    answer: Any = canonical(msgspec.json.decode(row["answer"])).decode()
    if not _accepted(row):
        return [answer]
    events = await connection.fetch(_EVENTS, row["position"] - row["events"], row["position"])
    return [answer, *(tuple(event.values()) for event in events)]


def _spelled(again: Decision | Refused, contracts: Contracts) -> list[Any]:
    """The decision run again, in the same spelling."""
    if isinstance(again, Refused):
        return [canonical({"body": problem(again), "status": again.status}).decode()]
    answer = canonical({"body": again.body, "status": again.status}).decode()
    events = [
        (stream, type(event).__name__, event.version(), contracts.encode(event).decode())
        for stream, facts in again.events.items()
        for event in facts
    ]
    return [answer, *events]
