"""A system of another organisation, with private keys of its own, and how it becomes known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from httpx import AsyncClient

from tests.oidc_provider import made_key
from tests.registry import made, post


class Signer:
    """A system of another organisation, with the keys that it holds."""

    def __init__(self, id_: UUID) -> None:
        self.name = f"system:{id_}"
        self.keys: dict[str, dict[str, Any]] = {}
        self.signs_with = ""

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        of_it = {"iss": self.name, "sub": self.name, "aud": "suyuan", "jti": uuid4().hex}
        return {**of_it, "iat": now, "exp": now + 300}

    def assertion(self, kid: str = "", **claims: Any) -> str:
        """Signed with one of its keys, else with the one that it uses now."""
        said = {k: v for k, v in (self.claims() | claims).items() if v is not None}
        return signed(self.keys[kid or self.signs_with], kid or self.signs_with, said)

    def bearer(self, kid: str = "", **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.assertion(kid, **claims)}"}


ALGORITHMS = {"OKP": "EdDSA", "EC": "ES256", "RSA": "PS256"}


def signed(key: Mapping[str, Any], kid: str, claims: Mapping[str, Any], **head: Any) -> str:
    algorithm = ALGORITHMS[key["kty"]]
    private = jwt.PyJWK(dict(key), algorithm=algorithm).key
    return jwt.encode(dict(claims), private, algorithm=algorithm, headers={"kid": kid, **head})


def public(key: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in key.items() if k in ("kty", "crv", "x", "y", "n", "e")}


async def registered(
    steward: AsyncClient, area: UUID | None = None, kind: str = "EdDSA", code: str = "dibao"
) -> Signer:
    """A system with one key, of a year."""
    body = {"code": code, "organisation": "民政局", "unit": "civil"}
    id_ = await made(steward, "/systems", {**body, "area": None if area is None else str(area)})
    signer = Signer(id_)
    await add(steward, signer, kind)
    return signer


async def add(steward: AsyncClient, signer: Signer, kind: str = "EdDSA", **days: Any) -> str:
    """Another key, with which it signs from now on."""
    key, now = made_key(kind, "own"), datetime.now(UTC)
    asked = {
        "key": public(key),
        "valid_from": (now - timedelta(minutes=1)).isoformat(),
        "valid_until": (now + timedelta(days=365)).isoformat(),
        **days,
    }
    added = await post(steward, f"/systems/{signer.name.removeprefix('system:')}/keys", asked)
    assert added.status_code == 201, added.text
    kid: str = added.json()["kid"]
    signer.keys[kid], signer.signs_with = key, kid
    return kid


async def retire(steward: AsyncClient, signer: Signer, kid: str) -> None:
    id_ = signer.name.removeprefix("system:")
    await made(steward, f"/systems/{id_}/key-retirements", {"kid": kid, "reason": "换钥"})
