"""Tokens of a configured issuer (OpenID Connect Discovery 1.0, RFC 8414): its public keys, fetched
and kept.

Keys are fetched at the start, on a period, and when a token names one that is not known, at most
once in 30 s for all callers together. What the issuer withdrew is believed no more after the next
fetch; while the issuer is away the last set that it told goes on.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog

from .auth import Caller
from .keys import Keys, KeySetError, PublicKey, read_key_set
from .settings import is_reachable_safely
from .tokens import (
    ACCESS_TOKEN,
    KeysAwayError,
    Signed,
    UnauthenticatedError,
    ends,
    held,
    require_opaque,
    user_id,
)

DISCOVERY = "/.well-known/openid-configuration"
PERIOD_S = 300.0
AT_ONCE_S = 30.0
"""Between two fetches that unknown keys ask for: anybody can make up a key id."""
FIRST_TRY_S, LAST_TRY_S = 1.0, 30.0
FETCH_WITHIN_S = 10.0
LARGEST = 256 * 1024
OF_AN_ID_TOKEN = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
OF_AN_ACCESS_TOKEN = frozenset({"client_id", "scope", "scp"})
OURS = frozenset({"roles", "unit", "area"})

Fetch = Callable[[], Awaitable[Any]]
log = structlog.get_logger()


class IssuerError(Exception):
    """The issuer, or what it told, is not what it must be; the message names no key."""


class IssuerTokens:
    """Access tokens of one issuer, for people."""

    def __init__(self, issuer: str, fetch: Fetch, *, period_s: float = PERIOD_S) -> None:
        self.issuer = issuer
        self.key_set: Mapping[str, Any] = {"keys": []}
        self._fetch, self._period_s = fetch, period_s
        self._keys: Keys | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -AT_ONCE_S

    def are(self, issuer: str) -> bool:
        return issuer == self.issuer

    async def key(self, signed: Signed) -> PublicKey | None:
        named = (signed.kid, signed.algorithm)
        if self._keys is None or named not in self._keys:
            await self._ask_for_unknown()
        if self._keys is None:
            raise KeysAwayError("签发者的公钥尚未取得，请稍后再试")
        return self._keys.get(named)

    def caller(self, signed: Signed, claims: Mapping[str, Any]) -> Caller:
        """Roles count only where unit and area stand beside them: a foreign issuer knows nothing of
        either, and without an area a role would reach the whole installation."""
        _require_access_token(signed, claims)
        require_opaque(claims["sub"])
        roles, unit, area = held(claims) if claims.keys() >= OURS else ((), "", None)
        id_ = user_id(self.issuer, claims["sub"])
        return Caller(id_, roles, unit, area, ends(claims), "issuer", claims["sub"])

    async def keep(self) -> None:
        """Fetch for as long as the process lives; often until it was told the first time."""
        pause_s = FIRST_TRY_S
        try:
            while True:
                await self.fetch()
                known = self._keys is not None
                await asyncio.sleep(self._period_s if known else pause_s)
                pause_s = FIRST_TRY_S if known else min(LAST_TRY_S, pause_s * 2)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def fetch(self) -> None:
        """Ask once, for all who ask meanwhile; what goes wrong is logged and changes nothing."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask_for_unknown(self) -> None:
        now = asyncio.get_running_loop().time()
        running = self._asking is not None and not self._asking.done()
        if running or now - self._asked_at >= AT_ONCE_S:
            await self.fetch()

    async def _ask(self) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                told = await self._fetch()
            keys = read_key_set(told, self._keys)
        except (IssuerError, KeySetError, httpx.HTTPError, OSError, ValueError) as error:
            log.warning(
                "keys_not_fetched", error=type(error).__name__, known=self._keys is not None
            )
            return
        if keys.keys() != (self._keys or {}).keys():
            log.info("keys_changed", keys=sorted({kid for kid, _ in keys}))
        self._keys, self.key_set = keys, {"keys": _unique(keys)}


def _unique(keys: Keys) -> list[Mapping[str, Any]]:
    """The members of each key once, whatever the algorithms it may be used with."""
    found: list[Mapping[str, Any]] = []
    for key in keys.values():
        if key.members not in found:
            found.append(key.members)
    return found


def _require_access_token(signed: Signed, claims: Mapping[str, Any]) -> None:
    """RFC 9068: the type says so. An issuer that sends no such type shows it by what an access
    token has and an ID token has not; another type is another kind of token.

    Raises: UnauthenticatedError.
    """
    if signed.type == ACCESS_TOKEN:
        return
    untyped = signed.type in ("", "jwt") and claims.get("typ", "Bearer") == "Bearer"
    if not untyped or OF_AN_ID_TOKEN & claims.keys() or not OF_AN_ACCESS_TOKEN & claims.keys():
        raise UnauthenticatedError("令牌无效：不是访问令牌（at+jwt）")


def discovered(issuer: str, authorities: Path | None = None) -> Fetch:
    """The key set as the issuer tells where it lies. `authorities`: whom its certificate must come
    from, in place of the usual ones. Raises: OSError for a file that holds none."""
    trusted = httpx.create_ssl_context(trust_env=False)
    if authorities is not None:
        trusted = ssl.create_default_context(cafile=str(authorities))

    async def fetch() -> Any:
        async with httpx.AsyncClient(
            verify=trusted, follow_redirects=False, trust_env=False, timeout=FETCH_WITHIN_S
        ) as client:
            told = await _json(client, issuer.rstrip("/") + DISCOVERY)
            if not isinstance(told, dict) or told.get("issuer") != issuer:
                raise IssuerError("the document names another issuer")
            return await _json(client, str(told.get("jwks_uri")))

    return fetch


async def _json(client: httpx.AsyncClient, url: str) -> Any:
    """Raises: IssuerError, httpx.HTTPError, ValueError."""
    if not is_reachable_safely(url):
        raise IssuerError("neither https nor on this machine")
    told = bytearray()
    async with client.stream("GET", url, headers={"accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise IssuerError(f"answered {answer.status_code}")
        async for chunk in answer.aiter_bytes():
            told += chunk
            if len(told) > LARGEST:
                raise IssuerError("told more than anybody reads")
    return json.loads(told)


def kept_in(file: Path) -> Fetch:
    """The key set in a file, read again whenever it is asked for."""

    async def fetch() -> Any:
        return json.loads(await asyncio.to_thread(file.read_bytes))

    return fetch
