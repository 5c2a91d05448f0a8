"""Who calls: bearer tokens, whoever signed them, and the embedded default's own issuer.

A checked token is remembered until it ends or its key is believed no more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request
from jwt.algorithms import OKPAlgorithm

from libs.events.duties import DUTIES, Duty

from .keys import PublicKey, read_key_set
from .tokens import (
    ACCESS_TOKEN,
    AUDIENCE,
    RESERVED,
    Signed,
    UnauthenticatedError,
    checked,
    ends,
    held,
    require_opaque,
    unchecked,
)

ALGORITHM = "EdDSA"
"""Of the built-in issuer."""
REMEMBERED = 10_000
Role = Duty
ROLES = DUTIES
Kind = Literal["built_in", "issuer", "system", "service"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the token speaks for. `area` None means the whole installation, for whoever holds a role.
    A token that states no roles says who, and the directory says what (seats.py), by `subject`:
    what the issuer calls the person. `behalf`: by whose grant, when it is delegated; of a service
    for whom it asks. `kind`: whose token it was."""

    id: str
    roles: tuple[str, ...]
    unit: str
    area: UUID | None
    expires_at: datetime
    kind: Kind = "built_in"
    subject: str = ""
    behalf: str | None = None


class Tokens(Protocol):
    """The tokens of one origin: which are its own, what checks them, whom they speak for."""

    def are(self, issuer: str) -> bool: ...

    async def key(self, signed: Signed) -> PublicKey | None:
        """What to check it with, now. Raises: KeysAwayError."""
        ...

    def caller(self, signed: Signed, claims: Mapping[str, Any]) -> Caller:
        """Of claims whose signature, audience and times hold. Raises: UnauthenticatedError."""
        ...


@dataclass(frozen=True, slots=True)
class _Checked:
    caller: Caller
    tokens: Tokens
    signed: Signed
    key: PublicKey


class Verifier:
    """Checks bearer tokens of the origins given; there are no others."""

    def __init__(self, *believed: Tokens) -> None:
        self._believed = believed
        self._known: dict[str, _Checked] = {}

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request. Raises: UnauthenticatedError, KeysAwayError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("需要 Authorization: Bearer 令牌")
        return await self.caller(token)

    async def caller(self, token: str) -> Caller:
        """Raises: UnauthenticatedError, which never repeats the token, KeysAwayError."""
        known = self._known.get(token)
        if known is None or await known.tokens.key(known.signed) is not known.key:
            self._known.pop(token, None)
            known = await self._check(token)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[token] = known
        if known.caller.expires_at <= datetime.now(UTC):
            self._known.pop(token, None)
            raise UnauthenticatedError("令牌已过期")
        return known.caller

    async def _check(self, token: str) -> _Checked:
        signed = unchecked(token)
        tokens = next((one for one in self._believed if one.are(signed.issuer)), None)
        if tokens is None:
            raise UnauthenticatedError("令牌无效：不承认其签发者")
        key = await tokens.key(signed)
        if key is None or signed.algorithm not in key.algorithms:
            raise UnauthenticatedError("令牌无效：没有可核对它的公钥")
        claims = checked(token, key, signed)
        return _Checked(tokens.caller(signed, claims), tokens, signed, key)


class OwnTokens:
    """Tokens of the built-in issuer: one key, and the roles stand in the token."""

    def __init__(self, key_set: Mapping[str, Any], issuer: str) -> None:
        self.key_set = key_set
        self.issuer = issuer
        self._keys = read_key_set(key_set)

    def are(self, issuer: str) -> bool:
        return issuer == self.issuer

    async def key(self, signed: Signed) -> PublicKey | None:
        return self._keys.get((signed.kid, signed.algorithm))

    def caller(self, _: Signed, claims: Mapping[str, Any]) -> Caller:
        subject = claims["sub"]
        if subject.startswith(RESERVED):
            raise UnauthenticatedError("令牌无效：sub")
        require_opaque(subject)
        return Caller(subject, *held(claims), ends(claims), subject=subject)

    async def keep(self) -> None:
        """Its key stays as it is."""


class LocalIssuer:
    """The built-in issuer: one key in a 0600 file of the installation. For one machine only."""

    def __init__(self, key_file: Path, url: str) -> None:
        self.url = url
        self._key = _load_or_make(key_file)
        public = json.loads(OKPAlgorithm.to_jwk(self._key.public_key()))
        self._kid = jwt.utils.base64url_encode(
            self._key.public_key().public_bytes_raw()[:12]
        ).decode()
        self.key_set = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": ALGORITHM}]}

    def token(
        self, subject: str, roles: tuple[str, ...], unit: str, area: UUID | None, valid: timedelta
    ) -> str:
        """A signed token; without roles it says only who. Raises: ValueError for a strange role, or
        another's id."""
        if subject.startswith(RESERVED):
            raise ValueError(f"{subject} 不是本签发者的编号")
        if unknown := set(roles) - set(ROLES):
            raise ValueError(f"角色不存在：{sorted(unknown)}；可用：{'、'.join(ROLES)}")
        now = datetime.now(UTC)
        where = None if area is None else str(area)
        stated = {"roles": list(roles), "unit": unit, "area": where} if roles else {}
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            **stated,
            "iat": now,
            "exp": now + valid,
            "jti": uuid4().hex,
        }
        headers = {"kid": self._kid, "typ": ACCESS_TOKEN}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)


def _load_or_make(key_file: Path) -> Ed25519PrivateKey:
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        temporary = key_file.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
        os.replace(temporary, key_file)
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{key_file.name} holds no Ed25519 key")
    return key
