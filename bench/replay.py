"""How fast is a whole log read as typed facts, beside PostgreSQL's own COPY of it to nowhere?

`replay` copies ranges of positions in binary form and cuts them into events; the next range is on
its way meanwhile. Beside it, what else was tried: a feed's pages (rows by asyncpg, text to str and
back to bytes). The limit is psql's COPY of the same columns in binary form, thrown away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import asyncpg

from libs.chassis.collector import quiet_gc
from libs.events.codec import decode_metadata
from libs.events.replay import replay
from libs.events.store import COLUMNS, identity, read_after
from libs.events.types import Recorded

from .installation import Installation, installed
from .peers import payments
from .peers.payments import CONTRACTS
from .rounds import Goal, Round, interleaved, show

ROUNDS = 3
FIRST, EVENTS = 20_000, 1_000_000
COPY = "psql, COPY of the columns in binary form"
RAW, FACTS, BOTH = (
    "replay, as stored",
    "replay, payloads as typed facts",
    "replay, payloads and metadata typed",
)
LARGE = "the same in pages of 2,000"
FEED = "pages of a feed, payloads and metadata typed"
Page = list[Recorded]
Pages = Callable[[asyncpg.Connection, int], AsyncIterator[Page]]
Use = Callable[[AsyncIterable[Page]], Awaitable[None]]
# The first events are appended as everything is; the others are copies of them, further on.
MULTIPLY = """
INSERT INTO es.events
SELECT position + round * $1, gen_random_uuid(), version, recorded_at, epoch, schema_version, type,
       seen, salt, payload, metadata
  FROM generate_series(1, $2) round, (SELECT * FROM es.events WHERE position <= $1) e
 ORDER BY 1
"""


async def fill(installation: Installation) -> int:
    """A log of payments; its last position."""
    async with asyncpg.create_pool(
        **installation.stores.app("funds"), min_size=1, max_size=1
    ) as pool:
        await payments.append(pool, FIRST)
    admin = await asyncpg.connect(**installation.cluster.address("suyuan_funds"))
    last = await admin.fetchval("SELECT max(position) FROM es.events")
    await admin.execute(MULTIPLY, last, EVENTS // FIRST - 1)
    await admin.execute("VACUUM ANALYZE es.events")
    last = await admin.fetchval("SELECT max(position) FROM es.events")
    await admin.close()
    return int(last)


def copied(installation: Installation, last: int) -> Round:
    """Events a second of psql, which belongs to the server; its start is in it."""
    program = Path(f"/proc/{installation.cluster.pid}/exe").resolve().with_name("psql")
    asked = f"COPY (SELECT {COLUMNS} FROM es.events ORDER BY position) TO STDOUT (FORMAT binary)"  # noqa: S608 - constant
    command = [str(program), installation.cluster.dsn("suyuan_funds"), "-qc", asked]

    async def round_() -> float:
        began = time.perf_counter()
        psql = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        if await psql.wait():
            raise ChildProcessError("psql failed; its stderr says why")
        return last / (time.perf_counter() - began)

    return round_


async def fed(connection: asyncpg.Connection, last: int) -> AsyncIterator[Page]:
    store, _ = await identity(connection)
    after = 0
    while after < last:
        page = await read_after(connection, store, after, 2_000)
        after = page[-1].position
        yield page


async def replayed(connection: asyncpg.Connection, last: int) -> AsyncIterator[Page]:
    store, _ = await identity(connection)
    async for page in replay(connection, store, 0, last):
        yield page


async def in_large_pages(connection: asyncpg.Connection, last: int) -> AsyncIterator[Page]:
    store, _ = await identity(connection)
    async for page in replay(connection, store, 0, last, page=2_000):
        yield page


async def stored(pages: AsyncIterable[Page]) -> None:
    async for _ in pages:
        pass


async def facts(pages: AsyncIterable[Page]) -> None:
    async for page in pages:
        for event in page:
            CONTRACTS.decode(event.type, event.schema_version, event.payload)


async def both(pages: AsyncIterable[Page]) -> None:
    async for page in pages:
        for event in page:
            CONTRACTS.decode(event.type, event.schema_version, event.payload)
            decode_metadata(event.metadata)


def _read(connection: asyncpg.Connection, last: int, pages: Pages, use: Use) -> Round:
    async def round_() -> float:
        began = time.perf_counter()
        await use(pages(connection, last))
        return last / (time.perf_counter() - began)

    return round_


WAYS: Mapping[str, tuple[Pages, Use]] = {
    RAW: (replayed, stored),
    FACTS: (replayed, facts),
    LARGE: (in_large_pages, facts),
    BOTH: (replayed, both),
    FEED: (fed, both),
}


async def measure() -> list[Goal]:
    quiet_gc()
    async with installed() as installation:
        last = await fill(installation)
        connection = await asyncpg.connect(
            **installation.stores.feed("funds"), server_settings={"jit": "off"}
        )
        rounds = {COPY: copied(installation, last)}
        rounds |= {name: _read(connection, last, *way) for name, way in WAYS.items()}
        found = await interleaved(rounds, ROUNDS)
        await connection.close()
    show(f"replay of {last:,} events", found, "events/s")
    return [Goal("replay as typed facts / psql COPY", found[FACTS].per(found[COPY]), 0.40)]
