"""(type, version) <-> class: how a fact becomes bytes and bytes a fact.

Stored bytes never change. An old version is lifted by a chain of pure functions on plain data, one
version a step, before it becomes the class of today. An unknown type is ignored by a tolerant
reader; a known type that cannot be read stops whoever reads it (ADR 0001).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from .canonical import NotCanonicalError, refuse_lossy, suspect
from .types import Event, Metadata

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Plain payload of version n -> plain payload of version n + 1."""


class UndecodableError(ValueError):
    """A known type whose bytes this release cannot read; names type, version and reason."""


_encoder = msgspec.json.Encoder(order="sorted", decimal_format="string", uuid_format="canonical")
_metadata = msgspec.json.Decoder(Metadata)


class Contracts:
    """The facts that a log may hold: classes by name, and the upcasters of their older versions."""

    def __init__(
        self,
        events: Iterable[type[Event]],
        upcasters: Mapping[tuple[type[Event], int], Upcaster] | None = None,
    ) -> None:
        self.events = {event.__name__: event for event in events}
        self._decoders = {
            (name, kind.version()): msgspec.json.Decoder(kind).decode
            for name, kind in self.events.items()
        }
        self._upcasters = {
            (kind.__name__, version): lift for (kind, version), lift in (upcasters or {}).items()
        }
        for name, kind in self.events.items():
            missing = [v for v in range(1, kind.version()) if (name, v) not in self._upcasters]
            if missing:
                raise TypeError(f"{name}: no upcaster from version {missing}")

    def __or__(self, other: Contracts) -> Contracts:
        for name in self.events.keys() & other.events.keys():
            if self.events[name] is not other.events[name]:
                raise TypeError(f"{name}: two facts of one name")
        joined = Contracts(())
        joined.events = self.events | other.events
        joined._decoders = self._decoders | other._decoders
        joined._upcasters = self._upcasters | other._upcasters
        return joined

    def encode(self, event: Event) -> bytes:
        """The canonical payload. Read back at once, so nothing unreadable is ever stored."""
        name = type(event).__name__
        payload = _encode(event)
        if self.decode(name, event.version(), payload) != event:
            raise NotCanonicalError(f"{name}: does not read back as it was")
        return payload

    def decode(self, name: str, version: int, payload: bytes) -> Event | None:
        """The fact of today's shape, or None for a type that this release does not know.

        Raises: UndecodableError for a known type of a newer version or of unreadable bytes.
        """
        try:
            if decode := self._decoders.get((name, version)):
                return decode(payload)
            if kind := self.events.get(name):
                return msgspec.convert(self._lift(name, version, payload), kind)
            return None
        except UndecodableError:
            raise
        except Exception as error:  # an upcaster may raise anything
            raise UndecodableError(f"{name} version {version}: {error}") from error

    def _lift(self, name: str, version: int, payload: bytes) -> dict[str, Any]:
        now = self.events[name].version()
        if version > now:
            raise UndecodableError(f"{name} version {version} is newer than {now}, known here")
        plain: dict[str, Any] = msgspec.json.decode(payload)
        for step in range(version, now):
            plain = self._upcasters[name, step](plain)
        return plain


def _encode(fact: msgspec.Struct) -> bytes:
    """Canonical bytes. Raises: NotCanonicalError naming the place."""
    try:
        text = _encoder.encode(fact)
    except UnicodeEncodeError as error:
        raise NotCanonicalError(f"{type(fact).__name__}: lone surrogate") from error
    if suspect(text):
        refuse_lossy(msgspec.json.decode(text), f"/{type(fact).__name__}")
    return text


def encode_metadata(metadata: Metadata) -> bytes:
    """Canonical metadata; every key present, null where there is nothing."""
    return _encode(metadata)


def decode_metadata(stored: bytes) -> Metadata:
    return _metadata.decode(stored)
