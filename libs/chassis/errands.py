"""Errands: what a service asks of another of this installation by HTTP, on somebody's behalf.

Nothing is commanded (design 4): the other service answers what it knows and records that it was
asked. While it is away whoever asks waits and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog

from libs.events.errors import EventsError
from libs.events.types import Actor

from .errand_tokens import UNREADABLE, Errand, errand_key

WITHIN = httpx.Timeout(30, connect=3)
TRIES, PAUSE_S = 3, 0.2
AWAY = frozenset({401, 408, 425, 429, 500, 502, 503, 504})
"""A key that is not believed yet is waited for, like a service that is away: an operator sets both
right, and what was asked for is not lost meanwhile."""
log = structlog.get_logger()


class AskedServiceAwayError(EventsError):
    """Nothing was decided; to be asked again."""

    status = 503
    title = "所问的服务暂不可用"


class ErrandRefusedError(EventsError):
    """The other service says no, in its own words; asking again changes nothing."""

    status = 409
    title = "所问的服务拒绝回答"


@dataclass(frozen=True)
class Errands:
    """The key file by which services know each other, and where each is that may be asked."""

    key_file: Path
    addresses: Mapping[str, str]

    async def ask(
        self, errand: Errand, of: str, path: str, body: Any, *, by: str, asker: Actor, area: UUID
    ) -> Any:
        """What `of` answers `by` to a POST, tried a few times; each try is asked, and recorded,
        anew. The body is logged nowhere. Raises: AskedServiceAwayError, ErrandRefusedError."""
        url = f"{self.addresses[of]}/api/v1/{of}{path}"
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=WITHIN
        ) as client:
            for nth in range(1, TRIES + 1):
                headers = await self._headers(by, errand, asker, area)
                answer = await _post(client, url, headers, body)
                if answer is not None and answer.status_code not in AWAY:
                    return _told(answer)
                status = None if answer is None else answer.status_code
                log.warning("errand_not_answered", of=of, errand=errand, status=status, tried=nth)
                if nth < TRIES:
                    await asyncio.sleep(PAUSE_S * nth)
        raise AskedServiceAwayError(f"{of} 暂不能回答，将继续等待")

    async def _headers(self, by: str, errand: Errand, asker: Actor, area: UUID) -> dict[str, str]:
        """A token for this one try. Raises: AskedServiceAwayError where the key cannot be read."""
        try:
            key = await asyncio.to_thread(errand_key, self.key_file)
        except UNREADABLE as error:
            log.error("services_key_not_read", error=type(error).__name__)
            raise AskedServiceAwayError("服务之间的密钥读不出，将继续等待") from None
        token = key.token(by, errand, asker, area)
        return {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex}


async def _post(
    client: httpx.AsyncClient, url: str, headers: dict[str, str], body: Any
) -> httpx.Response | None:
    """None: no answer came."""
    try:
        return await client.post(url, headers=headers, json=body)
    except httpx.TransportError:
        return None


def _told(answer: httpx.Response) -> Any:
    """Raises: ErrandRefusedError with the name and sentence of the problem."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.status_code == 201 and told is not None:
        return told
    problem = told if isinstance(told, dict) else {}
    name = str(problem.get("type", "")).rpartition("/")[2] or f"Http{answer.status_code}"
    raise ErrandRefusedError(str(problem.get("detail", name)), status=answer.status_code)
