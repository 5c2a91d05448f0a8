"""Sealing one text for one person: AES-256-GCM, bound to the person and the field. No I/O.

A sealed text is `s1.` and base64url of nonce (12 bytes), ciphertext, tag (16). A key that is
wrapped has the same three parts as bytes. ADR 0014.
"""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.events.private import looks_personal

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
PREFIX = "s1."


class UnopenableError(Exception):
    """A sealed text or a wrapped key does not belong to this key, person or field, or was changed.

    The message names what it is about by its opaque id.
    """


def fresh_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: AESGCM, subject: UUID, field: str, text: str) -> str:
    """The text as it may stand in an event. `field` is a stable tag: it is part of the seal."""
    about, plain = _about(subject, field), text.encode()
    while True:
        nonce = os.urandom(NONCE_BYTES)
        packed = nonce + key.encrypt(nonce, plain, about)
        sealed = PREFIX + urlsafe_b64encode(packed).rstrip(b"=").decode()
        # By chance, once in millions, it reads like somebody's number, which no command may hold.
        if looks_personal(sealed) is None:
            return sealed


def unseal(key: AESGCM, subject: UUID, field: str, sealed: str) -> str:
    """Raises: UnopenableError."""
    try:
        text = sealed.removeprefix(PREFIX)
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return _decrypt(key, packed, _about(subject, field)).decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise UnopenableError(f"{field} of {subject}") from None


def _about(subject: UUID, field: str) -> bytes:
    return subject.bytes + b"\0" + field.encode()


def wrap(key: AESGCM, inner: bytes, about: bytes) -> bytes:
    """A key under the key of the level above, bound to what it is for."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, inner, about)


def unwrap(key: AESGCM, wrapped: bytes, about: bytes) -> bytes:
    """Raises: UnopenableError."""
    try:
        return _decrypt(key, wrapped, about)
    except (InvalidTag, ValueError):
        raise UnopenableError("a wrapped key") from None


def _decrypt(key: AESGCM, packed: bytes, about: bytes) -> bytes:
    return key.decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], about)
