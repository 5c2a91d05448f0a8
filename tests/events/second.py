"""The stored forms a second time, from docs/leaf.md and the RFCs alone: nothing of libs is used.

Two programs that agree on the vectors, written apart, are what a verifier outside can rely on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import struct
import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without floats: keys by UTF-16 code units, shortest escapes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        members = [canonical(key) + b":" + canonical(value[key]) for key in keys]
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


def leaf(event: dict[str, Any]) -> bytes:
    salt, payload = bytes.fromhex(event["salt"]), event["payload"].encode()
    opened = [
        hashlib.sha256(hmac.new(salt, name, hashlib.sha256).digest() + text).digest()
        for name, text in ((b"payload", payload), (b"metadata", event["metadata"].encode()))
    ]
    return hashlib.sha256(b"\x00" + header(event) + b"".join(opened)).digest()


def header(event: dict[str, Any]) -> bytes:
    """docs/leaf.md, table 1."""
    kind, seen = event["type"].encode(), event["seen"].encode()
    return struct.pack(
        f">B16sHQ16sQqHH{len(kind)}sI{len(seen)}s",
        1,
        UUID(event["store"]).bytes,
        event["epoch"],
        event["position"],
        UUID(event["stream"]).bytes,
        event["version"],
        microseconds(event["recorded_at"]),
        event["schema_version"],
        len(kind),
        kind,
        len(seen),
        seen,
    )


def microseconds(text: str) -> int:
    """Since 1970-01-01T00:00:00Z, through days and seconds, never through a float."""
    at = datetime.fromisoformat(text)
    offset = at.utcoffset()
    assert offset is not None
    days = at.toordinal() - datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - its day only
    seconds = days * 86400 + at.hour * 3600 + at.minute * 60 + at.second
    return (seconds - offset.days * 86400 - offset.seconds) * 1_000_000 + at.microsecond


def stream_id(category: str, locality: str, *key: str) -> str:
    """4 bytes of locality, 12 bytes of the key's hash, marked as UUID version 8; of each text the
    natural spelling: NFKC, runs of blanks as one, none at the ends."""
    joined = b"".join(_part(_natural(part)) for part in (category, *key))
    near = hashlib.sha256(_part(_natural(locality))).digest()[:4]
    return _uuid(near + hashlib.sha256(joined).digest()[:12])


def request_id(client: str, key: str) -> str:
    return _uuid(hashlib.sha256(_part(client) + _part(key)).digest()[:16])


def _natural(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()


def _part(text: str) -> bytes:
    return struct.pack(">I", len(text.encode())) + text.encode()


def _uuid(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    number = number & ~(0xF << 76) | 8 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
