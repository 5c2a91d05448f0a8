"""What a webhook is on the wire: whom it may be sent to, how it is signed, what was answered.

Signatures follow Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp`,
`webhook-signature` = `v1,` and the HMAC-SHA256 over id.timestamp.body in base64, one for each
secret in force. No redirect is followed, no proxy of the environment asked, no cookie kept.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx

from .settings import SettingError

ANSWER_WITHIN_S = 6
"""Less than a lease is sure to last from its last renewal on: 10 s less 3."""
LARGEST_ANSWER = 64 * 1024
SIGNED_TWICE_FOR = timedelta(days=1)
SECRET_BYTES = 32
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
_PORTS = {"http": 80, "https": 443}


def read_listed(file: Path | None) -> tuple[str, ...]:
    """The operator's list: an address a line, `#` begins a remark. Raises: SettingError."""
    if file is None:
        return ()
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    except OSError as error:
        raise SettingError(f"SUYUAN_WEBHOOKS: {file}: {error.strerror}") from None
    found = tuple(line for line in lines if line)
    for line in found:
        if _parts(line) is None:
            raise SettingError(f"SUYUAN_WEBHOOKS: {line!r} is no address")
    return found


def is_listed(url: str, listed: Sequence[str]) -> bool:
    """Whether an entry of the list is this address or stands above it: the same scheme, host and
    port, and whole steps of its path."""
    asked = _parts(url)
    if asked is None:
        return False
    allowed = (_parts(entry) for entry in listed)
    return any(
        one is not None and one[0] == asked[0] and asked[1][: len(one[1])] == one[1]
        for one in allowed
    )


def _parts(url: str) -> tuple[tuple[str, str, int], tuple[str, ...]] | None:
    """((scheme, host, port), steps of the path); None for what is no plain address."""
    if _ADDRESS.fullmatch(url) is None:
        return None
    split = urlsplit(url)
    steps = tuple(step for step in split.path.split("/") if step)
    if split.hostname is None or {".", ".."} & set(steps):
        return None
    try:
        port = split.port or _PORTS[split.scheme]
    except ValueError:  # beyond 65535
        return None
    return (split.scheme, split.hostname, port), steps


def signature(secret: bytes, id_: str, timestamp: int, body: bytes) -> str:
    signed = hmac.digest(secret, f"{id_}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def spelled(secret: bytes) -> str:
    """A secret as its receiver configures it."""
    return "whsec_" + base64.b64encode(secret).decode()


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        follow_redirects=False, trust_env=False, timeout=httpx.Timeout(ANSWER_WITHIN_S)
    )


async def post(sender: httpx.AsyncClient, url: str, headers: dict[str, str], body: bytes) -> int:
    """The status answered; what else is said is read to its end only where it is short, so that
    the connection serves again. Raises: httpx.HTTPError."""
    async with sender.stream("POST", url, headers=headers, content=body) as answer:
        sender.cookies.clear()
        read = 0
        async for chunk in answer.aiter_raw():
            read += len(chunk)
            if read > LARGEST_ANSWER:
                break
        return answer.status_code


async def make_secret(pool: asyncpg.Pool, subscription: UUID, number: int) -> str | None:
    """The secret of that number for its receiver, when it is made now; None when it was made
    before: it is told once. Those before the last two are gone with it."""
    secret = secrets.token_bytes(SECRET_BYTES)
    made = await pool.fetchval(_MAKE, subscription, number, secret)
    await pool.execute(_FORGET, subscription, number)
    return None if made is None else spelled(secret)


async def secrets_of(pool: asyncpg.Pool, subscription: UUID, now: datetime) -> list[bytes]:
    """Those that sign now, the newest first; none before the receiver was told the first."""
    rows = await pool.fetch(_SECRETS, subscription)
    if len(rows) > 1 and rows[0]["made_at"] + SIGNED_TWICE_FOR < now:
        rows = rows[:1]
    return [row["secret"] for row in rows]


_MAKE = """
INSERT INTO es.secrets (subscription, number, secret)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM es.secrets WHERE subscription = $1 AND number > $2)
ON CONFLICT DO NOTHING RETURNING number
"""
_FORGET = "DELETE FROM es.secrets WHERE subscription = $1 AND number < $2 - 1"
_SECRETS = """
SELECT secret, made_at FROM es.secrets WHERE subscription = $1 ORDER BY number DESC LIMIT 2
"""
