"""What must be asked for to be measured: head, cursors, pools, database; once an export interval.

The API asks its own stores, so that a copy that ages is seen while the worker is down; lags are
told by the readers themselves. What cannot be asked is left out, and a level that nobody tells is
forgotten (libs.events.measures): no number is better than an old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog

from libs.events import measures
from libs.events.ending import end
from libs.events.log import Log

from .measures import CONNECTIONS
from .telemetry import EVERY_S

log = structlog.get_logger()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task that runs for as long as the body does."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)


async def keep_looking(look: Callable[[], Awaitable[None]], every_s: float = EVERY_S) -> None:
    """Look until cancelled; what goes wrong in looking hurts nobody else."""
    while True:
        try:
            async with asyncio.timeout(every_s):
                await look()
        except Exception as error:
            log.info("not_observed", error=type(error).__name__)
        await asyncio.sleep(every_s)


async def look_at_store(store: Log) -> None:
    """Head, size, oldest snapshot, cursors, what is parked, invariants and pool of one store."""
    of = {"service": store.service}
    tell_pool(store.pool, store.service)
    (row,) = await store.pool.fetch(_STORE)
    measures.HEAD.tell(row["head"], **of)
    measures.DATABASE_SIZE.tell(row["size"], **of)
    measures.SNAPSHOT_AGE.tell(row["snapshot_age_s"], **of)
    for cursor in await store.pool.fetch(_CURSORS):
        named = {**of, "reader": cursor["reader"], "source": cursor["source"]}
        measures.CURSOR_AGE.tell(cursor["age_s"], **named)
        measures.STOPPED.tell(int(cursor["stopped"]), **named)
    (parked,) = await store.pool.fetch(_PARKED)
    measures.PARKED.tell(parked["count"], **of)
    measures.PARKED_AGE.tell(parked["age_s"], **of)
    for check in await store.pool.fetch(_CHECKS):
        measures.BROKEN.tell(int(check["broken"]), **of, invariant=check["invariant"])


async def look_at_pools(pools: Mapping[asyncpg.Pool, str]) -> None:
    """The pools of a worker, each by its name."""
    for pool, name in pools.items():
        tell_pool(pool, name)


def tell_pool(pool: asyncpg.Pool, name: str) -> None:
    idle = pool.get_idle_size()
    named = {"db.client.connection.pool.name": name}
    CONNECTIONS.tell(idle, **named, **{"db.client.connection.state": "idle"})
    CONNECTIONS.tell(pool.get_size() - idle, **named, **{"db.client.connection.state": "used"})


# Of other roles' sessions pg_stat_activity shows no snapshot, and nothing here needs the right to.
_STORE = """
SELECT (SELECT coalesce(max(position), 0) FROM es.events) AS head,
       pg_database_size(current_database()) AS size,
       (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
          FROM pg_stat_activity
         WHERE backend_xmin IS NOT NULL AND datname = current_database()
           AND pid <> pg_backend_pid()) AS snapshot_age_s
"""
_CURSORS = """
SELECT reader, source, stopped IS NOT NULL AS stopped,
       extract(epoch FROM clock_timestamp() - confirmed_at)::float8 AS age_s
  FROM es.cursors WHERE reader NOT LIKE 'subscription.%' OR stopped IS NOT NULL
"""
_PARKED = """
SELECT count(*) AS count,
       coalesce(max(extract(epoch FROM clock_timestamp() - parked_at)), 0)::float8 AS age_s
  FROM es.parked
"""
_CHECKS = "SELECT invariant, counterexample IS NOT NULL AS broken FROM es.checks"
