"""The log of one store as its service uses it: append with parts, read by position.

Append is one autocommit call for a group (group_commit.py); reading never locks. Four outcomes,
never an exception, answer a request: appended, duplicate, conflict, key_reused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from .codec import Contracts, encode_metadata
from .errors import TooLargeError
from .leaf import leaf
from .types import Event, Head, Metadata, Recorded

Reached = Connection | PoolConnectionProxy
LARGEST_PAYLOAD = 256 * 1024
"""Bytes; larger things are files by digest (design 3.3)."""

COLUMNS = (
    "position, stream_id, version, recorded_at, epoch, schema_version, type, seen, salt, "
    "payload, metadata"
)


class Outcome(IntEnum):
    """What became of a request; the numbers are those of es.append."""

    APPENDED = 1
    DUPLICATE = 2
    CONFLICT = 3
    KEY_REUSED = 4


class Part(msgspec.Struct, frozen=True):
    """Events for one stream. `expected`: the version as read, 0 for none, None for any.

    No events and an expected version make a fence: the stream was read and must not have moved.
    """

    stream: UUID
    events: tuple[Event, ...]
    expected: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """One command's whole effect: all parts or none, under one key."""

    id: UUID
    body_hash: bytes
    answer: bytes
    parts: tuple[Part, ...]
    metadata: Metadata
    command: bytes | None = None
    facts: bytes | None = None
    keep: bool = False


class Appended(msgspec.Struct, frozen=True):
    """`version` is that of the first part's stream, `position` of the last event; `answer` is the
    first answer of a duplicate, `at` the time of what was appended now."""

    outcome: Outcome
    version: int
    position: int
    at: datetime | None
    answer: bytes | None


APPEND = (
    "SELECT * FROM es.append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,"
    "$20,$21) ORDER BY request_no"
)


@dataclass(frozen=True, slots=True)
class Ready:
    """A request with its events as bytes, made before the queue so that the writer only sends."""

    request: Request
    metadata: str
    events: tuple[tuple[tuple[str, int, str], ...], ...]
    size: int


def prepare(request: Request, contracts: Contracts) -> Ready:
    """Encode and check a request. Raises: NotCanonicalError, ValueError when too large or empty."""
    if not request.parts:
        raise ValueError("a request has at least one part")
    metadata = encode_metadata(request.metadata).decode()
    encoded = tuple(
        tuple((type(fact).__name__, fact.version(), _payload(fact, contracts)) for fact in p.events)
        for p in request.parts
    )
    size = sum(len(payload) + len(metadata) for part in encoded for _, _, payload in part)
    return Ready(request, metadata, encoded, size + len(request.command or b""))


def _payload(event: Event, contracts: Contracts) -> str:
    payload = contracts.encode(event)
    if len(payload) > LARGEST_PAYLOAD:
        raise TooLargeError(f"{type(event).__name__} 有 {len(payload)} 字节，上限 256 KiB")
    return payload.decode()


def arguments(epoch: int, group: Sequence[Ready]) -> list[Any]:
    """The arrays of one es.append call: requests, their parts, their events."""
    columns: list[list[Any]] = [[] for _ in range(19)]
    (req, hashes, keep, answer, command, facts, first, last,
     of_req, stream, expected, n,
     of_part, order, kind, sv, salt, payload, meta) = columns  # fmt: skip
    for number, ready in enumerate(group, 1):
        request = ready.request
        req.append(request.id)
        hashes.append(request.body_hash)
        keep.append(request.keep)
        answer.append(request.answer.decode())
        command.append(None if request.command is None else request.command.decode())
        facts.append(None if request.facts is None else request.facts.decode())
        first.append(len(stream) + 1)
        for part, events in zip(request.parts, ready.events, strict=True):
            of_req.append(number)
            stream.append(part.stream)
            expected.append(part.expected)
            n.append(len(events))
            for nth, (name, version, text) in enumerate(events, 1):
                of_part.append(len(stream))
                order.append(nth)
                kind.append(name)
                sv.append(version)
                salt.append(os.urandom(16))
                payload.append(text)
                meta.append(ready.metadata)
        last.append(len(stream))
    return [epoch, datetime.now(UTC), *columns]


def outcome(row: Record) -> Appended:
    """One row of es.append as a value."""
    first = row["first_answer"]
    return Appended(
        Outcome(row["outcome"]),
        row["at_version"],
        row["at_position"],
        row["at_time"],
        None if first is None else first.encode(),
    )


def recorded(store: UUID, row: Record) -> Recorded:
    """One row of es.events as a value; bytes as stored."""
    return Recorded(
        store=store,
        epoch=row["epoch"],
        position=row["position"],
        stream=row["stream_id"],
        version=row["version"],
        recorded_at=row["recorded_at"],
        seen=row["seen"].encode(),
        type=row["type"],
        schema_version=row["schema_version"],
        salt=row["salt"],
        payload=row["payload"].encode(),
        metadata=row["metadata"].encode(),
    )


async def read_after(connection: Reached, store: UUID, after: int, limit: int) -> list[Recorded]:
    """Events behind a position, in order; at most `limit`, empty at the head."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM es.events WHERE position > $1 ORDER BY position LIMIT $2",  # noqa: S608 - constant column list
        after,
        limit,
    )
    return [recorded(store, row) for row in rows]


async def identity(connection: Reached) -> tuple[UUID, int]:
    """The store's id and its present epoch."""
    row = await connection.fetchrow("SELECT store_id, epoch FROM es.store")
    if row is None:
        raise LookupError("the store was not opened: es.store is empty")
    return row["store_id"], row["epoch"]


async def head(connection: Reached) -> Head:
    """Where the log ends, with the leaf of its last event."""
    store, epoch = await identity(connection)
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM es.events ORDER BY position DESC LIMIT 1"  # noqa: S608 - constant column list
    )
    if row is None:
        return Head(store, epoch, 0, None)
    return Head(store, epoch, row["position"], leaf(recorded(store, row)))
