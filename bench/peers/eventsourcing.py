"""eventsourcing 9.5: its PostgreSQL application recorder on its own database, callers in threads.

The recorder gets ready bytes (payload and metadata in one, it has one column), so that the mapper
and the aggregate of its applications cost nothing here. Measured as it comes and with its database
functions, which are switched on by a setting; they leave out the lock of the table.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from ..installation import Installation
from ..rounds import Round
from .work import BATCH, LeftOutError, cell, database, facts

THREADS = 64
CONNECTIONS = 8
PEERS = {"eventsourcing": "no", "eventsourcing by its functions": "yes"}
CELLS = ((1, 1_000, 1), (4, 2_000, 1), (16, 2_000, 1), (64, 2_000, 1), (4, 100, BATCH))
"""Callers, saves in all, events a save."""


@asynccontextmanager
async def rounds(installation: Installation) -> AsyncIterator[Mapping[str, Round]]:
    """Raises: LeftOutError without libpq, which psycopg loads."""
    try:
        import psycopg  # noqa: PLC0415 - loads libpq, which may not be there
        from eventsourcing.postgres import PostgresFactory  # noqa: PLC0415 - imports psycopg
    except ImportError as error:
        raise LeftOutError(f"psycopg: {error}") from error
    print(f"psycopg {psycopg.__version__} for eventsourcing, made in {psycopg.pq.__impl__}")
    found: dict[str, Round] = {}
    with ThreadPoolExecutor(THREADS) as threads, ExitStack() as stack:
        for peer, functions in PEERS.items():
            address = await database(installation, f"eventsourcing_{functions}")
            factory = PostgresFactory(environment(address, functions))
            stack.callback(factory.close)
            recorder = await asyncio.to_thread(factory.application_recorder)
            for callers, count, a_save in CELLS:
                found[cell(peer, callers, a_save)] = _saving(
                    threads, recorder, callers, count, a_save
                )
        yield found


def environment(address: Mapping[str, Any], functions: str = "no") -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": address["database"],
        "POSTGRES_HOST": address["host"],
        "POSTGRES_PORT": str(address["port"]),
        "POSTGRES_USER": address["user"],
        "POSTGRES_PASSWORD": address["password"],
        "POSTGRES_POOL_SIZE": str(CONNECTIONS),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_SCHEMA": "public",
        "POSTGRES_ENABLE_DB_FUNCTIONS": functions,
    }


def _saving(
    threads: ThreadPoolExecutor, recorder: Any, callers: int, count: int, a_save: int
) -> Round:
    """Events a second of callers that save one after the other, each on a thread."""
    from eventsourcing.persistence import StoredEvent  # noqa: PLC0415 - as above

    def stored() -> list[Any]:
        first, *rest = facts(a_save)
        return [
            StoredEvent(first.stream, version, fact.type, (fact.payload + fact.metadata).encode())
            for version, fact in enumerate((first, *rest), 1)
        ]

    async def round_() -> float:
        ready = [[stored() for _ in range(count // callers)] for _ in range(callers)]

        def caller(saves: list[list[Any]]) -> None:
            for saved in saves:
                recorder.insert_events(saved)

        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        await asyncio.gather(*(loop.run_in_executor(threads, caller, mine) for mine in ready))
        return count // callers * callers * a_save / (time.perf_counter() - began)

    return round_
