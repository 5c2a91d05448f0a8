"""What a bearer token says, and what of it is believed (RFC 7519, RFC 8725).

A token names who issued it and by which key; which algorithms that key may be used with is ours to
say (keys.py). No answer and no log line repeats any of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt

from libs.events.errors import EventsError
from libs.events.private import looks_personal

from .keys import PublicKey

AUDIENCE = "suyuan"
ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a media type, RFC 9068 section 2.1
LONGEST = 8192
LEEWAY_S = 60
"""How far the clock of who signed may be ahead of ours. A token that has ended is not believed."""
SYSTEM, USER, SERVICE = "system:", "user:", "service:"
RESERVED = (SYSTEM, USER, SERVICE, "reactor:", "delivery:")
"""How ids of callers begin that the built-in issuer may not name."""


class UnauthenticatedError(EventsError):
    status = 401
    title = "未登录或令牌无效"


class KeysAwayError(EventsError):
    """Nothing can be said of a token: the keys to check it with could not be had yet."""

    title = "暂时无法核对令牌"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a token says of its own signature, before any of it is believed."""

    issuer: str
    kid: str
    algorithm: str
    type: str


def unchecked(token: str) -> Signed:
    """Raises: UnauthenticatedError for what is no signed token."""
    if len(token) > LONGEST:
        raise UnauthenticatedError("令牌无效：过长")
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthenticatedError("令牌无效：不是 JWT") from None
    head, claims = whole["header"], whole["payload"]
    told = (claims.get("iss"), head.get("kid"), head.get("alg"), head.get("typ", ""))
    if not all(isinstance(one, str) for one in told):
        raise UnauthenticatedError("令牌无效：缺少 iss、kid 或 alg")
    issuer, kid, algorithm, type_ = map(str, told)
    return Signed(issuer, kid, algorithm, type_.lower().removeprefix("application/"))


WRONG: Mapping[type[Exception], str] = {
    jwt.InvalidSignatureError: "签名不符",
    jwt.ExpiredSignatureError: "已过期",
    jwt.ImmatureSignatureError: "尚未生效，或签发时刻在将来",
    jwt.InvalidIssuedAtError: "签发时刻无法读取",
    jwt.InvalidAudienceError: "不是签发给本系统的",
    jwt.InvalidIssuerError: "签发者不符",
    jwt.MissingRequiredClaimError: "缺少 iss、aud、sub、iat 或 exp",
}


def checked(token: str, key: PublicKey, signed: Signed) -> dict[str, Any]:
    """The claims of a token whose signature, audience and times hold. Raises:
    UnauthenticatedError."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[signed.algorithm],
            audience=AUDIENCE,
            issuer=signed.issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise UnauthenticatedError(f"令牌无效：{WRONG.get(type(error), '无法读取')}") from None
    if not 0 < len(claims["sub"]) <= 255:
        raise UnauthenticatedError("令牌无效：sub 须为 1 至 255 个字符")
    return claims


def ends(claims: Mapping[str, Any]) -> datetime:
    """Raises: UnauthenticatedError for a day that no calendar has."""
    try:
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, OverflowError, OSError):
        raise UnauthenticatedError("令牌无效：exp") from None


def held(claims: Mapping[str, Any]) -> tuple[tuple[str, ...], str, UUID | None]:
    """Roles, unit and area as a token of ours carries them; whoever states roles states where.
    Raises: UnauthenticatedError."""
    try:
        roles = tuple(str(role) for role in claims.get("roles", ()))
        if not roles:
            return (), "", None
        area = None if claims["area"] is None else UUID(claims["area"])
        return roles, str(claims["unit"]), area
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnauthenticatedError("令牌无效：roles、unit 或 area") from None


def user_id(issuer: str, subject: str) -> str:
    """The id of a person of a foreign issuer: two issuers never collide, and what the issuer calls
    the person is not told. It opens no number that can be guessed: see `require_opaque`."""
    named = b"".join(len(part).to_bytes(4, "big") + part for part in _encoded(issuer, subject))
    return USER + hashlib.sha256(named).hexdigest()[:32]


def _encoded(*parts: str) -> list[bytes]:
    return [part.encode("utf-8", "surrogatepass") for part in parts]


def require_opaque(subject: str) -> None:
    """What names a person would stand in every event. Raises: UnauthenticatedError."""
    if looks_personal(subject) is not None:
        raise UnauthenticatedError("令牌无效：sub 是个人号码，应由签发者改为不透明的编号")
