"""How fast does a balance follow its events, end to end: read, decode, apply, remember how far?

Ours is `Reading`, the reader that ships: pages, folded in memory, rows and cursor in one
transaction. Naive is the same feed and decoding with an UPSERT and the cursor in a transaction per
event. eventsourcing is its ProjectionRunner with a view as its documents write it, which is that
same transaction on psycopg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from libs.events.feed import DirectFeed
from libs.events.log import keep_session
from libs.events.reader import PAGE, Reader, Reading

from ..installation import Installation, installed
from ..rounds import Goal, Round, interleaved, show
from . import payments
from .eventsourcing import environment
from .payments import BALANCES, CONTRACTS, Paid
from .work import LeftOutError, database

ROUNDS = 5
EVENTS = 60_000
NAIVE_EVENTS = RUNNER_EVENTS = 2_000
OURS, NAIVE = "ours, Reading", "naive, UPSERT and cursor a transaction per event"
RUNNER = "eventsourcing, ProjectionRunner"
ADD = (
    "INSERT INTO view.bench_balances AS b VALUES ($1, $2, 1) ON CONFLICT (payee) DO UPDATE"
    " SET amount_fen = b.amount_fen + excluded.amount_fen, payments = b.payments + 1"
)
MOVE = "UPDATE es.cursors SET position = $1 WHERE reader = 'naive' AND source = 'funds'"


@asynccontextmanager
async def store_of_payments(
    installation: Installation,
) -> AsyncIterator[tuple[asyncpg.Pool, DirectFeed]]:
    """The store of funds with its payments appended: the worker's pool, and the feed of its log."""
    stores = installation.stores
    admin = await asyncpg.connect(**installation.cluster.address("suyuan_funds"))
    await admin.execute(payments.CREATE)
    await admin.close()

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(**stores.feed("funds"), server_settings={"jit": "off"})

    feed = DirectFeed("funds", connect)
    async with asyncpg.create_pool(
        **stores.app("funds"),
        min_size=1,
        max_size=2,
        reset=keep_session,
        server_settings={"jit": "off"},
    ) as pool:
        await payments.append(pool, EVENTS)
        try:
            yield pool, feed
        finally:
            await feed.close()


def reading(pool: asyncpg.Pool, feed: DirectFeed) -> Round:
    """Events a second of our reader, from the first to the last; a new reader each time."""

    names = iter(range(1_000))

    async def round_() -> float:
        await pool.execute("TRUNCATE view.bench_balances")
        reader = Reader(f"bench{next(names)}", "funds", payments.project)
        at_work = Reading(reader, feed, pool, CONTRACTS)
        began = time.perf_counter()
        await at_work.catch_up()
        took_s = time.perf_counter() - began
        await _require(pool, EVENTS)
        return EVENTS / took_s

    return round_


def naive(pool: asyncpg.Pool, feed: DirectFeed) -> Round:
    """Events a second of what a reader would be without pages."""

    async def round_() -> float:
        await pool.execute("TRUNCATE view.bench_balances")
        await pool.execute(
            "INSERT INTO es.cursors (reader, source, epoch, position) VALUES"
            " ('naive', 'funds', 1, 0) ON CONFLICT DO NOTHING"
        )
        began, applied = time.perf_counter(), 0
        async with pool.acquire() as connection:
            add, move = await connection.prepare(ADD), await connection.prepare(MOVE)
            while applied <= NAIVE_EVENTS:
                for event in await feed.read(applied, PAGE):
                    fact = CONTRACTS.decode(event.type, event.schema_version, event.payload)
                    async with connection.transaction():
                        if isinstance(fact, Paid):  # the first event opens the epoch
                            await add.fetch(fact.payee, fact.amount_fen)
                        await move.fetch(event.position)
                    applied = event.position
        took_s = time.perf_counter() - began
        await _require(pool, applied - 1)
        return applied / took_s

    return round_


async def _require(
    asked: asyncpg.Pool | asyncpg.Connection, count: int, table: str = BALANCES.name
) -> None:
    """Raises: ValueError when the balances do not hold that many payments."""
    (found,) = await asked.fetch(
        f"SELECT sum(payments)::bigint, sum(amount_fen)::bigint FROM {table}"  # noqa: S608 - constant
    )
    if tuple(found) != (count, count * (count + 1) // 2):
        raise ValueError(f"{count} payments were projected, the balances hold {tuple(found)}")


async def runner_of_eventsourcing(installation: Installation) -> Round:
    """Events a second of the runner, its start and end included. Raises: LeftOutError."""
    try:
        from . import runner  # noqa: PLC0415 - psycopg loads libpq, which may not be there
    except ImportError as error:
        raise LeftOutError(f"psycopg: {error}") from error
    address = await database(installation, "eventsourcing_projected")
    known = environment(address)
    last = await asyncio.to_thread(runner.append, known, RUNNER_EVENTS)

    async def round_() -> float:
        connection = await asyncpg.connect(**address)
        await connection.execute("DROP TABLE IF EXISTS balances, balances_tracking")
        began = time.perf_counter()
        await asyncio.to_thread(runner.project, known, last)
        took_s = time.perf_counter() - began
        await _require(connection, RUNNER_EVENTS, "balances")
        await connection.close()
        return RUNNER_EVENTS / took_s

    return round_


async def measure() -> list[Goal]:
    async with installed() as installation, store_of_payments(installation) as (pool, feed):
        rounds = {OURS: reading(pool, feed), NAIVE: naive(pool, feed)}
        try:
            rounds[RUNNER] = await runner_of_eventsourcing(installation)
        except LeftOutError as error:
            print(f"\nleft out: {RUNNER}: {error}")
        found = await interleaved(rounds, ROUNDS)
    show("projection of a balance, end to end", found, "events/s")
    goals = {NAIVE: 30.0, RUNNER: 40.0}
    return [
        Goal(f"projection / {name}", found[OURS].per(found[name]), bound)
        for name, bound in goals.items()
        if name in found
    ]
