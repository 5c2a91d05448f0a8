"""Who may sign reference packs: public keys by issuer, from a file that the operator keeps."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from libs.events.packs import ApplyPack

from .keys import read_key
from .settings import SettingError

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)
PackKeys = Mapping[tuple[str, str], Ed25519PublicKey]
"""By issuer and key id."""


def read_pack_keys(file: Path | None) -> PackKeys:
    """`{"<issuer>": {"keys": [JWK, …]}}` (RFC 7517, 8037). Raises: SettingError."""
    if file is None:
        return {}
    try:
        sets = json.loads(file.read_text())
        return {
            (issuer, jwk["kid"]): _public(jwk)
            for issuer, key_set in sets.items()
            for jwk in key_set["keys"]
        }
    except UNREADABLE as error:
        raise SettingError(f"SUYUAN_PACK_ISSUERS: {type(error).__name__}") from None


def _public(jwk: dict[str, str]) -> Ed25519PublicKey:
    known = read_key(jwk)
    if known is None or not isinstance(known.key, Ed25519PublicKey):
        raise TypeError("not the public half of an Ed25519 key")
    return known.key


def signed(command: ApplyPack, keys: PackKeys) -> bool:
    """Whether the named key of the pack's issuer signed exactly this pack."""
    key = keys.get((command.pack.issuer, command.key))
    if key is None:
        return False
    try:
        key.verify(urlsafe_b64decode(command.signature + "=="), command.pack.signed())
    except (InvalidSignature, ValueError):
        return False
    return True
