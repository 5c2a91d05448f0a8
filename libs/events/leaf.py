"""The leaf: one hash that names an event for ever. Layout and vectors: docs/leaf.md.

A proof opens the payload or the metadata and hides the other; the salt keeps a short payload from
being guessed. Design 12, ADR 0001.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .canonical import sha256
from .types import Recorded

LAYOUT = 1
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def leaf(event: Recorded) -> bytes:
    """SHA-256(0x00 ‖ header ‖ C(payload) ‖ C(metadata)); 32 bytes. Source: RFC 6962 section 2.1."""
    return sha256(
        b"\x00",
        header(event),
        commitment(event.salt, b"payload", event.payload),
        commitment(event.salt, b"metadata", event.metadata),
    )


def header(event: Recorded) -> bytes:
    """Fixed-width big-endian fields, then length-prefixed type and seen."""
    kind = event.type.encode()
    return b"".join(
        (
            LAYOUT.to_bytes(1, "big"),
            event.store.bytes,
            event.epoch.to_bytes(2, "big"),
            event.position.to_bytes(8, "big"),
            event.stream.bytes,
            event.version.to_bytes(8, "big"),
            microseconds(event.recorded_at).to_bytes(8, "big", signed=True),
            event.schema_version.to_bytes(2, "big"),
            len(kind).to_bytes(2, "big"),
            kind,
            len(event.seen).to_bytes(4, "big"),
            event.seen,
        )
    )


def commitment(salt: bytes, name: bytes, text: bytes) -> bytes:
    """C(x) = SHA-256(HMAC-SHA-256(salt, name of x) ‖ x)."""
    return sha256(hmac.digest(salt, name, "sha256"), text)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, by integers."""
    return (at - _EPOCH_START) // _MICROSECOND


def tree_leaf(text: bytes) -> bytes:
    """SHA-256(0x00 ‖ text): a leaf of a small tree, as the lines of a batch. RFC 6962 2.1."""
    return sha256(b"\x00", text)


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes, in order; SHA-256 of nothing when there are none.

    Source: RFC 6962 section 2.1: the left half holds the largest power of two below the length.
    """
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", tree_root(leaves[:middle]), tree_root(leaves[middle:]))
