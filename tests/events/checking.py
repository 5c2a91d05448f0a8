"""A checker over a single store, stepped by hand; and as a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from libs.chassis.checking import SESSION
from libs.events.checker import Checker, checks_of
from libs.events.checks import Check
from libs.events.examine import examine
from libs.events.invariant import Breach, Invariant
from libs.events.log_checks import At
from tests.events.conftest import LogStore
from tests.events.planted import CONTRACTS

Row = tuple[Any, ...]
KEPT = (
    "SELECT invariant, position, checked, counterexample, state FROM es.checks ORDER BY 1",
    "SELECT invariant, key, state FROM es.check_states ORDER BY 1, 2",
    "SELECT bucket, count, chain, marks FROM es.leaves ORDER BY 1",
)


@asynccontextmanager
async def checking(
    store: LogStore,
    *invariants: Invariant,
    sources: Mapping[str, At] | None = None,
    checks: Sequence[Check] | None = None,
) -> AsyncIterator[Checker]:
    """A checker that holds the lease; it gives it back at the end."""
    async with asyncpg.create_pool(
        **store.address(), min_size=1, max_size=1, server_settings=SESSION
    ) as pool:
        every = checks_of(invariants, sources or {}) if checks is None else checks
        checker = Checker("purses", pool, CONTRACTS, every)
        yield checker
        await checker.lease.release()


async def through(checker: Checker) -> None:
    """All there is, and one whole round of everything that goes round."""
    await checker.begin()
    while await checker.step():
        pass
    for check in checker.rounding:
        while not await checker.look(check):
            pass


async def checked(store: LogStore, *invariants: Invariant, **more: Any) -> dict[str, Any]:
    """What is broken, after a run of a checker over all there is."""
    async with checking(store, *invariants, **more) as checker:
        await through(checker)
    return await broken(store)


async def broken(store: LogStore) -> dict[str, Any]:
    """By invariant, the counterexample kept: [event, numbers]."""
    connection = await store.connect("admin")
    rows = await connection.fetch("SELECT * FROM es.checks WHERE counterexample IS NOT NULL")
    await connection.close()
    found = {row["invariant"]: json.loads(row["counterexample"]) for row in rows}
    return {name: (one["event"], one["numbers"]) for name, one in found.items()}


async def examined(store: LogStore, *invariants: Invariant) -> dict[str, list[Breach]]:
    """What `check` finds, which keeps nothing."""
    connection = await store.connect(**SESSION)
    findings = await examine(connection, CONTRACTS, checks_of(invariants, {}))
    await connection.close()
    return {finding.check.name: finding.breaches for finding in findings if finding.broken}


async def kept(store: LogStore) -> list[list[Row]]:
    """All that a checker has written, but when and under which lease."""
    connection = await store.connect("admin")
    rows = [[tuple(row) for row in await connection.fetch(query)] for query in KEPT]
    await connection.close()
    return rows


async def _run_for_ever(address: dict[str, Any]) -> None:
    async with asyncpg.create_pool(
        **address, min_size=1, max_size=1, server_settings=SESSION
    ) as pool:
        await Checker("purses", pool, CONTRACTS, checks_of((), {})).run()


if __name__ == "__main__":
    asyncio.run(_run_for_ever(json.loads(sys.argv[1])))
