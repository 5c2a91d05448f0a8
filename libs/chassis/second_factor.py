"""A second factor: codes of an app that shares a secret with us (TOTP, RFC 6238).

A code is good for its step of 30 s and one on either side, once: for one request, whose repeats
count as that one use. Every try is counted before the code is looked at, so that guessing at once
from many places gains nothing (RFC 4226 section 7.3). The secret is told once, to the person it
belongs to, and lies in the database wrapped.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from libs.events.errors import EventsError

from .call import Call
from .vault.keys import Keys
from .vault.sealing import KEY_BYTES

HEADER = "second-factor"
STEP_S, STEPS_ASIDE = 30, 1
SECRET_BYTES = 20
"""Of the bytes that are wrapped, as keys are; as long as the output of SHA-1."""
TRIES, SHUT_FOR = 5, timedelta(minutes=15)
_CODE = re.compile(r"[0-9]{6}")


class SecondFactorError(EventsError):
    """Who calls has not shown again that it is they."""

    status = 401
    title = "需要动态验证码"


class SecondFactorUsedError(SecondFactorError):
    title = "该动态验证码已经用过"


class SecondFactorShutError(SecondFactorError):
    status = 429
    title = "动态验证码错误过多"


class SecondFactorEnrolledError(SecondFactorError):
    status = 409
    title = "已经启用动态验证码"


class SecondFactorAwayError(SecondFactorError):
    status = 503
    title = "没有二次验证"


def codes(secret: bytes, at: datetime) -> Mapping[int, str]:
    """Those that are good at an instant, by their step."""
    totp = TOTP(secret, 6, SHA1(), STEP_S)  # noqa: S303 - what authenticator apps know; RFC 6238
    now = int(at.timestamp()) // STEP_S
    steps = range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1)
    return {step: totp.generate(step * STEP_S).decode() for step in steps}


class SecondFactors:
    """The second factors kept in one store."""

    def __init__(self, pool: asyncpg.Pool, keys: Keys) -> None:
        self._pool, self._keys = pool, keys

    async def enrol(self, person: str, at: datetime) -> str:
        """A new secret as the otpauth URI that an app reads: told here once, and to be confirmed by
        a first code. Raises: SecondFactorEnrolledError where one is in force."""
        made = os.urandom(KEY_BYTES)
        wrapped = self._keys.wrap(made, _about(person))
        if await self._pool.fetchval(_ENROL, person, wrapped, at) is None:
            raise SecondFactorEnrolledError("要更换，先由管理员停用现有的")
        totp = TOTP(made[:SECRET_BYTES], 6, SHA1(), STEP_S)  # noqa: S303 - as above
        return totp.get_provisioning_uri(person, "溯源")

    async def confirm(self, person: str, code: str, request: UUID, at: datetime) -> None:
        """The first code puts it in force. Raises: as `require`."""
        await self._use(person, code, request, at, confirmed=False)

    async def require(self, person: str, code: str | None, request: UUID, at: datetime) -> None:
        """Returns where the code is this person's and was used for nothing else.

        Raises: SecondFactorError, SecondFactorUsedError, SecondFactorShutError.
        """
        await self._use(person, code, request, at, confirmed=True)

    async def drop(self, person: str) -> None:
        """The person enrols again: what an administrator does for whoever lost the app."""
        await self._pool.execute("DELETE FROM es.second_factors WHERE person = $1", person)

    async def _use(
        self, person: str, code: str | None, request: UUID, at: datetime, *, confirmed: bool
    ) -> None:
        if code is None or not _CODE.fullmatch(code):
            raise SecondFactorError("须以 Second-Factor 请求头给出六位动态验证码")
        wrapped = await self._try(person, at, confirmed=confirmed)
        secret = self._keys.unwrap(wrapped, _about(person))[:SECRET_BYTES]
        good = codes(secret, at)
        # All are compared, so that how long it takes tells nothing.
        found = [step for step, one in good.items() if hmac.compare_digest(one, code)]
        if not found:
            raise SecondFactorError("动态验证码不正确")
        if await self._pool.fetchval(_USE, person, wrapped, found[0], request, at) is None:
            raise SecondFactorUsedError("请等下一个验证码")

    async def _try(self, person: str, at: datetime, *, confirmed: bool) -> bytes:
        """The wrapped secret, with the try counted. Raises: SecondFactorError."""
        opens = at - SHUT_FOR
        wrapped: bytes | None = await self._pool.fetchval(_TRY, person, confirmed, TRIES, opens, at)
        if wrapped is not None:
            return wrapped
        if await self._pool.fetchval(_THERE, person, confirmed):
            raise SecondFactorShutError(f"已错 {TRIES} 次，请在 15 分钟后再试")
        raise SecondFactorError("尚未启用动态验证码" if confirmed else "没有待确认的动态验证码")


def _about(person: str) -> bytes:
    return b"second factor\0" + person.encode()


async def require_second_factor(call: Call, factors: SecondFactors) -> None:
    """For a command that asks for it, bound to its Idempotency-Key: a repeat passes with the same
    code. Raises: SecondFactorError, KeyMissingError."""
    code = call.request.headers.get(HEADER)
    await factors.require(call.caller.id, code, call.key(), datetime.now(UTC))


_ENROL = """
INSERT INTO es.second_factors AS f (person, secret, enrolled_at) VALUES ($1, $2, $3)
ON CONFLICT (person) DO UPDATE
   SET secret = excluded.secret, enrolled_at = excluded.enrolled_at, last_step = 0,
       used_for = NULL, tries = 0, tried_at = NULL
 WHERE f.confirmed_at IS NULL
RETURNING person
"""
_TRY = """
UPDATE es.second_factors
   SET tries = CASE WHEN tried_at > $4 THEN tries + 1 ELSE 1 END, tried_at = $5
 WHERE person = $1 AND (confirmed_at IS NOT NULL) = $2
   AND (tries < $3 OR tried_at <= $4)
RETURNING secret
"""
_THERE = """
SELECT true FROM es.second_factors WHERE person = $1 AND (confirmed_at IS NOT NULL) = $2
"""
_USE = """
UPDATE es.second_factors
   SET last_step = $3, used_for = $4, tries = 0, confirmed_at = coalesce(confirmed_at, $5)
 WHERE person = $1 AND secret = $2
   AND (last_step < $3 OR (last_step = $3 AND used_for = $4))
RETURNING person
"""
