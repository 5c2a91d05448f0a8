"""Who may do a work of which there must be one: a lease that runs out, fenced by a token.

The database's clock alone counts. A holder that slept past its lease finds a higher token where it
would write, and writes nothing (ADR 0004).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import asyncpg
import structlog

from . import measures
from .errors import ReplacedError
from .group_commit import UNKNOWN_OUTCOME

LASTS = timedelta(seconds=10)
RENEWED_AFTER_S = 3

log = structlog.get_logger()


class Lease:
    """One name, one holder. `token` rises whenever the holder changes. `lasts`: without a renewal;
    so long nobody goes on with the work of a holder that was killed."""

    def __init__(self, name: str, pool: asyncpg.Pool, lasts: timedelta = LASTS) -> None:
        self.name, self.pool, self.lasts = name, pool, lasts
        self.holder = uuid4()
        self.token = 0
        self._renew_at = 0.0
        self._elsewhere = False

    async def take(self) -> None:
        """Take or renew it. Raises: ReplacedError while another holds it."""
        token = await self.pool.fetchval(_TAKE, self.name, self.holder, self.lasts)
        if token is None:
            if not self._elsewhere:
                log.info("lease_held_elsewhere", lease=self.name)
            self._elsewhere = True
            raise ReplacedError(f"{self.name}: the lease is held by another process")
        if token > max(1, self.token):  # at 1 nobody held it before
            measures.LEASE_CHANGES.add(1, {"lease": self.name})
        if self.token and token != self.token:
            log.warning("lease_changed", lease=self.name, token=token)
        self.token, self._elsewhere = token, False
        self._renew_at = asyncio.get_running_loop().time() + RENEWED_AFTER_S

    async def keep(self) -> None:
        """Renew it when that is due. Raises: ReplacedError."""
        if asyncio.get_running_loop().time() > self._renew_at:
            await self.take()

    async def release(self) -> None:
        """Whoever comes next need not wait until it runs out."""
        with suppress(asyncpg.PostgresError, *UNKNOWN_OUTCOME):
            await self.pool.execute(_RELEASE, self.name, self.holder)


_TAKE = """
INSERT INTO es.leases AS l (name, holder, token, until) VALUES ($1, $2, 1, clock_timestamp() + $3)
ON CONFLICT (name) DO UPDATE SET holder = $2, until = clock_timestamp() + $3,
       token = l.token + (l.holder <> $2)::int
 WHERE l.holder = $2 OR l.until < clock_timestamp() RETURNING token
"""
_RELEASE = "UPDATE es.leases SET until = clock_timestamp() WHERE name = $1 AND holder = $2"
