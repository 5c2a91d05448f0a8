"""How near does append come to what PostgreSQL can do at all?

Measured: the function and the queue that ship, fed with prepared requests. Limits of the same run:
a grouped insert without keys, versions, lock and requests; COPY of the same columns; one plain
autocommit task, also on a disk whose flush takes 1 or 4 ms longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from typing import Any

import asyncpg

from libs.chassis.collector import quiet_gc
from libs.events.group_commit import GroupCommit
from libs.events.store import APPEND, Outcome, identity

from . import bare, flush
from .installation import Installation, installed
from .requests import requests
from .rounds import Figure, Goal, Round, interleaved, show

ROUNDS = 5
CHUNK = 1_000
"""Parts of the largest request that the product makes: a chunk of a frozen batch."""
SEEN_BY_FUNDS = (("households", 104), ("assets", 10412))

COPY, PLAIN = "COPY of the same columns", "plain autocommit insert, 1 task"
GROUPED = "grouped unnest insert without keys, 64 callers"
ONE, MANY, FIVE = "append, 1 caller", "append, 64 callers", "append, 64 callers x 5 events"


@dataclass
class Log:
    """The writer that ships, on a connection that tells what each call carried."""

    writer: GroupCommit
    groups: list[int] = field(default_factory=list)
    calls_s: list[float] = field(default_factory=list)

    def note(self, call: Any) -> None:
        """asyncpg tells each statement with its arguments and its time."""
        if call.query == APPEND:
            self.groups.append(len(call.args[2]))
            self.calls_s.append(call.elapsed)


@asynccontextmanager
async def writing(installation: Installation) -> AsyncIterator[Log]:
    """The writer of funds as a process of its own runs it, in a store that has seen two others."""
    address = installation.stores.app("funds")

    async def connect() -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(
            **address, server_settings={"jit": "off"}
        )
        connection.add_query_logger(log.note)
        return connection

    first = await asyncpg.connect(**address)
    _, epoch = await identity(first)
    await first.executemany(
        "INSERT INTO es.cursors (reader, source, epoch, position) VALUES ('known', $1, 1, $2)"
        " ON CONFLICT DO NOTHING",
        SEEN_BY_FUNDS,
    )
    await first.close()
    log = Log(GroupCommit(connect, epoch))
    running = asyncio.create_task(log.writer.run())
    try:
        yield log
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def appending(log: Log, callers: int, count: int, events: int = 1) -> Round:
    """Events a second: each caller appends one request after the other."""

    async def round_() -> float:
        ready = iter(list(islice(requests(events=events), count)))
        log.groups.clear()

        async def caller() -> None:
            for request in ready:
                appended = await log.writer.append(request)
                assert appended.outcome is Outcome.APPENDED

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return count * events / (time.perf_counter() - began)

    return round_


def chunk(log: Log) -> Round:
    """Milliseconds of the call that appends one request of 1,000 parts: so long it has the lock."""

    async def round_() -> float:
        await log.writer.append(next(requests(parts=CHUNK)))
        await asyncio.sleep(0)  # the statement is told on the next turn of the loop
        return log.calls_s[-1] * 1000

    return round_


def group_size(log: Log) -> Round:
    """Requests of the median group that 64 callers make."""
    run = appending(log, 64, 20_000)

    async def round_() -> float:
        await run()
        await asyncio.sleep(0)
        return median(log.groups)

    return round_


async def on_this_disk() -> list[Goal]:
    async with installed() as installation:
        print(f"\nflushes a second of one 8 KiB write: {flush.probe(installation.settings.home)}")
        limits = await bare.connect(installation)
        async with writing(installation) as log:
            found = await interleaved(
                {
                    COPY: bare.copied(limits, 30_000),
                    PLAIN: bare.plain(limits, 5_000),
                    GROUPED: bare.grouped(limits, 64, 30_000),
                    ONE: appending(log, 1, 3_000),
                    MANY: appending(log, 64, 20_000),
                    "append, 256 callers": appending(log, 256, 20_000),
                    FIVE: appending(log, 64, 5_000, events=5),
                },
                ROUNDS,
            )
            show("append", found, "events/s")
            alone = await interleaved({"group": group_size(log)}, ROUNDS)
            show_histogram(log.groups)
            held = await interleaved({"1,000 parts": chunk(log)}, 20)
            show("append, the call of one request: it holds the lock", held, "ms")
        await limits.close()
    many = found[MANY]
    return [
        Goal("append, 64 callers / grouped insert without keys", many.per(found[GROUPED]), 0.40),
        Goal("append, 64 callers / COPY", many.per(found[COPY]), 0.09),
        Goal("append, 64 callers x 5 events / COPY", found[FIVE].per(found[COPY]), 0.18),
        Goal("append, 64 callers / 1 caller", many.per(found[ONE]), 6),
        Goal("requests in the median group of 64 callers", alone["group"], 32),
        Goal("ms of the lock for 1,000 parts", held["1,000 parts"], 20, at_most=True),
    ]


def show_histogram(groups: list[int]) -> None:
    print("\nrequests in a group of 64 callers (last round)")
    for low in range(1, 65, 8):
        count = sum(low <= size < low + 8 for size in groups)
        print(f"  {low:>3} to {low + 7:<3} {count:>6}")


async def on_a_slow_disk(added_ms: int) -> Figure:
    """How many plain tasks 64 callers of append are worth when a flush takes its time."""
    with flush.slowed(added_ms) as env:
        async with installed(env) as installation:
            limits = await bare.connect(installation)
            async with writing(installation) as log:
                found = await interleaved(
                    {
                        PLAIN: bare.plain(limits, 600 // added_ms),
                        GROUPED: bare.grouped(limits, 64, 20_000 // added_ms),
                        ONE: appending(log, 1, 600 // added_ms),
                        MANY: appending(log, 64, 20_000 // added_ms),
                        "append, 256 callers": appending(log, 256, 40_000 // added_ms),
                    },
                    ROUNDS,
                )
            await limits.close()
    show(f"append, each flush {added_ms} ms longer", found, "events/s")
    return found[MANY].per(found[PLAIN])


async def measure() -> list[Goal]:
    quiet_gc()
    goals = await on_this_disk()
    await on_a_slow_disk(1)
    worth = await on_a_slow_disk(4)
    return [*goals, Goal("append, 64 callers / plain task, each flush 4 ms longer", worth, 45)]
