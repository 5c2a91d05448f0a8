"""Canonical JSON: the one spelling in which anything is stored, hashed or answered.

RFC 8785 over the values that Suyuan stores: strings, integers within 2**53, booleans, null, lists
and objects. Floats never appear (decimals are strings), so the number rules of the RFC reduce to
plain integers. Nothing here knows what a value means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

LARGEST_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE doubles; a larger integer would be read back changed elsewhere."""


_KINDS = bytes(ord("9") if b in b"0123456789" else ord("!") if b >= 0xF0 else 0 for b in range(256))
_read_back = msgspec.json.Decoder(float_hook=lambda _: None)


class NotCanonicalError(ValueError):
    """A value that canonical JSON cannot carry without loss; the message names its place."""

    def __init__(self, message: str, place: str = "") -> None:
        self.place = place
        super().__init__(message)


def canonical(value: Any) -> bytes:
    """The canonical bytes of plain data (dict, list, str, int, bool, None).

    Raises: NotCanonicalError for floats, integers beyond 2**53 - 1, U+0000, lone surrogates, and
    keys that are not text or that sort differently in UTF-16 than by code point.
    Source: RFC 8785 sections 3.2.2 and 3.2.3.
    """
    try:
        text = msgspec.json.encode(value, order="sorted")
    except (UnicodeEncodeError, TypeError):
        text = b""
    # Whatever reads back as it was is plain data; all else is walked, which names its place.
    if suspect(text) or not text or _read_back.decode(text) != value:
        refuse_lossy(value, "")
    return text


def suspect(text: bytes) -> bool:
    """Whether JSON holds bytes that what is refused cannot do without, and harmless texts seldom
    have: U+0000, 16 digits in a row, a character beyond the basic plane (it sorts elsewhere)."""
    seen = text.translate(_KINDS)  # a regular expression takes twenty times as long
    return b"9999999999999999" in seen or b"!" in seen or b"\\u0000" in text


def refuse_lossy(value: Any, place: str) -> None:
    """Walk plain data and refuse what would not survive a round trip."""
    match value:
        case str():
            _refuse_text(value, place)
        case bool() | None:
            return
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise NotCanonicalError(f"{place or '/'}: integer beyond 2**53 - 1", place)
        case dict() | list() | tuple():
            for key, inner in _members(value, place):
                refuse_lossy(inner, f"{place}/{key}")
        case _:
            raise NotCanonicalError(
                f"{place or '/'}: {type(value).__name__} has no canonical form", place
            )


def _members(value: Any, place: str) -> Iterable[tuple[Any, Any]]:
    if not isinstance(value, dict):
        return enumerate(value)
    for key in value:
        _refuse_key(key, place)
    return value.items()


def _refuse_text(text: str, place: str) -> None:
    if "\x00" in text:
        raise NotCanonicalError(f"{place or '/'}: U+0000 cannot be stored", place)
    if not text.isascii() and any("\ud800" <= mark <= "\udfff" for mark in text):
        raise NotCanonicalError(f"{place or '/'}: lone surrogate", place)


def _refuse_key(key: Any, place: str) -> None:
    if not isinstance(key, str):
        raise NotCanonicalError(f"{place or '/'}: key is not text", place)
    _refuse_text(key, place)
    # Beyond the basic plane UTF-16 order and code point order differ; no name of ours is there.
    if not key.isascii() and any(mark > "\uffff" for mark in key):
        raise NotCanonicalError(f"{place or '/'}: key beyond the basic plane", place)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the parts joined; 32 bytes."""
    return hashlib.sha256(b"".join(parts)).digest()
