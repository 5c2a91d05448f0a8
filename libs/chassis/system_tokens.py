"""Assertions of other organisations' systems (RFC 7523): short, signed by the system itself with a
key that is registered in households and known in every service.

A service believes its own copy of the keys, read again when it is older than two seconds, so that a
retired key is refused within five. Where that cannot be read, or nothing has confirmed it for a
minute, no system is believed: a key might have been retired meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from libs.events.log import Log

from .auth import Caller
from .keys import PublicKey, read_key
from .tokens import SYSTEM, KeysAwayError, Signed, UnauthenticatedError, ends

READ_AGAIN_S = 2.0
UNKNOWN_AGAIN_S = 0.5
"""A key that is not known may just have come; asked no more often than this, whoever asks."""
CONFIRMED_WITHIN = timedelta(seconds=60)
LONGEST_LIFE_S = 300
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Held:
    """A key of a system that is not retired, and for whom it speaks."""

    key: PublicKey
    valid_from: datetime
    valid_until: datetime
    unit: str
    area: UUID | None


class SystemTokens:
    """What systems sign themselves, as one service believes it."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._keys: dict[tuple[str, str], _Held] = {}
        self._parsed: dict[str, PublicKey | None] = {}
        self._read_at = -READ_AGAIN_S
        self._fresh = False
        self._reading: asyncio.Task[None] | None = None

    def are(self, issuer: str) -> bool:
        return issuer.startswith(SYSTEM)

    async def key(self, signed: Signed) -> PublicKey | None:
        named = (signed.issuer, signed.kid)
        age_s = asyncio.get_running_loop().time() - self._read_at
        if age_s >= (READ_AGAIN_S if named in self._keys else UNKNOWN_AGAIN_S):
            await self._read_once()
        if not self._fresh:
            raise KeysAwayError("对接系统公钥的副本过旧，请稍后再试")
        held, now = self._keys.get(named), datetime.now(UTC)
        if held is None or not held.valid_from <= now < held.valid_until:
            return None
        return held.key

    def caller(self, signed: Signed, claims: Mapping[str, Any]) -> Caller:
        """One role, whatever the assertion says of itself. Raises: UnauthenticatedError."""
        if claims["sub"] != signed.issuer:
            raise UnauthenticatedError("令牌无效：sub 须与 iss 相同")
        if signed.type not in ("", "jwt"):
            raise UnauthenticatedError("令牌无效：不是系统的断言")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= 200:
            raise UnauthenticatedError("令牌无效：缺少 jti")
        if not 0 < int(claims["exp"]) - int(claims["iat"]) <= LONGEST_LIFE_S:
            raise UnauthenticatedError(f"令牌无效：有效期至多 {LONGEST_LIFE_S} 秒")
        held = self._keys[signed.issuer, signed.kid]
        return Caller(signed.issuer, ("system",), held.unit, held.area, ends(claims), "system")

    async def _read_once(self) -> None:
        """For all who ask meanwhile."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        began = asyncio.get_running_loop().time()
        reader = "view" if self._store.service == "households" else "known"
        try:
            async with self._store.pool.acquire(timeout=5) as connection:
                fresh = await connection.fetchval(_CONFIRMED, reader, CONFIRMED_WITHIN)
                rows = await connection.fetch(_KEYS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("system_keys_not_read", error=type(error).__name__)
            self._fresh = False
            return
        found = {(SYSTEM + str(row["system"]), row["kid"]): self._held(row) for row in rows}
        self._keys = {named: held for named, held in found.items() if held is not None}
        self._fresh, self._read_at = bool(fresh), began

    def _held(self, row: asyncpg.Record) -> _Held | None:
        """A key id is the key's own thumbprint, so a key is read from its members once."""
        kid = row["kid"]
        if kid not in self._parsed:
            self._parsed[kid] = read_key(json.loads(row["key"]), kid)
        key = self._parsed[kid]
        if key is None:
            return None
        return _Held(key, row["valid_from"], row["valid_until"], row["unit"], row["area"])


_CONFIRMED = """
SELECT stopped IS NULL AND clock_timestamp() - confirmed_at <= $2
  FROM es.cursors WHERE reader = $1 AND source = 'households'
"""
_KEYS = """
SELECT k.system, k.kid, k.key, k.valid_from, k.valid_until, s.unit, s.area
  FROM known.system_keys k
  JOIN known.systems s ON s.id = k.system
 WHERE k.valid_until > clock_timestamp()
   AND NOT EXISTS (SELECT FROM known.retired_system_keys r
                    WHERE r.system = k.system AND r.kid = k.kid)
"""
