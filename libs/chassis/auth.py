"""Who calls: bearer tokens checked against a key set, and the embedded default's own issuer.

Tokens are JWTs signed with Ed25519 (RFC 8037, RFC 9068 claims). The key id picks the key, the
algorithm is fixed by us and never by the token. A checked token is remembered until it expires.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request
from jwt.algorithms import OKPAlgorithm

from libs.events.duties import DUTIES, Duty
from libs.events.errors import EventsError

AUDIENCE = "suyuan"
ALGORITHM = "EdDSA"
REMEMBERED = 10_000
Role = Duty
ROLES = DUTIES


class UnauthenticatedError(EventsError):
    status = 401
    title = "未登录或令牌无效"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the token speaks for. `area` None means the whole installation. A token that states no
    roles says who, and the directory says what (seats.py); `behalf`: by whose grant, when it is
    delegated."""

    id: str
    roles: tuple[str, ...]
    unit: str
    area: UUID | None
    expires_at: datetime
    behalf: str | None = None


class Verifier:
    """Checks bearer tokens against a JSON Web Key Set (RFC 7517)."""

    def __init__(self, key_set: dict[str, Any], issuer: str) -> None:
        self._keys = {key["kid"]: jwt.PyJWK(key) for key in key_set["keys"]}
        self._issuer = issuer
        self._known: dict[str, Caller] = {}

    def __call__(self, request: Request) -> Caller:
        """The caller of a request. Raises: UnauthenticatedError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("需要 Authorization: Bearer 令牌")
        return self.caller(token)

    def caller(self, token: str) -> Caller:
        """Raises: UnauthenticatedError, which never repeats the token."""
        known = self._known.get(token)
        if known is None:
            known = _caller(self._claims(token))
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[token] = known
        if known.expires_at <= datetime.now(UTC):
            self._known.pop(token, None)
            raise UnauthenticatedError("令牌已过期")
        return known

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": ["exp", "iat", "sub"]},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise UnauthenticatedError(f"令牌无效：{type(error).__name__}") from None
        return claims


def _caller(claims: dict[str, Any]) -> Caller:
    try:
        roles = tuple(str(role) for role in claims.get("roles", ()))
        stated = claims["area"] if roles else None  # whoever states roles states where
        area = None if stated is None else UUID(stated)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnauthenticatedError("令牌无效：roles 或 area") from None
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return Caller(str(claims["sub"]), roles, str(claims["unit"]) if roles else "", area, expires_at)


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
        """A signed token; without roles it says only who. Raises: ValueError for a strange role."""
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
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._kid})


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
