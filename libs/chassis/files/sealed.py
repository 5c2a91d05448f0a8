"""A sealed file: chunks under AES-256-GCM with a key of its own. No policy, no paths.

Layout: `SYF1`, the file's key as the installation's wrapped it (60 bytes), then chunks of 64 KiB,
each with its tag. A nonce is the number of the chunk and whether it is the last, so that none may
be left out, moved or cut off (STREAM, Hoang et al. 2015); a key is never used for a second file.
Any chunk can be opened alone, so readers of workbooks seek without a clear copy on the disk.
"""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.vault.keys import Keys
from libs.chassis.vault.sealing import WRAPPED_BYTES, UnopenableError, fresh_key

MAGIC: Final = b"SYF1"
HEADER: Final = len(MAGIC) + WRAPPED_BYTES
CHUNK: Final = 65_536
TAG: Final = 16


class DamagedFileError(OSError):
    """What lies on the disk is not what was sealed there."""


def nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Sealing:
    """Writes one sealed file as its bytes come, and hashes them: memory is one chunk."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._secret = fresh_key()
        self._key = AESGCM(self._secret)
        self._hash = hashlib.sha256()
        self._held = bytearray()
        self._number = 0
        self.size = 0
        out.write(bytes(HEADER))

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._held += data
        while len(self._held) > CHUNK:  # what fills it exactly may be the last
            self._chunk(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]

    def finish(self, keys: Keys) -> str:
        """The digest; the key is wrapped for it, so a file that was renamed does not open."""
        self._chunk(bytes(self._held), last=True)
        digest = self._hash.hexdigest()
        self._out.seek(0)
        self._out.write(MAGIC + keys.wrap(self._secret, about(digest)))
        return digest

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        self._out.write(self._key.encrypt(nonce(self._number, last=last), plain, None))
        self._number += 1


def about(digest: str) -> bytes:
    return b"file\0" + bytes.fromhex(digest)


class Unsealed(io.RawIOBase):
    """A sealed file as its plain bytes, for whoever reads and seeks. Raises: DamagedFileError."""

    def __init__(self, sealed: BinaryIO, digest: str, keys: Keys) -> None:
        self._sealed = sealed
        head = sealed.read(HEADER)
        try:
            if not head.startswith(MAGIC):
                raise UnopenableError("no sealed file")
            self._key = AESGCM(keys.unwrap(head[len(MAGIC) :], about(digest)))
        except UnopenableError:
            sealed.close()
            raise DamagedFileError(f"{digest}: the header") from None
        body = sealed.seek(0, io.SEEK_END) - HEADER
        self._chunks = max(1, -(-body // (CHUNK + TAG)))
        self.size = body - self._chunks * TAG
        self._at, self._number, self._plain = 0, -1, b""
        self._digest = digest

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]  # as io's own
        number, inside = divmod(self._at, CHUNK)
        if number >= self._chunks:
            return 0
        part = self._chunk(number)[inside : inside + len(into)]
        into[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._sealed.close()
        super().close()

    def verify(self) -> bool:
        """Whether the whole is what its digest says: every chunk, also of an empty file."""
        found = hashlib.sha256()
        try:
            for number in range(self._chunks):
                found.update(self._chunk(number))
        except DamagedFileError:
            return False
        return found.hexdigest() == self._digest

    def _chunk(self, number: int) -> bytes:
        if number != self._number:
            self._sealed.seek(HEADER + number * (CHUNK + TAG))
            sealed, last = self._sealed.read(CHUNK + TAG), number == self._chunks - 1
            try:
                self._plain = self._key.decrypt(nonce(number, last=last), sealed, None)
            except (InvalidTag, ValueError):
                self._number = -1
                raise DamagedFileError(f"{self._digest}: chunk {number}") from None
            self._number = number
        return self._plain
