"""The leaf: one hash that names an event for ever. Layout and vectors: docs/leaf.md.

A proof opens the payload or the metadata and hides the other; the salt keeps a short payload from
being guessed. Design 12, ADR 0001.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct

from .canonical import sha256
from .types import Recorded

LAYOUT = 1
_FIXED = Struct("!B 16s H Q 16s Q q H H")
_LENGTH = Struct("!I")
BLOCK = 64
"""Bytes that SHA-256 takes at a time."""
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def leaf(event: Recorded) -> bytes:
    """SHA-256(0x00 ‖ header ‖ C(payload) ‖ C(metadata)); 32 bytes. Source: RFC 6962 section 2.1."""
    payload, metadata = commitments(event)
    return sha256(b"\x00", header(event), payload, metadata)


def header(event: Recorded) -> bytes:
    """Fixed-width big-endian fields, then length-prefixed type and seen."""
    kind = event.type.encode()
    fixed = _FIXED.pack(
        LAYOUT,
        event.store.bytes,
        event.epoch,
        event.position,
        event.stream.bytes,
        event.version,
        microseconds(event.recorded_at),
        event.schema_version,
        len(kind),
    )
    return b"".join((fixed, kind, _LENGTH.pack(len(event.seen)), event.seen))


def commitments(event: Recorded) -> tuple[bytes, bytes]:
    """C of payload and metadata: SHA-256(HMAC-SHA-256(salt, its name) ‖ itself).

    Both keys are of one salt, which is padded and masked once: two thirds of the time that two
    calls of hmac take. Source: RFC 2104 section 2, for keys no longer than a block.
    """
    padded = event.salt.ljust(BLOCK, b"\0")
    inner, outer = padded.translate(_INNER), padded.translate(_OUTER)
    of_payload = sha256(outer, sha256(inner, b"payload"))
    of_metadata = sha256(outer, sha256(inner, b"metadata"))
    return sha256(of_payload, event.payload), sha256(of_metadata, event.metadata)


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
