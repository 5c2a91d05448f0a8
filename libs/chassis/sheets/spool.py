"""Bytes that do not fit into memory and may name people: in a file without a name, under a key that
is in this process alone, so that no disk ever holds them in clear."""

from __future__ import annotations

import os
import tempfile

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 1 << 16
KEPT = 64
"""Blocks opened and held: what is read again soon lies near."""
COUNTS_A_BLOCK = BLOCK // 16


class Spool:
    """Written once from front to back, read anywhere. AES-256-CTR: a block's counter follows from
    its number and is used once; nothing else writes the file, so it needs no seal."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 # closed by its owner
        self._key = algorithms.AES(os.urandom(32))
        self._held = bytearray()
        self._blocks = self.size = 0
        self._opened: dict[int, bytes] = {}

    def write(self, more: bytes) -> None:
        self._held += more
        self.size += len(more)
        while len(self._held) >= BLOCK:
            self._file.write(self._turned(self._blocks, bytes(self._held[:BLOCK])))
            del self._held[:BLOCK]
            self._blocks += 1

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`; fewer at the end of all."""
        end = min(end, self.size)
        if start >= end:
            return b""
        first, last = start // BLOCK, (end - 1) // BLOCK
        if first == last:
            return self._block(first)[start - first * BLOCK : end - first * BLOCK]
        whole = b"".join(self._block(number) for number in range(first, last + 1))
        return whole[start - first * BLOCK : end - first * BLOCK]

    def close(self) -> None:
        self._file.close()

    def _block(self, number: int) -> bytes:
        if number == self._blocks:
            return bytes(self._held)
        found = self._opened.get(number)
        if found is None:
            if len(self._opened) >= KEPT:
                del self._opened[next(iter(self._opened))]
            sealed = os.pread(self._file.fileno(), BLOCK, number * BLOCK)
            found = self._opened[number] = self._turned(number, sealed)
        return found

    def _turned(self, number: int, block: bytes) -> bytes:
        """Sealed if it was plain, plain if it was sealed."""
        counter = (number * COUNTS_A_BLOCK).to_bytes(16, "big")
        return Cipher(self._key, modes.CTR(counter)).encryptor().update(block)
