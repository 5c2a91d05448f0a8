"""A purse: the smallest noun that can be filled, spent and refused; and requests made by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import Field

from libs.events.canonical import sha256
from libs.events.codec import Contracts
from libs.events.contracts import log as log_facts
from libs.events.decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from libs.events.errors import Refused
from libs.events.execute import Surroundings
from libs.events.store import APPEND, Appended, Part, Ready, Request, arguments, outcome, prepare
from libs.events.types import Actor, Command, Event, Metadata, PositiveFen, request_id, stream_id

DAY = date(2020, 3, 16)
CLERK = Actor(id="c1", role="clerk", unit="bureau", area=None)
HERE = UUID(int=0xA)


class PurseFilled(Event, frozen=True, kw_only=True):
    fen: PositiveFen
    note: str = ""


class PurseSpent(Event, frozen=True, kw_only=True):
    fen: PositiveFen


CONTRACTS = log_facts.CONTRACTS | Contracts((PurseFilled, PurseSpent))


# --- requests made by hand -------------------------------------------------------------------


def metadata(request: UUID) -> Metadata:
    return Metadata(
        actor=CLERK,
        cause=None,
        correlation=request,
        document=None,
        effective_on=DAY,
        occurred_on=DAY,
        origin="command",
        request=request,
        traceparent=None,
    )


def asking(*parts: Part, key: UUID | None = None, body: bytes = b"", **more: Any) -> Request:
    """A request with these parts; `body` stands for method, path and body."""
    key = key or uuid4()
    answer = more.pop("answer", b'{"body":{},"status":201}')
    return Request(key, sha256(body), answer, parts, metadata(key), **more)


def part(stream: UUID, expected: int | None, *notes: str) -> Part:
    """One event a note; no note makes a fence."""
    return Part(stream, tuple(PurseFilled(fen=1, note=note) for note in notes), expected)


def spoiled(ready: Ready) -> Ready:
    """The same request with a payload that PostgreSQL refuses as JSON."""
    (name, version, _), *rest = ready.events[0]
    return replace(ready, events=(((name, version, '{"fen":'), *rest), *ready.events[1:]))


async def append(
    connection: asyncpg.Connection,
    *requests: Request | Ready,
    epoch: int = 1,
    caller: datetime | None = None,
) -> list[Appended]:
    """One call of es.append with the whole group, at a planted time of the caller."""
    group = [r if isinstance(r, Ready) else prepare(r, CONTRACTS) for r in requests]
    sent = arguments(epoch, group)
    sent[1] = caller or datetime.now(UTC)
    return [outcome(row) for row in await connection.fetch(APPEND, *sent)]


async def fill(connection: asyncpg.Connection, stream: UUID, *notes: str) -> list[Appended]:
    """Each note in a request of its own, whatever the stream's version."""
    return await append(connection, *(asking(part(stream, None, note)) for note in notes))


async def faults(connection: asyncpg.Connection) -> list[str]:
    """What is not dense, not in order or not whole in a log; empty when all is well."""
    found = await connection.fetch(_FAULTS)
    return [row["fault"] for row in found]


_FAULTS = """
SELECT 'hole before position ' || position AS fault
  FROM (SELECT position, position - lag(position, 1, 0::bigint) OVER (ORDER BY position) AS step
          FROM es.events) e WHERE step <> 1
UNION ALL
SELECT 'version ' || version || ' of ' || stream_id || ' at ' || position
  FROM (SELECT stream_id, version, position,
               row_number() OVER (PARTITION BY stream_id ORDER BY position) AS place
          FROM es.events) e WHERE place <> version
UNION ALL
SELECT 'recorded_at goes back at ' || position
  FROM (SELECT position, recorded_at, lag(recorded_at) OVER (ORDER BY position) AS before
          FROM es.events) e WHERE recorded_at < before
UNION ALL
SELECT 'request ' || request_id || ' says ' || events || ' events, found ' || found
  FROM (SELECT r.request_id, r.events, count(e.position) AS found
          FROM es.requests r LEFT JOIN es.events e ON e.metadata->>'request' = r.request_id::text
         GROUP BY 1, 2) q WHERE events <> found
"""


# --- the purse -------------------------------------------------------------------------------


class Fill(Command):
    """往钱袋里放钱。"""

    fen: int = Field(gt=0)
    note: str = ""


class Spend(Command):
    """从钱袋里取钱。"""

    fen: int = Field(gt=0)


class PurseEmpty(Refused):
    """余额不足：需要 {needed_fen}，可用 {available_fen}。"""


@dataclass(frozen=True)
class Purse:
    fen: int = 0
    events: int = 0


def evolve(state: Purse, event: Event) -> Purse:
    match event:
        case PurseFilled():
            return Purse(state.fen + event.fen, state.events + 1)
        case PurseSpent():
            return Purse(state.fen - event.fen, state.events + 1)
        case _:
            return state


purses: Fold[Purse] = Fold("purse", Purse(), evolve)
Gather = Callable[[Streams, Ask[Any]], Awaitable[Any]]


def purse(name: str) -> UUID:
    return stream_id("purse", name, name)


async def _gather(streams: Streams, ask: Ask[Any]) -> tuple[UUID, Purse]:
    return ask.subject, await streams.load(purses, ask.subject)


async def _learn(_: Knowing, __: Any, ___: Ask[Any]) -> Facts:
    return Facts(path=(HERE,))


def _fill(state: tuple[UUID, Purse], command: Fill, _: Facts) -> Decision:
    fact = PurseFilled(fen=command.fen, note=command.note)
    return Decision({state[0]: (fact,)}, {"id": str(state[0])})


def _spend(state: tuple[UUID, Purse], command: Spend, _: Facts) -> Decision:
    stream, purse = state
    if command.fen > purse.fen:
        raise PurseEmpty(needed_fen=command.fen, available_fen=purse.fen)
    return Decision({stream: (PurseSpent(fen=command.fen),)}, {"left_fen": purse.fen - command.fen})


def deciders(gather: Gather = _gather) -> tuple[Decider[Any, Any, Any], Decider[Any, Any, Any]]:
    """FILL and SPEND; `gather` lets a test stand between the reading and the append."""
    return (
        Decider(Fill, Facts, gather, _learn, _fill),
        Decider(Spend, Facts, gather, _learn, _spend, keeps_key=True),
    )


FILL, SPEND = deciders()


@dataclass
class Meanwhile:
    """A gather that, after reading, lets something else happen first; `times` it did so."""

    act: Callable[[], Awaitable[Any]]
    at_most: int = 10**6
    times: int = field(default=0)

    async def __call__(self, streams: Streams, ask: Ask[Any]) -> tuple[UUID, Purse]:
        state = await _gather(streams, ask)
        if self.times < self.at_most:
            self.times += 1
            await self.act()
        return state


def ask(command: Command, target: UUID, key: str) -> Ask[Any]:
    return Ask(request_id("client", key), target, command, CLERK)


def around(body: bytes = b"", **more: Any) -> Surroundings:
    return Surroundings(sha256(body), correlation=UUID(int=1), **more)


def spend(fen: int) -> Spend:
    return Spend(occurred_on=DAY, fen=fen)


def fill_with(fen: int) -> Fill:
    return Fill(occurred_on=DAY, fen=fen)


def each(outcomes: Sequence[Appended]) -> list[str]:
    return [found.outcome.name.lower() for found in outcomes]
