"""The master key, the first of three levels: who wraps the keys of areas and of HMACs.

A certified cipher machine (密码机) can take the place of `SoftwareKeys`: it has the same two verbs,
and the master never leaves it. Software keys alone do not pass 密评 (SECURITY.md).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.migrate import locked, own_directory, write_private

from .sealing import KEY_BYTES, fresh_key, unwrap, wrap

MASTER = "master.key"


class MasterMissingError(Exception):
    """The key database holds keys, and the folder does not hold the master that wrapped them."""


class Keys(Protocol):
    """Wraps and unwraps 32 bytes; `about` says what for and must be the same both times. Both may
    take milliseconds and are called in a thread. Raises: UnopenableError."""

    def wrap(self, key: bytes, about: bytes) -> bytes: ...
    def unwrap(self, wrapped: bytes, about: bytes) -> bytes: ...


class SoftwareKeys:
    """The master in the memory of our own process, from a 0600 file of the installation."""

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(master)

    def wrap(self, key: bytes, about: bytes) -> bytes:
        return wrap(self._master, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        return unwrap(self._master, wrapped, about)


def software_keys(folder: Path, *, may_make: bool) -> SoftwareKeys:
    """The master of the folder. Raises: MasterMissingError."""
    own_directory(folder, None, 0o700)
    return kept_keys(folder / MASTER, may_make=may_make)


def kept_keys(file: Path, *, may_make: bool) -> SoftwareKeys:
    """From a 0600 file, made at the first start: of several processes one makes it.

    Raises: MasterMissingError where it is missing and must not be made.
    """
    return SoftwareKeys(kept_secret(file, may_make=may_make))


def kept_secret(file: Path, *, may_make: bool) -> bytes:
    """32 bytes of a 0600 file, the same in every process. Raises: as `kept_keys`."""
    if not file.exists():  # one that is there may lie where nothing may be written
        _make(file, may_make=may_make)
    secret = bytes.fromhex(file.read_text().strip())
    if len(secret) != KEY_BYTES:
        raise MasterMissingError(f"{file} does not hold {KEY_BYTES} bytes")
    return secret


def _make(file: Path, *, may_make: bool) -> None:
    lock = locked(file.with_suffix(".lock"))
    assert lock is not None, "it waits"
    try:
        if not file.exists():
            if not may_make:
                raise MasterMissingError(f"{file} is missing: bring it back from its backup")
            write_private(file, fresh_key().hex() + "\n")
    finally:
        os.close(lock)
