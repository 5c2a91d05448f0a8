"""Two builds of one read model: built, fed, compared, swapped, taken back, dropped (ADR 0010)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import asyncpg
import pytest

from libs.chassis.read_model import ReadModel, opened
from libs.chassis.service import Service
from libs.events.compare import compare, digest
from libs.events.cursor import Cursor
from libs.events.entries import Row, Table
from libs.events.errors import ForkedError, PoisonError
from libs.events.generations import GenerationError, alone, generations
from libs.events.reader import Reader
from libs.events.rebuild import Build
from libs.events.swap import DifferentError
from libs.events.types import Event, Metadata, Recorded
from services.__main__ import SERVICES
from services.reporting.service import service as reporting
from services.reporting.views import funds as of_funds
from services.reporting.views.tables import BALANCES
from tests.conftest import Installation
from tests.recorded import recording
from tests.reporting.planted import plant_all, plant_points

FUNDS = next(service for service in SERVICES if service.name == "funds")


@pytest.fixture
async def planted(installation: Installation) -> Installation:
    """Four stores with a few facts of every kind, applied by all readers."""
    await plant_all({service.name: await installation.log(service) for service in SERVICES})
    await installation.catch_up()
    return installation


@pytest.fixture
async def model(planted: Installation) -> AsyncIterator[ReadModel]:
    async with opened(reporting, planted.stores) as opened_model:
        yield opened_model


async def more(installation: Installation) -> None:
    """Facts that come later, of every source's readers."""
    await plant_points(await installation.log(FUNDS))
    await installation.catch_up()


async def states(connection: asyncpg.Connection) -> dict[int, str]:
    return {one.number: one.state for one in await generations(connection)}


# --- building --------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_build_has_the_shape_and_the_rows_of_the_serving_tables(
    planted: Installation, service: Service
) -> None:
    async with opened(service, planted.stores) as model:
        built = await model.build()
        found, explained = await model.compared()
        assert (found.equal, explained) == (True, [])
        assert sum(rows for bucket in found.buckets for rows, _ in [bucket.other]) > 0
        assert await shape(model.connection, "") == await shape(
            model.connection, f"__g{built.number}"
        )


async def test_a_build_is_traced_as_a_replay(model: ReadModel) -> None:
    """A trace store shows what it did, and no trace of years ago goes on in it."""
    with recording() as recorder:
        await model.build()
    for span in recorder.spans("rebuild"):
        assert (span.parent, span.links, (span.attributes or {})["replay"]) == (None, (), True)
    assert len(recorder.spans("rebuild")) == len(reporting.readers)


async def shape(connection: asyncpg.Connection, suffix: str) -> list[str]:
    """All that the catalogue says of the tables, their schemas' names aside."""
    rows = await connection.fetch(_SHAPE, [f"known{suffix}", f"view{suffix}"], suffix)
    assert len(rows) > 10
    return [row[0] for row in rows]


_SHAPE = """
WITH n AS (SELECT * FROM pg_namespace WHERE nspname = ANY ($1)),
     c AS (SELECT c.*, left(nspname, length(nspname) - length($2)) || '.' || relname AS called
             FROM pg_class c JOIN n ON n.oid = relnamespace)
SELECT concat_ws(' ', 'table', called, relkind, relowner::regrole, relacl, reloptions,
                 obj_description(oid, 'pg_class')) FROM c
UNION ALL
SELECT concat_ws(' ', 'column', called, attnum, attname, format_type(atttypid, atttypmod),
                 attnotnull, atthasdef, attstorage, col_description(c.oid, attnum))
  FROM c JOIN pg_attribute a ON attrelid = c.oid WHERE attnum > 0
UNION ALL
SELECT concat_ws(' ', 'constraint', called, conname, contype,
                 replace(pg_get_constraintdef(k.oid), $2 || '.', '.'))
  FROM c JOIN pg_constraint k ON conrelid = c.oid
UNION ALL
SELECT concat_ws(' ', 'index', called, replace(pg_get_indexdef(indexrelid), $2 || '.', '.'))
  FROM c JOIN pg_index i ON indrelid = c.oid
UNION ALL
SELECT concat_ws(' ', 'trigger', called, tgname) FROM c JOIN pg_trigger t ON tgrelid = c.oid
UNION ALL
SELECT concat_ws(' ', 'schema', left(nspname, length(nspname) - length($2)), nspowner::regrole,
                 nspacl) FROM n
ORDER BY 1
"""


async def test_a_projection_that_fails_ends_the_build_and_the_next_one_begins_anew(
    model: ReadModel,
) -> None:
    def poisoned(at: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
        raise ZeroDivisionError

    broken = [replace(r, project=poisoned) for r in reporting.readers]
    with pytest.raises(PoisonError, match=r"funds|households|assets"):
        await Build(model.connection, broken, model.sources).run()
    assert await states(model.connection) == {1: "serving", 2: "failed"}
    with pytest.raises(GenerationError, match="failed"):
        await model.swap(None, None)
    await model.build()
    assert await states(model.connection) == {1: "serving", 3: "fed"}
    assert await schemas(model.connection) == ["known", "known__g3", "view", "view__g3"]


async def schemas(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(known|view)'"
    )
    return sorted(row["nspname"] for row in rows)


async def test_a_build_from_another_log_than_the_readers_is_a_fork(model: ReadModel) -> None:
    await model.connection.execute("UPDATE es.cursors SET leaf = '\\x00' WHERE source = 'funds'")
    with pytest.raises(ForkedError, match="known:funds"):
        await model.build()
    assert await states(model.connection) == {1: "serving", 2: "failed"}


async def test_one_build_at_a_time_and_none_beside_one_that_is_fed(
    planted: Installation, model: ReadModel
) -> None:
    async with opened(reporting, planted.stores) as other, alone(other.connection):
        with pytest.raises(GenerationError, match="另有一次"):
            await model.build()
    await model.build()
    with pytest.raises(GenerationError, match="第 2 代仍在"):
        await model.build()
    assert await model.drop() == 2
    assert await schemas(model.connection) == ["known", "view"]
    await model.build()
    assert await states(model.connection) == {1: "serving", 3: "fed"}


async def test_a_sample_is_built_and_leaves_nothing(model: ReadModel) -> None:
    plan = await model.plan(None)
    positions = await model.connection.fetchval(
        "SELECT sum(position) FROM es.cursors WHERE reader IN ('known', 'view')"
    )
    assert (plan.events, plan.fits, plan.free_bytes) == (positions, True, None)
    assert plan.events_per_s > 0
    assert await states(model.connection) == {1: "serving"}
    assert await schemas(model.connection) == ["known", "view"]


# --- comparing -------------------------------------------------------------------------------


async def test_one_fen_in_one_old_row_is_named_and_not_swapped(model: ReadModel) -> None:
    await model.build()
    at, n, fen = await model.connection.fetchrow(
        "UPDATE view.movements SET amount_fen = amount_fen + 1"
        " WHERE (position, n) = (SELECT position, n FROM view.movements ORDER BY 1, 2 LIMIT 1)"
        " RETURNING position, n, amount_fen"
    ) or (0, 0, 0)
    found, ((difference, events),) = await model.compared()
    assert [(b.table, b.name) for b in found.different] == [("view.movements", "funds 0")]
    assert difference.key == {"source": "funds", "position": at, "n": n}
    assert difference.columns == {"amount_fen": (fen, fen - 1)}
    assert [(e.source, e.event, e.type) for e in events] == [("funds", f"1-{at}", "LotRegistered")]
    with pytest.raises(DifferentError, match=rf'view\.movements.*funds 0.*"position":{at}'):
        await model.swap(None, None)
    assert await states(model.connection) == {1: "serving", 2: "fed"}


async def test_a_difference_is_accepted_by_its_own_digest_and_with_a_reason(
    model: ReadModel,
) -> None:
    await model.build()
    tampered = "UPDATE view.movements SET amount_fen = amount_fen + 1 WHERE n = 0 AND account = $1"
    await model.connection.execute(tampered, "received")
    seen, _ = await model.compared()
    for accept, reason in ((None, "x"), ("00", "x"), (seen.digest, None)):
        with pytest.raises(DifferentError):
            await model.swap(accept, reason)
    await model.connection.execute(tampered, "received")
    with pytest.raises(DifferentError):
        await model.swap(seen.digest, "it differs otherwise by now")
    now, _ = await model.compared()
    await model.swap(now.digest, "核对过")
    recorded = await last_event(model)
    assert recorded == (
        f'{{"accepted":true,"digest":"{now.digest}","generation":2,"previous":1,"reason":"核对过"}}'
    )


async def last_event(model: ReadModel) -> str:
    event = await model.connection.fetchrow("TABLE es.events ORDER BY position DESC LIMIT 1")
    assert event is not None
    assert event["type"] == "GenerationSwapped"
    payload: str = event["payload"]
    return payload


async def test_rows_missing_and_rows_too_many_are_told_twenty_a_bucket(model: ReadModel) -> None:
    await model.build()
    await model.connection.execute("DELETE FROM view__g2.movements WHERE n = 0")
    await model.connection.execute(
        "INSERT INTO view.balances SELECT gen_random_uuid(), 'x', lot, account, place, 1, 1"
        "  FROM view.balances, generate_series(1, 200)"
    )
    found, explained = await model.compared()
    missing = [d for d, _ in explained if d.table == "view.movements"]
    assert all(d.other is None and d.serving is not None for d in missing)
    assert all(len(events) == 1 for d, events in explained if d.table == "view.movements")
    surplus = [(d, events) for d, events in explained if d.table == "view.balances"]
    assert all(d.other is None and events == [] for d, events in surplus)
    told, more = len(explained), sum(found.more.values())
    differing = sum(abs(bucket.serving[0] - bucket.other[0]) for bucket in found.different)
    assert told + more == differing
    assert more > 0


async def test_a_wrong_projection_is_explained_by_its_events(model: ReadModel) -> None:
    """Totals name the events too: their log is projected once more."""

    def wrong(at: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
        for table, row in of_funds.project(at, fact, metadata):
            if at.type == "FundReallocated" and table is BALANCES:
                yield table, (*row[:-2], row[-2] + 1, row[-1])
            else:
                yield table, row

    readers = [replace(r, project=wrong) if r.source == "funds" else r for r in reporting.readers]
    changed = replace(model, service=replace(reporting, readers=readers))
    await changed.build()
    found, explained = await changed.compared()
    assert {bucket.table for bucket in found.different} == {"view.balances"}
    reallocated = await model.sources["funds"].connection.fetchval(
        "SELECT position FROM es.events WHERE type = 'FundReallocated'"
    )
    assert explained
    for difference, events in explained:
        assert f"1-{reallocated}" in [event.event for event in events]
        old, new = difference.columns["amount_fen"]
        assert new - old in (1, 2)


# --- feeding, swapping, going back -----------------------------------------------------------


async def test_both_are_fed_from_the_join_on_through_swap_and_back(
    planted: Installation, model: ReadModel
) -> None:
    before = await digest(model.connection)
    await model.build()
    await more(planted)
    assert await digest(model.connection) != before
    assert (await model.compared())[0].equal
    assert (await model.swap(None, "新投影")).previous == 1
    assert await states(model.connection) == {1: "fed", 2: "serving"}
    await planted.catch_up()
    with pytest.raises(GenerationError, match="旧的一代"):
        await model.swap(None, None)
    await plant_points(await planted.log(FUNDS))
    await planted.catch_up()
    assert (await model.compared())[0].equal
    await model.roll_back("有疑问")
    assert await states(model.connection) == {1: "serving", 2: "fed"}
    assert await last_event(model) == (
        '{"accepted":false,"digest":null,"generation":1,"previous":2,"reason":"有疑问"}'
    )
    with pytest.raises(GenerationError, match="从未启用"):
        await model.roll_back("twice")
    assert await model.drop() == 2
    await plant_points(await planted.log(FUNDS))
    await planted.catch_up()
    assert await model.connection.fetchval("SELECT max(cardinality(fed)) FROM es.cursors") == 0


async def test_a_generation_that_cannot_be_written_fails_alone(
    planted: Installation, model: ReadModel
) -> None:
    await model.build()
    await model.connection.execute(
        "ALTER TABLE view__g2.movements ADD CHECK (amount_fen = 0) NOT VALID"
    )
    count = "SELECT count(*) FROM view.movements"
    before = await model.connection.fetchval(count)
    await more(planted)
    assert await model.connection.fetchval(count) > before
    assert await model.connection.fetchval("SELECT count(stopped) FROM es.cursors") == 0
    (failed,) = [g for g in await generations(model.connection) if g.state == "failed"]
    assert (failed.number, failed.reason) == (
        2,
        "known:funds: 23514 CheckViolationError movements_amount_fen_check",
    )
    with pytest.raises(GenerationError, match="failed"):
        await model.swap(None, None)
    await model.build()
    assert (await model.compared())[0].equal


async def test_a_reader_that_waits_for_its_cursor_feeds_what_joined_meanwhile(
    planted: Installation, model: ReadModel
) -> None:
    """The build holds the cursor row; a reader's page waits for it and must not miss the join."""
    await plant_points(await planted.log(FUNDS))
    (funds,) = [r for r in reporting.readers if r.source == "funds"]
    watching = await asyncpg.connect(**planted.stores.admin("reporting"))
    await watching.execute("UPDATE es.leases SET until = clock_timestamp()")
    reading = await planted.reading(reporting, funds)
    cursor = await reading.begin()
    waiting: list[asyncio.Task[Cursor]] = []

    class Held(Build):
        async def _same_log(self, reader: Reader, held: asyncpg.Record) -> None:
            if reader.source == "funds":
                waiting.append(asyncio.create_task(reading.step(cursor)))
                while not await watching.fetchval(_BLOCKED):  # noqa: ASYNC110 - another session
                    await asyncio.sleep(0.01)
            await super()._same_log(reader, held)

    async with asyncio.timeout(20):
        await Held(model.connection, reporting.readers, model.sources).run()
        moved = await waiting[0]
    await watching.close()
    found = await compare(model.connection, 2)
    assert found.equal
    assert found.cursors["known:funds"] == moved.position > cursor.position


_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_what_was_prepared_before_a_swap_reads_the_new_tables_after_it(
    planted: Installation, model: ReadModel
) -> None:
    """Prepared statements are planned anew. A transaction that has read the old tables may go on
    with them, and finds there what the new ones hold."""
    await model.build()
    pool = (await planted.log(reporting)).pool
    old = "SELECT 'view.movements'::regclass::oid"
    ask = "SELECT sum(amount_fen), min(m.tableoid), count(*) FROM view.movements m, known.areas"
    async with pool.acquire() as one, pool.acquire() as other:
        prepared = await one.prepare(ask)
        before = await prepared.fetchrow()
        assert before is not None
        assert before[1] == await model.connection.fetchval(old)
        await other.fetchrow(ask)
        async with other.transaction(isolation="repeatable_read"):
            assert await other.fetchrow(ask) == before
            await model.swap(None, None)
            within = await other.fetchrow(ask)
        after = await prepared.fetchrow()
        assert within is not None
        assert after is not None
        assert (within[0], within[2]) == (after[0], after[2]) == (before[0], before[2])
        assert before[1] != after[1] == await model.connection.fetchval(old)


async def test_a_swap_waits_for_no_query_and_gives_up_on_a_reader_that_holds_its_cursor(
    planted: Installation, model: ReadModel
) -> None:
    await model.build()
    pool = (await planted.log(reporting)).pool
    async with pool.acquire() as one, one.transaction():
        await one.fetch("SELECT * FROM view.movements")
        swapped = await model.swap(None, None)
        assert swapped.took_ms < 1000
        await one.execute("UPDATE es.cursors SET token = token WHERE source = 'funds'")
        with pytest.raises(GenerationError, match="占用"):
            await model.roll_back("x")
