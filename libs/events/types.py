"""The words of the log: identities, positions, what was recorded, where a cut stands.

No rule, no I/O. A stream id is a UUID of 4 bytes of locality and a hash or random rest; nobody
parses it (ADR 0001).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from .canonical import canonical
from .private import refuse_personal

Fen = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1, description="integer fen")]
PositiveFen = Annotated[int, msgspec.Meta(gt=0, le=2**53 - 1, description="integer fen, above 0")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
SEALED = r"^s1\.[A-Za-z0-9_-]{39,1000}$"
"""Base64url of nonce, at least one byte, tag."""
Sealed = Annotated[
    str,
    msgspec.Meta(
        pattern=SEALED,
        description="sealed for one person (AES-256-GCM); to other readers null",
        examples=["s1.c2VhbGVkLXNhbXBsZS1zZWFsZWQtc2FtcGxlLXNlYWxlZA"],
    ),
]
"""A text that only the vault can open. A plain text does not read back, so none is written."""
_QUOTED_WITHIN = re.compile(rf'\\"{SEALED.strip("^$")}\\"')
_QUOTED = re.compile(f'"{SEALED.strip("^$")}"')


def withheld(canonical_json: bytes) -> bytes:
    """JSON with null for every sealed text, also for those in a JSON text within it: persons are
    opaque ids to whoever reads along (product 3)."""
    told = _QUOTED.sub("null", canonical_json.decode())
    return _QUOTED_WITHIN.sub("null", told).encode()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact. The class name is the stored type; `schema_version` is the shape now written."""

    @classmethod
    def version(cls) -> int:
        return getattr(cls, "schema_version", 1)


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it, in the role, unit and area *as then* (an opaque id, never a name)."""

    id: str
    role: str
    unit: str
    area: UUID | None


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside every payload; these keys exactly (ADR 0001)."""

    actor: Actor
    cause: str | None
    correlation: UUID
    document: str | None
    effective_on: date
    occurred_on: date
    origin: str
    request: UUID
    traceparent: str | None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the log holds it; payload, metadata and seen are the stored bytes."""

    store: UUID
    epoch: int
    position: int
    stream: UUID
    version: int
    recorded_at: datetime
    seen: bytes
    type: str
    schema_version: int
    salt: bytes
    payload: bytes
    metadata: bytes

    @property
    def identity(self) -> str:
        """The event's name in CloudEvents and on paper: `<epoch>-<position>`."""
        return f"{self.epoch}-{self.position}"


class Reliance(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision believed of another service, and up to which of its positions that held."""

    source: str
    epoch: Count
    position: Count


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stood an `age` ago: its store, epoch, last position and that event's leaf
    (None if empty)."""

    store: UUID
    epoch: int
    position: int
    leaf: bytes | None
    age: timedelta = timedelta()


Cut = Mapping[str, int]
"""One position per log, by service name."""


_NO_DAY = re.compile(r"[+-]?[0-9.]+|.*[Tt ].*", re.DOTALL)


def _written(day: Any) -> Any:
    """A number is no day, though pydantic would count seconds from 1970; nor is an instant."""
    if isinstance(day, date):
        return day
    if not isinstance(day, str) or _NO_DAY.fullmatch(day):
        raise ValueError("须为日期，如 2020-03-16")
    return day


FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)


def _possible(day: date) -> date:
    """A slip such as year 9999 is no day; terms can be added to every other without an end."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"须在 {FIRST_DAY} 至 {LAST_DAY} 之间")
    return day


Day = Annotated[date, BeforeValidator(_written), AfterValidator(_possible)]
"""A day as callers write it: ISO 8601, as text, within the days that can be meant."""


class Command(BaseModel):
    """What a caller asks for. `occurred_on` is the day it happened outside; `effective_on` the day
    from which books and law count it (the same day unless said)."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")

    occurred_on: Day = Field(description="业务发生日", examples=["2020-03-16"])
    effective_on: Day | None = Field(default=None, description="入账生效日, 缺省同业务发生日")
    external_ref: ExternalRef | None = Field(
        default=None, description="来源系统自己的编号, 永久唯一"
    )

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        """A text or number that canonical JSON cannot carry is malformed (422), not a surprise;
        a number that names a person is never stored."""
        canonical(self.model_dump(mode="json"))
        refuse_personal(self)
        return self

    @property
    def counted_on(self) -> date:
        return self.effective_on or self.occurred_on


class ExternalRef(BaseModel):
    """A caller's own id, unique for ever within its system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")
    id: str = Field(pattern=r"^[\x21-\x7e]{1,120}$", description="可见 ASCII 字符, 1 至 120 个")


@lru_cache(4096)  # a command names its stream in its gathering, its rule and its answer
def stream_id(category: str, locality: str, *key: str) -> UUID:
    """The id of the stream that the natural key names: 4 bytes of locality, then a hash.

    Parts are length-prefixed, so no two keys join to the same text; locality and parts count in
    their natural spelling. Marked as UUID version 8 (RFC 9562 section 5.8), which leaves 90 bits
    of hash.
    """
    near = sha256(_prefixed(natural(locality))).digest()[:4]
    named = b"".join(_prefixed(natural(part)) for part in (category, *key))
    return _version_8(near + sha256(named).digest()[:12])


def natural(text: str) -> str:
    """One spelling for what a reader takes for the same name: NFKC (full-width digits become
    narrow), blanks collapsed and trimmed. Only ids are made of it; texts are kept as typed."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def request_id(client: str, key: str) -> UUID:
    """The id of a request: the client's key within the client's own space."""
    return _version_8(sha256(_prefixed(client) + _prefixed(key)).digest()[:16])


def _version_8(raw: bytes) -> UUID:
    marked = bytearray(raw)
    marked[6] = (marked[6] & 0x0F) | 0x80
    marked[8] = (marked[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(marked))


def _prefixed(part: str) -> bytes:
    encoded = part.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def plain(value: Any) -> Any:
    """A struct or model as plain data (str, int, bool, None, list, dict)."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return msgspec.json.decode(msgspec.json.encode(value))  # to_builtins would leave tuples


Command.model_rebuild()
