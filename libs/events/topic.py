"""An event as a Kafka record and back: CloudEvents in binary mode, with all that its leaf covers.

One topic a store, one partition, key = stream id, value = payload as stored. A tick each second,
without a key, says where the log ends. Source: CloudEvents Kafka protocol binding 1.0.2, section
3.2; design 4; ADR 0009.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog

from . import headers
from .types import Recorded

PARTITION = 0
KEPT_DAYS = 14

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where the brokers are. `prefix` names one installation's topics, as one's databases."""

    bootstrap: str
    prefix: str = ""

    def topic(self, source: str) -> str:
        """The topic of a service's log."""
        return f"{self.prefix}{source}.events"


class Arrived(NamedTuple):
    """An event as its topic gave it, or, with no offset, as its owner did. `previous`: the leaf of
    the event before, as the relay knew it; None in front of position 1."""

    event: Recorded
    offset: int | None
    previous: bytes | None

    @property
    def position(self) -> int:
        return self.event.position


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log ended when the holder of `token` looked, in hexadecimal its last leaf. Events
    up to `sent` were given to the topic before it: what is missing there will not come any more."""

    store: UUID
    epoch: int
    position: int
    leaf: str | None
    token: int
    at: datetime
    sent: int = 0


class _Traced(msgspec.Struct):
    """Of the metadata, what a tracer outside asks for."""

    traceparent: str | None


_tick = msgspec.json.Decoder(Tick)
_traced = msgspec.json.Decoder(_Traced)
_encode = msgspec.json.encode
_CONSTANT: Headers = [(headers.SPECVERSION, b"1.0"), (headers.CONTENT_TYPE, b"application/json")]
_TICK_HEADERS: Headers = [*_CONSTANT, (headers.TYPE, headers.TICK.encode())]

log = structlog.get_logger()


def event_record(
    source: str, event: Recorded, previous: bytes | None
) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of an event; `previous` is the leaf of the one before it."""
    traced = _traced.decode(event.metadata).traceparent
    key, position = str(event.stream).encode(), str(event.position).encode()
    return (
        key,
        event.payload,
        [
            *_of_store(source, event.store, event.epoch),
            *_of_type(event.type, event.schema_version),
            *([] if traced is None else [(headers.TRACEPARENT, traced.encode())]),
            (headers.ID, b"%d-%b" % (event.epoch, position)),
            (headers.SUBJECT, key),
            (headers.TIME, _time(event.recorded_at)),
            (headers.POSITION, position),
            (headers.VERSION, b"%d" % event.version),
            (headers.SEEN, event.seen),
            (headers.SALT, event.salt.hex().encode()),
            (headers.PREVIOUS, b"" if previous is None else previous.hex().encode()),
            (headers.METADATA, event.metadata),
        ],
    )


@lru_cache(maxsize=64)
def _of_store(source: str, store: UUID, epoch: int) -> Headers:
    return [
        *_CONSTANT,
        (headers.SOURCE, f"/{source}/{store}".encode()),
        (headers.STORE, str(store).encode()),
        (headers.EPOCH, b"%d" % epoch),
    ]


@lru_cache(maxsize=1024)
def _of_type(kind: str, version: int) -> Headers:
    return [
        (headers.TYPE, kind.encode()),
        (headers.DATASCHEMA, f"/events/{kind}/{version}".encode()),
    ]


@lru_cache(maxsize=1024)
def _time(at: datetime) -> bytes:
    """Events of one group have one time."""
    return at.isoformat().encode()


def tick_record(tick: Tick) -> tuple[bytes, Headers]:
    """Value and headers of a tick."""
    return _encode(tick), _TICK_HEADERS


def read_record(record: Any) -> Arrived | Tick | None:
    """What a consumer's record says; None for a type that is neither event nor tick, and for what
    somebody else wrote into the topic: what is missing then, the owner has."""
    told = dict(record.headers)
    try:
        if told.get(headers.TYPE) == _TICK_HEADERS[-1][1]:
            return _tick.decode(record.value or b"")
        return _arrived(record, told) if headers.POSITION in told else None
    except (KeyError, ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        said = type(error).__name__
        log.warning("record_not_ours", topic=record.topic, offset=record.offset, error=said)
        return None


def _arrived(record: Any, told: dict[str, bytes]) -> Arrived:
    if record.value is None:
        raise ValueError("no payload")
    previous = told[headers.PREVIOUS]
    event = Recorded(
        store=_store_id(told[headers.STORE]),
        epoch=int(told[headers.EPOCH]),
        position=int(told[headers.POSITION]),
        stream=UUID(told[headers.SUBJECT].decode()),
        version=int(told[headers.VERSION]),
        recorded_at=datetime.fromisoformat(told[headers.TIME].decode()),
        seen=told[headers.SEEN],
        type=told[headers.TYPE].decode(),
        schema_version=int(told[headers.DATASCHEMA].rpartition(b"/")[2]),
        salt=bytes.fromhex(told[headers.SALT].decode()),
        payload=record.value,
        metadata=told[headers.METADATA],
    )
    return Arrived(event, record.offset, bytes.fromhex(previous.decode()) if previous else None)


@lru_cache(maxsize=64)
def _store_id(text: bytes) -> UUID:
    """A store's id is the same in every record."""
    return UUID(text.decode())
