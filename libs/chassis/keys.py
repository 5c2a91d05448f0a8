"""Public keys that check tokens, read from JSON Web Keys (RFC 7517, 7518, 8037).

The algorithm is bound to the key: its type says which of ours may be used with it, and a token only
says which of those it used. What is no signing key of a kind listed here is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("OKP", "Ed25519"): ("EdDSA",),
    ("EC", "P-256"): ("ES256",),
    ("RSA", None): ("RS256", "PS256"),
}
"""Ours, by type and curve."""
RSA_BITS = (2048, 8192)
"""Shorter ones are weak (NIST SP 800-131A); longer ones let a caller burn our time."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that only a private or a shared key has (RFC 7518 section 6)."""


class KeySetError(ValueError):
    """What should be a JSON Web Key Set is none."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key with the algorithms that it may check; equal where its members are."""

    kid: str
    algorithms: tuple[str, ...]
    members: Mapping[str, Any]
    key: Any = field(compare=False, repr=False)


Keys = Mapping[tuple[str, str], PublicKey]
"""By key id and algorithm: some issuers give one id to keys of two types."""


def read_key_set(told: Any, before: Keys | None = None) -> Keys:
    """The keys of a set; one that is as before stays the same object. Raises: KeySetError."""
    if not isinstance(told, dict) or not isinstance(told.get("keys"), list):
        raise KeySetError("no JSON Web Key Set")
    found: dict[tuple[str, str], PublicKey] = {}
    for members in told["keys"]:
        key = read_key(members)
        for algorithm in () if key is None else key.algorithms:
            assert key is not None
            known = (before or {}).get((key.kid, algorithm))
            found[key.kid, algorithm] = known if known == key else key
    return found


def read_key(members: Any, kid: str | None = None) -> PublicKey | None:
    """One key, under `kid` or its own; None for what is no public signing key of ours."""
    if not isinstance(members, dict) or PRIVATE & members.keys() or not _signs(members):
        return None
    named = members.get("kid") if kid is None else kid
    algorithms = ALGORITHMS.get((str(members.get("kty")), members.get("crv")), ())
    if (only := members.get("alg")) is not None:
        algorithms = tuple(name for name in algorithms if name == only)
    if not isinstance(named, str) or not named or not algorithms:
        return None
    try:
        key = jwt.PyJWK(members, algorithm=algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAPublicKey) and not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
        return None
    return PublicKey(named, algorithms, members, key)


def _signs(members: Mapping[str, Any]) -> bool:
    return members.get("use", "sig") == "sig" and "verify" in members.get("key_ops", ["verify"])
