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
from contextlib import asynccontextmanager
from typing import Any

from ..installation import Installation
from ..rounds import Round
from .work import LeftOutError, database, facts

THREADS = 64
CONNECTIONS = 8


@asynccontextmanager
async def rounds(installation: Installation) -> AsyncIterator[Mapping[str, Round]]:
    """Raises: LeftOutError without libpq, which psycopg loads."""
    try:
        from eventsourcing.postgres import PostgresFactory  # noqa: PLC0415 - needs libpq
    except ImportError as error:
        raise LeftOutError(f"psycopg: {error}") from error
    found: dict[str, Round] = {}
    with ThreadPoolExecutor(THREADS) as threads:
        factories = []
        for named, functions in (("", "no"), (" by its functions", "yes")):
            address = await database(installation, f"eventsourcing_{functions}")
            factory = PostgresFactory(environment(address, functions))
            factories.append(factory)
            recorder = await asyncio.to_thread(factory.application_recorder)
            found |= {
                f"eventsourcing{named}, 1 caller": _saving(threads, recorder, 1, 1_000),
                f"eventsourcing{named}, 4 callers": _saving(threads, recorder, 4, 2_000),
                f"eventsourcing{named}, 16 callers": _saving(threads, recorder, 16, 2_000),
                f"eventsourcing{named}, 64 callers": _saving(threads, recorder, 64, 2_000),
                f"eventsourcing{named}, 4 callers, 100 a save": _saving(
                    threads, recorder, 4, 100, 100
                ),
            }
        try:
            yield found
        finally:
            for factory in factories:
                await asyncio.to_thread(factory.close)


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
    threads: ThreadPoolExecutor, recorder: Any, callers: int, count: int, a_save: int = 1
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
