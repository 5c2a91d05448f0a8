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

from .types import Recorded

PARTITION = 0
KEPT_DAYS = 14
TICK = "suyuan.tick"

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
_CONSTANT: Headers = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]
_TICK_HEADERS: Headers = [*_CONSTANT, ("ce_type", TICK.encode())]

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
            *([] if traced is None else [("traceparent", traced.encode())]),
            ("ce_id", b"%d-%b" % (event.epoch, position)),
            ("ce_subject", key),
            ("ce_time", _time(event.recorded_at)),
            ("ce_position", position),
            ("ce_version", b"%d" % event.version),
            ("ce_seen", event.seen),
            ("ce_salt", event.salt.hex().encode()),
            ("ce_previous", b"" if previous is None else previous.hex().encode()),
            ("ce_metadata", event.metadata),
        ],
    )


@lru_cache(maxsize=64)
def _of_store(source: str, store: UUID, epoch: int) -> Headers:
    return [
        *_CONSTANT,
        ("ce_source", f"/{source}/{store}".encode()),
        ("ce_store", str(store).encode()),
        ("ce_epoch", b"%d" % epoch),
    ]


@lru_cache(maxsize=1024)
def _of_type(kind: str, version: int) -> Headers:
    return [("ce_type", kind.encode()), ("ce_dataschema", f"/events/{kind}/{version}".encode())]


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
        if told.get("ce_type") == _TICK_HEADERS[-1][1]:
            return _tick.decode(record.value or b"")
        return _arrived(record, told) if "ce_position" in told else None
    except (KeyError, ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        said = type(error).__name__
        log.warning("record_not_ours", topic=record.topic, offset=record.offset, error=said)
        return None


def _arrived(record: Any, told: dict[str, bytes]) -> Arrived:
    if record.value is None:
        raise ValueError("no payload")
    previous = told["ce_previous"]
    event = Recorded(
        store=_store_id(told["ce_store"]),
        epoch=int(told["ce_epoch"]),
        position=int(told["ce_position"]),
        stream=UUID(told["ce_subject"].decode()),
        version=int(told["ce_version"]),
        recorded_at=datetime.fromisoformat(told["ce_time"].decode()),
        seen=told["ce_seen"],
        type=told["ce_type"].decode(),
        schema_version=int(told["ce_dataschema"].rpartition(b"/")[2]),
        salt=bytes.fromhex(told["ce_salt"].decode()),
        payload=record.value,
        metadata=told["ce_metadata"],
    )
    return Arrived(event, record.offset, bytes.fromhex(previous.decode()) if previous else None)


@lru_cache(maxsize=64)
def _store_id(text: bytes) -> UUID:
    """A store's id is the same in every record."""
    return UUID(text.decode())
