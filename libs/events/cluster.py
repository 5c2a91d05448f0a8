"""A Kafka cluster as its protocol tells it: who belongs to it, and at what release it runs.

The client library speaks ApiVersions up to version 2, which has no features; this asks version 3.
Source: KIP-584, ApiVersionsRequest and ApiVersionsResponse version 3 of the Kafka protocol guide.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

_API_VERSIONS, _VERSION = 18, 3
_FINALISED = 2
_CLIENT = b"\x07suyuan\x02\x31\x00"
"""Compact strings, name and version, each behind its length + 1; then no tagged field."""


async def described(bootstrap: str) -> dict[str, Any] | None:
    """The cluster as the protocol tells it; None while it does not answer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        told: dict[str, Any] = await admin.describe_cluster()
    except (KafkaError, OSError):
        return None
    else:
        return told if told["brokers"] else None
    finally:
        await admin.close()


class _Reading:
    """Bytes taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def number(self, kind: str) -> int:
        value: int = struct.unpack(f">{kind}", self.take(struct.calcsize(kind)))[0]
        return value

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def tagged(self) -> dict[int, bytes]:
        count = self.varint()
        return {self.varint(): self.take(self.varint()) for _ in range(count)}


async def features(bootstrap: str) -> dict[str, int]:
    """Level of each finalised feature, `metadata.version` among them. Raises: OSError, EOFError."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = struct.pack(">hhih", _API_VERSIONS, _VERSION, 1, 6) + b"suyuan" + b"\x00"
        request = head + _CLIENT
        writer.write(struct.pack(">i", len(request)) + request)
        await writer.drain()
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        return _finalised(_Reading(await reader.readexactly(size)))
    finally:
        writer.close()


def _finalised(answer: _Reading) -> dict[str, int]:
    answer.take(4 + 2)  # correlation, error
    for _ in range(answer.varint() - 1):
        answer.take(3 * 2)  # an api and its versions
        answer.tagged()
    answer.take(4)  # throttle
    told = _Reading(answer.tagged().get(_FINALISED, b"\x01"))
    found = {}
    for _ in range(told.varint() - 1):
        name = told.take(told.varint() - 1).decode()
        found[name] = told.number("h")
        told.take(2)  # its lowest level
        told.tagged()
    return found
