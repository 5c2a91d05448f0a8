"""Tokens of errands: one service of this installation asks another something on somebody's behalf.

Signed with a key of the installation that no person and no system has, in a 0600 file; short; good
for one errand alone, which the token names, within one area (ADR 0026).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import UUID, uuid4

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from libs.events.types import Actor

from .auth import ALGORITHM, Caller
from .keys import PublicKey, read_key
from .tokens import AUDIENCE, SERVICE, Signed, UnauthenticatedError, ends, require_opaque
from .vault.keys import MasterMissingError, kept_secret

Errand = Literal["identify"]
"""What one service may ask of another; the role that its route states."""
ERRANDS: tuple[str, ...] = get_args(Errand)
MAY: Mapping[str, frozenset[Errand]] = {"funds": frozenset({"identify"})}
"""Which service runs which errands. It is code: an installation gives no more."""
TYPE = "errand+jwt"
GOOD_FOR = timedelta(seconds=60)
LONGEST_LIFE_S = 120
UNREADABLE = (OSError, ValueError, MasterMissingError)
log = structlog.get_logger()


class ErrandKey:
    """The key of the installation, as the service that asks holds it."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        public = self._key.public_key()
        self.kid = jwt.utils.base64url_encode(public.public_bytes_raw()[:12]).decode()
        members = json.loads(OKPAlgorithm.to_jwk(public))
        found = read_key(members, self.kid)
        assert found is not None, "an Ed25519 key is one of ours"
        self.public: PublicKey = found

    def token(self, service: str, errand: str, asker: Actor, area: UUID, /, **more: Any) -> str:
        """For one call: who asks, for whom, and within which area. `more`: other claims."""
        now, name = datetime.now(UTC), SERVICE + service
        claims = {
            "iss": name,
            "sub": name,
            "aud": AUDIENCE,
            "errand": errand,
            "behalf": asker.id,
            "unit": asker.unit,
            "area": str(area),
            "iat": now,
            "exp": now + GOOD_FOR,
            "jti": uuid4().hex,
            **more,
        }
        headers = {"kid": self.kid, "typ": TYPE}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)


def errand_key(file: Path) -> ErrandKey:
    """Of the file, made at its first use. Raises: OSError, ValueError, MasterMissingError."""
    return ErrandKey(kept_secret(file, may_make=True))


class ErrandTokens:
    """What is believed of them: `file` is read again for a key that is not known. Where it is
    missing nobody is believed, and it is never made here: whoever asks first makes it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: ErrandKey | None = None

    def are(self, issuer: str) -> bool:
        return issuer.startswith(SERVICE)

    async def key(self, signed: Signed) -> PublicKey | None:
        if self._known is None or self._known.kid != signed.kid:
            self._read()
        if self._known is None or self._known.kid != signed.kid:
            return None
        return self._known.public

    def _read(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            self._known = ErrandKey(kept_secret(self._file, may_make=False))
        except UNREADABLE as error:
            log.warning("services_key_not_read", error=type(error).__name__)

    def caller(self, signed: Signed, claims: Mapping[str, Any]) -> Caller:
        """In the one role of its errand. Raises: UnauthenticatedError."""
        service = signed.issuer.removeprefix(SERVICE)
        if signed.type != TYPE or claims["sub"] != signed.issuer:
            raise UnauthenticatedError("令牌无效：不是服务之间的令牌")
        if claims.get("errand") not in MAY.get(service, ()):
            raise UnauthenticatedError("令牌无效：该服务没有这项用途")
        ended = ends(claims)
        if ended.timestamp() - claims["iat"] > LONGEST_LIFE_S:
            raise UnauthenticatedError("令牌无效：有效期过长")
        behalf, unit, area = _for_whom(claims)
        name = signed.issuer
        return Caller(name, (claims["errand"],), unit, area, ended, "service", name, behalf)


def _for_whom(claims: Mapping[str, Any]) -> tuple[str, str, UUID]:
    """Never for nobody, and never everywhere. Raises: UnauthenticatedError."""
    try:
        behalf, unit, area = claims["behalf"], claims["unit"], UUID(claims["area"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnauthenticatedError("令牌无效：behalf、unit 或 area") from None
    if not (isinstance(behalf, str) and isinstance(unit, str) and 0 < len(behalf) <= 255):
        raise UnauthenticatedError("令牌无效：behalf 或 unit")
    require_opaque(behalf)
    return behalf, unit, area
