"""A reader on real stores: exactly once, loud at every fork, hole and poison, fenced by its lease.

The source and the reader's own tables are two stores, as two services would have them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.events.codec import Contracts
from libs.events.cursor import Cursor
from libs.events.entries import Row, Table, write
from libs.events.errors import ForkedError, HoleError, PoisonError, ReplacedError
from libs.events.feed import DirectFeed, Feed
from libs.events.reader import Reader, Reading
from libs.events.store import prepare
from libs.events.types import Event, Head, Metadata, Recorded
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import (
    CONTRACTS,
    PurseFilled,
    PurseSpent,
    append,
    asking,
    fill,
    part,
)

A, B = UUID(int=1), UUID(int=2)
TABLES = """
CREATE SCHEMA read;
CREATE TABLE read.lines (source text, position bigint, stream uuid, note text CHECK (note <> 'odd'),
                         PRIMARY KEY (source, position));
CREATE TABLE read.totals (source text, stream uuid, fen bigint, events int,
                          PRIMARY KEY (source, stream));
CREATE TABLE read.latest (source text, stream uuid, note text, tags text[], path uuid[],
                          PRIMARY KEY (source, stream));
GRANT USAGE ON SCHEMA read TO funds_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA read TO funds_app;
"""
KEYED = (("source", "text"), ("stream", "uuid"))
LINES = Table(
    "read.lines",
    (("source", "text"), ("position", "bigint"), ("stream", "uuid"), ("note", "text")),
    key=("source", "position"),
    mode="append",
)
TOTALS = Table(
    "read.totals",
    (*KEYED, ("fen", "bigint"), ("events", "int")),
    key=("source", "stream"),
    mode="sum",
    sums=("fen", "events"),
)
LATEST = Table(
    "read.latest",
    (*KEYED, ("note", "text"), ("tags", "text[]"), ("path", "uuid[]")),
    key=("source", "stream"),
    mode="latest",
)


@dataclass(frozen=True)
class Project:
    """Rows of one source."""

    source: str

    def __call__(self, at: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
        match fact:
            case PurseFilled():
                fen, note = fact.fen, fact.note
            case PurseSpent():
                fen, note = -fact.fen, "spent"
            case _:
                assert isinstance(fact, Event), "what is not known is never projected"
                return
        yield LINES, (self.source, at.position, at.stream, note)
        yield TOTALS, (self.source, at.stream, fen, 1)
        tags = (note, 'a "b", {c}\\', "", None)
        yield LATEST, (self.source, at.stream, note, tags, (at.stream, at.store))


def reader(source: str = "purses") -> Reader:
    return Reader("totals", source, Project(source))


@dataclass
class Desk:
    """A store with read tables, and readings of any feed into them."""

    store: LogStore
    pool: asyncpg.Pool

    def reading(self, feed: Feed, contracts: Contracts = CONTRACTS) -> Reading:
        return Reading(reader(feed.source), feed, self.pool, contracts)

    async def rows(self) -> list[list[tuple[Any, ...]]]:
        return [
            [tuple(row) for row in await self.pool.fetch(f"TABLE {table.name} ORDER BY 1, 2")]
            for table in (LINES, TOTALS, LATEST)
        ]

    async def cursor(self) -> asyncpg.Record:
        row = await self.pool.fetchrow("SELECT * FROM es.cursors WHERE reader = 'totals'")
        assert row is not None
        return row


@pytest.fixture
async def source(store: LogStore) -> LogStore:
    return store


@asynccontextmanager
async def opened(store: LogStore) -> AsyncIterator[Desk]:
    await store.execute(TABLES)
    async with asyncpg.create_pool(**store.address(), min_size=1, max_size=4) as pool:
        yield Desk(store, pool)


@pytest.fixture
async def desk(new_store: NewStore) -> AsyncIterator[Desk]:
    async with opened(await new_store()) as desk:
        yield desk


async def fresh_projection(new_store: NewStore, feed: Feed) -> list[list[tuple[Any, ...]]]:
    """What a reader that begins now makes of the whole log."""
    async with opened(await new_store()) as other:
        await other.reading(feed).catch_up()
        return await other.rows()


# --- exactly once ----------------------------------------------------------------------------


async def test_what_happened_is_applied_once_and_in_order(desk: Desk, source: LogStore) -> None:
    app = await source.connect()
    await fill(app, A, "a", "b")
    reading = desk.reading(source.feed())
    assert (await reading.catch_up()).position == 3
    await fill(app, B, "c")
    assert (await reading.catch_up()).position == (await reading.catch_up()).position == 4
    lines, totals, latest = await desk.rows()
    assert [(row[1], row[3]) for row in lines] == [(2, "a"), (3, "b"), (4, "c")]
    assert totals == [("purses", A, 2, 2), ("purses", B, 1, 1)]
    assert [row[2] for row in latest] == ["b", "c"]
    assert latest[0][3] == ["b", 'a "b", {c}\\', "", None]
    assert latest[0][4][0] == A


async def test_pages_are_followed_to_the_head(desk: Desk, source: LogStore) -> None:
    app = await source.connect()
    for _ in range(3):
        await append(app, *(asking(part(A, None, *["x"] * 5)) for _ in range(70)))
    await desk.reading(source.feed()).catch_up()
    assert (await desk.rows())[1] == [("purses", A, 1050, 1050)]


async def test_a_page_applied_again_changes_nothing(desk: Desk, source: LogStore) -> None:
    """A redelivered page meets a cursor that has moved: compare-and-set, no row."""
    await fill(await source.connect(), A, "a", "b")
    reading = desk.reading(source.feed())
    await reading.catch_up()
    before = await desk.rows()
    with pytest.raises(ReplacedError, match="another reader moved the cursor"):
        await reading.step(Cursor(0, 0, None))
    assert await desk.rows() == before


class Sips:
    """A feed that gives as little at a time as it may: the cursor's own event and one or more."""

    def __init__(self, feed: DirectFeed, chance: Random) -> None:
        self.feed, self.source, self.chance = feed, feed.source, chance

    async def resume(self, cursor: Cursor) -> None:
        await self.feed.resume(cursor)

    def offset_of(self, position: int) -> int | None:
        return self.feed.offset_of(position)

    async def read(self, after: int, limit: int) -> list[Recorded]:
        return await self.feed.read(after, min(limit, self.chance.randint(2, 7)))

    async def wait(self, timeout_s: float) -> None:
        await self.feed.wait(timeout_s)

    async def head(self) -> Head | None:
        return await self.feed.head()


async def test_the_interleaving_of_sources_changes_no_table(new_store: NewStore) -> None:
    """Rows are written by events of one source and look nothing up, so any order gives the same."""
    stores = {"left": await new_store(), "right": await new_store()}
    chance = random.Random(7)
    found = []
    for store in stores.values():
        app = await store.connect()
        await append(app, *(asking(part(chance.choice((A, B)), None, str(n))) for n in range(40)))
    for seed in range(4):
        async with opened(await new_store()) as desk:
            chance = random.Random(seed)
            readings = [
                desk.reading(Sips(store.feed(name), chance)) for name, store in stores.items()
            ]
            await interleave(readings, chance)
            found.append(await desk.rows())
    assert len(found[0][0]) == 80
    assert all(rows == found[0] for rows in found[1:])


async def interleave(readings: list[Reading], chance: Random) -> None:
    cursors: dict[Reading, Cursor] = {}
    for reading in readings:
        cursors[reading] = await reading.row.open()
    while cursors:
        reading = chance.choice(list(cursors))
        moved = await reading.step(cursors[reading])
        if moved == cursors[reading]:
            del cursors[reading]
        else:
            cursors[reading] = moved


async def test_a_reader_killed_inside_its_transaction_loses_and_doubles_nothing(
    desk: Desk, source: LogStore, new_store: NewStore
) -> None:
    """Killed after the cursor moved and before the rows were written: neither has happened."""
    await fill(await source.connect(), A, *"abc")
    admin = await desk.store.connect("admin")
    blocking = admin.transaction()
    await blocking.start()
    await admin.execute("LOCK TABLE read.totals IN EXCLUSIVE MODE")
    running = asyncio.create_task(desk.reading(source.feed()).run())
    killer = await desk.store.connect("admin")
    async with asyncio.timeout(20):
        while not await killer.fetchval(_KILL_WAITING):  # noqa: ASYNC110 - it is in the server
            await asyncio.sleep(0.01)
        assert (await desk.cursor())["position"] == 0
        await blocking.rollback()
        await reached(desk, 4)
    running.cancel()
    await asyncio.wait([running])
    assert await desk.rows() == await fresh_projection(new_store, source.feed())


async def reached(desk: Desk, position: int) -> None:
    while (await desk.cursor())["position"] < position:  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(0.01)


_KILL_WAITING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%read.totals%'
"""


# --- forks, holes, epochs --------------------------------------------------------------------


async def tampered(store: LogStore, statement: str) -> None:
    """What a superuser who is not us can do to a table."""
    await store.execute(
        "ALTER TABLE es.events DISABLE TRIGGER ALL",
        statement,
        "ALTER TABLE es.events ENABLE TRIGGER ALL",
    )


async def test_a_hole_stops_the_reader_in_front_of_it(desk: Desk, source: LogStore) -> None:
    await fill(await source.connect(), A, *"abcd")
    await tampered(source, "DELETE FROM es.events WHERE position = 4")
    with pytest.raises(HoleError) as hole:
        await asyncio.wait_for(desk.reading(source.feed()).run(), 10)
    assert hole.value.facts == {"position": 4}
    cursor = await desk.cursor()
    assert cursor["position"] == 0
    assert "位置 4 缺失，读到 5" in cursor["stopped"]
    assert await desk.rows() == [[], [], []]


async def test_a_log_copied_and_written_on_both_sides_is_a_fork(
    desk: Desk, source: LogStore, new_store: NewStore
) -> None:
    """Same store, same epoch, same positions: only the leaf tells, and both leaves are named."""
    await fill(await source.connect(), A, "a")
    await close_all(source)
    twin = await new_store(source)
    await fill(await source.connect(), A, "ours")
    await fill(await twin.connect(), A, "theirs", "more")
    await desk.reading(source.feed()).catch_up()
    before = await desk.rows()
    await expire(desk)
    with pytest.raises(ForkedError) as fork:
        await asyncio.wait_for(desk.reading(twin.feed()).run(), 10)
    ours, theirs = [(await store.feed().head()).leaf for store in (source, await undone(twin))]
    assert ours is not None
    assert theirs is not None
    facts = {"position": 3, "kept": ours.hex(), "found": theirs.hex()}
    assert fork.value.facts == facts
    stopped = (await desk.cursor())["stopped"]
    assert all(str(fact) in stopped for fact in facts.values())
    assert await desk.rows() == before


async def close_all(store: LogStore) -> None:
    """CREATE DATABASE … TEMPLATE wants nobody in the original."""
    admin = await asyncpg.connect(**store.cluster.address("postgres"))
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1",
        store.database,
    )
    await admin.close()


async def undone(store: LogStore) -> LogStore:
    await tampered(store, "DELETE FROM es.events WHERE position = 4")
    return store


async def test_another_epoch_stops_the_reader(desk: Desk, source: LogStore) -> None:
    app = await source.connect()
    await fill(app, A, "a")
    reading = desk.reading(source.feed())
    await reading.catch_up()
    await source.execute("UPDATE es.store SET epoch = 2")
    await append(app, asking(part(A, None, "second life")), epoch=2)
    with pytest.raises(ForkedError, match="位置 3 属于纪元 2，已读纪元 1"):
        await asyncio.wait_for(reading.run(), 10)
    assert (await desk.cursor())["position"] == 2


async def test_a_source_that_ends_before_the_cursor_is_a_fork(
    desk: Desk, source: LogStore, new_store: NewStore
) -> None:
    """Restored from a backup older than what was read."""
    await fill(await source.connect(), A, "a")
    await close_all(source)
    older = await new_store(source)
    await fill(await source.connect(), A, "b", "c")
    await desk.reading(source.feed()).catch_up()
    await expire(desk)
    with pytest.raises(ForkedError) as fork:
        await asyncio.wait_for(desk.reading(older.feed()).run(), 10)
    assert fork.value.facts == {"position": 4}
    assert "已读到 4" in (await desk.cursor())["stopped"]


@pytest.mark.parametrize(("more", "found"), [((), None), (("c",), 4)])
async def test_an_event_that_is_gone_from_under_the_cursor_is_a_fork(
    desk: Desk, source: LogStore, more: tuple[str, ...], found: int | None
) -> None:
    app = await source.connect()
    await fill(app, A, "a", "b")
    reading = desk.reading(source.feed())
    await reading.catch_up()
    await fill(app, A, *more)
    await tampered(source, "DELETE FROM es.events WHERE position = 3")
    with pytest.raises(ForkedError, match=f"已读到 3，来源在该处没有事件（读到 {found}）"):
        await reading.catch_up()


@pytest.mark.parametrize(
    "change",
    [
        'payload = \'{"fen":2,"note":"b"}\'',
        "metadata = '{}'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "seen = '{ }'",
        "salt = sha256('x')",
        "schema_version = 2",
        "type = 'PurseSpent'",
    ],
)
async def test_any_byte_of_the_event_at_the_cursor_is_held_by_its_leaf(
    desk: Desk, source: LogStore, change: str
) -> None:
    await fill(await source.connect(), A, "a", "b")
    reading = desk.reading(source.feed())
    await reading.catch_up()
    await tampered(source, f"UPDATE es.events SET {change} WHERE position = 3")  # noqa: S608
    with pytest.raises(ForkedError, match="位置 3 分叉"):
        await reading.catch_up()


# --- poison ----------------------------------------------------------------------------------


async def poison(source: LogStore) -> None:
    """A known type whose bytes are JSON and no such fact."""
    ready = prepare(asking(part(A, None, "x")), CONTRACTS)
    ready = replace(ready, events=((("PurseFilled", 1, '{"fen":"three"}'),),))
    await append(await source.connect(), ready)


async def test_what_cannot_be_decoded_stops_the_reader_and_what_stands_before_is_applied(
    desk: Desk, source: LogStore
) -> None:
    app = await source.connect()
    await fill(app, A, "a")
    await poison(source)
    await fill(app, A, "c")
    with pytest.raises(PoisonError) as stopped:
        await asyncio.wait_for(desk.reading(source.feed()).run(), 10)
    assert stopped.value.facts == {"position": 3}
    cursor = await desk.cursor()
    assert cursor["position"] == 2
    assert "PurseFilled at 1-3" in cursor["stopped"]
    assert (await desk.rows())[1] == [("purses", A, 1, 1)]


async def test_a_stop_stays_written_until_the_reader_has_got_further(
    desk: Desk, source: LogStore
) -> None:
    """A restart alone mends nothing, and nobody may take the figures for complete meanwhile."""
    await poison(source)
    for _ in range(2):
        with pytest.raises(PoisonError):
            await asyncio.wait_for(desk.reading(source.feed()).run(), 10)
    reading = desk.reading(source.feed(), Contracts((PurseSpent,)))
    cursor = await reading.row.open()
    assert (await desk.cursor())["stopped"] is not None
    await reading.step(cursor)
    assert (await desk.cursor())["stopped"] is None


async def test_a_row_that_the_tables_refuse_stops_the_reader(desk: Desk, source: LogStore) -> None:
    await fill(await source.connect(), A, "a", "odd")
    with pytest.raises(PoisonError, match="lines_note_check"):
        await asyncio.wait_for(desk.reading(source.feed()).run(), 10)
    assert (await desk.cursor())["position"] == 0
    assert "1-1 … 1-3" in (await desk.cursor())["stopped"]
    assert "odd" not in (await desk.cursor())["stopped"], "what a row holds is never told"


async def test_a_row_that_cannot_be_sent_stops_the_reader(desk: Desk, source: LogStore) -> None:
    """Nothing but the reader's own stop would tell the figures that they are behind."""

    def wrong(at: Recorded, _: Event, __: Metadata) -> Iterator[tuple[Table, Row]]:
        yield TOTALS, ("purses", at.stream, 1, "many")

    await fill(await source.connect(), A, "a")
    reading = Reading(Reader("totals", "purses", wrong), source.feed(), desk.pool, CONTRACTS)
    with pytest.raises(PoisonError, match=r"22000 DataError$"):
        await asyncio.wait_for(reading.run(), 10)
    assert (await desk.cursor())["stopped"] is not None


async def test_a_type_that_is_not_known_here_is_passed_over(desk: Desk, source: LogStore) -> None:
    """Writers may ship before a reader that does not need them."""
    app = await source.connect()
    await fill(app, A, "a")
    known = Contracts((PurseSpent,))
    assert (await desk.reading(source.feed(), known).catch_up()).position == 2
    assert await desk.rows() == [[], [], []]


# --- leases ----------------------------------------------------------------------------------


async def expire(desk: Desk) -> None:
    """As if the holder had slept past its lease."""
    await desk.store.execute("UPDATE es.leases SET until = clock_timestamp() - interval '1 s'")


async def test_the_second_reader_waits_and_takes_over_when_the_lease_runs_out(
    desk: Desk, source: LogStore
) -> None:
    app = await source.connect()
    await fill(app, A, "a")
    first, second = desk.reading(source.feed()), desk.reading(source.feed())
    await first.catch_up()
    with pytest.raises(ReplacedError, match="held by another process"):
        await second.catch_up()
    running = asyncio.create_task(second.run())
    await fill(app, A, "b")
    await asyncio.sleep(0.3)
    assert (await desk.cursor())["position"] == 2
    await expire(desk)
    async with asyncio.timeout(10):
        await reached(desk, 3)
    running.cancel()
    await asyncio.wait([running])
    assert (await desk.rows())[1] == [("purses", A, 2, 2)]


async def test_a_reader_that_ends_leaves_its_lease_to_the_next(
    desk: Desk, source: LogStore
) -> None:
    """A new release begins at once, and not after the lease of the old one has run out."""
    await fill(await source.connect(), A, "a")
    running = asyncio.create_task(desk.reading(source.feed()).run())
    async with asyncio.timeout(10):
        while not await desk.pool.fetchval("SELECT max(position) FROM es.cursors"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert (await desk.reading(source.feed()).catch_up()).position == 2


async def test_a_holder_that_slept_past_its_lease_moves_nothing(
    desk: Desk, source: LogStore
) -> None:
    """Fenced from the moment when the next one opened the cursor, before that one moved it."""
    await fill(await source.connect(), A, "a")
    sleeper, next_one = desk.reading(source.feed()), desk.reading(source.feed())
    cursor = await sleeper.row.open()
    await expire(desk)
    opened_at = await next_one.row.open()
    assert opened_at == cursor
    with pytest.raises(ReplacedError, match="another reader moved the cursor"):
        await sleeper.step(cursor)
    assert await desk.rows() == [[], [], []]
    with pytest.raises(ReplacedError, match="held by another"):
        await sleeper.row.open()
    await next_one.step(opened_at)
    assert (await desk.rows())[1] == [("purses", A, 1, 1)]
    assert (await desk.cursor())["token"] == next_one.row.lease.token == sleeper.row.lease.token + 1


async def test_a_replaced_reader_cannot_stop_its_successor(desk: Desk, source: LogStore) -> None:
    await fill(await source.connect(), A, "a")
    sleeper, next_one = desk.reading(source.feed()), desk.reading(source.feed())
    await sleeper.catch_up()
    await expire(desk)
    await next_one.catch_up()
    await sleeper.row.say_stopped("seen from the past")
    assert (await desk.cursor())["stopped"] is None


# --- waking ----------------------------------------------------------------------------------


async def test_a_feed_wakes_those_who_wait_on_each_append(source: LogStore) -> None:
    feed = source.feed()
    assert await feed.read(1, 10) == []
    waiting = [asyncio.create_task(feed.wait(30)) for _ in range(2)]
    await asyncio.sleep(0.05)
    await fill(await source.connect(), A, "a")
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert [event.position for event in await feed.read(1, 10)] == [2]


async def test_a_quiet_source_is_confirmed_at_its_head(desk: Desk, source: LogStore) -> None:
    await fill(await source.connect(), A, "a")
    await desk.reading(source.feed()).catch_up()
    confirmed = (await desk.cursor())["confirmed_at"]
    await expire(desk)
    await desk.reading(source.feed()).catch_up()
    assert (await desk.cursor())["confirmed_at"] > confirmed


async def test_array_columns_hold_any_text(desk: Desk) -> None:
    odd = ("a,b", 'q"q', "b\\s", "{x}", "", " ", "NULL", None)
    async with desk.pool.acquire() as connection, connection.transaction():
        await write(
            connection, [(LATEST, ("s", A, "n", odd, ())), (LATEST, ("s", B, "n", None, None))]
        )
    rows = await desk.pool.fetch("SELECT tags, path FROM read.latest ORDER BY stream")
    assert [(row["tags"], row["path"]) for row in rows] == [(list(odd), []), (None, None)]
