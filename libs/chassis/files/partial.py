"""What has come of an upload so far, sealed: records as they came, each with its tag.

Layout: `SYU1`, the wrapped key, then records of (length, nonce, sealed bytes). Whatever a killed
process left behind its last whole record is cut off before the next, so the offset that a client is
told is always that of bytes which lie there and open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.migrate import sync_directory
from libs.chassis.vault.keys import Keys
from libs.chassis.vault.sealing import NONCE_BYTES, WRAPPED_BYTES, fresh_key

from .sealed import TAG, DamagedFileError

MAGIC: Final = b"SYU1"
HEADER: Final = len(MAGIC) + WRAPPED_BYTES
LENGTH: Final = 4
RECORD: Final = 65_536
"""Of one record at most."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the whole records end: in the sealed file, in plain bytes, in records."""

    end: int = HEADER
    size: int = 0
    records: int = 0

    def behind(self, length: int) -> Tail:
        """After one more record."""
        end = self.end + LENGTH + NONCE_BYTES + length + TAG
        return Tail(end, self.size + length, self.records + 1)


def begin(path: Path, uid: str, keys: Keys) -> None:
    """An empty one, durable."""
    with path.open("xb") as out:
        out.write(MAGIC + keys.wrap(fresh_key(), _about(uid)))
        out.flush()
        os.fsync(out.fileno())
    sync_directory(path.parent)


def tail(path: Path, uid: str, keys: Keys, known: Tail) -> Tail:
    """How far it goes; what is behind `known` alone is looked at."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        found = known if known.end <= length else Tail()
        if found.end == length:
            return found
        key = _key(file, uid, keys)
        return reduce(lambda _, record: record[0], _records(file, key, found), found)


def add(path: Path, uid: str, keys: Keys, after: Tail, data: bytes) -> Tail:
    """`data` behind the last whole record."""
    with path.open("rb+") as file:
        key = _key(file, uid, keys)
        file.truncate(after.end)
        file.seek(after.end)
        for at in range(0, len(data), RECORD):
            plain = data[at : at + RECORD]
            # By chance, not by number: a record that was cut off may have been seen on the disk.
            length, nonce = len(plain).to_bytes(LENGTH, "big"), os.urandom(NONCE_BYTES)
            file.write(length + nonce + key.encrypt(nonce, plain, _place(after, length)))
            after = after.behind(len(plain))
    return after


def sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def plain(path: Path, uid: str, keys: Keys) -> Iterator[bytes]:
    """All that came, record by record."""
    with path.open("rb") as file:
        key = _key(file, uid, keys)
        for _, data in _records(file, key, Tail()):
            yield data


def _records(file: BinaryIO, key: AESGCM, after: Tail) -> Iterator[tuple[Tail, bytes]]:
    """Those that are whole and open; the first that is not ends it."""
    file.seek(after.end)
    while len(length := file.read(LENGTH)) == LENGTH:
        size = int.from_bytes(length, "big")
        if not 0 < size <= RECORD:
            return
        try:
            nonce = file.read(NONCE_BYTES)
            data = key.decrypt(nonce, file.read(size + TAG), _place(after, length))
        except (InvalidTag, ValueError):
            return
        after = after.behind(size)
        yield after, data


def _key(file: BinaryIO, uid: str, keys: Keys) -> AESGCM:
    file.seek(0)
    head = file.read(HEADER)
    if not head.startswith(MAGIC):
        raise DamagedFileError(f"upload {uid}: the header")
    return AESGCM(keys.unwrap(head[len(MAGIC) :], _about(uid)))


def _place(after: Tail, length: bytes) -> bytes:
    return after.records.to_bytes(8, "big") + length


def _about(uid: str) -> bytes:
    return b"upload\0" + bytes.fromhex(uid)
