"""es.append on the real store: four outcomes, all or none, fences, clock, epoch, plans, bytes."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.chassis.migrate import Store
from libs.chassis.stores import LOG_SQL
from libs.events import loads
from libs.events.codec import encode_metadata
from libs.events.errors import ClockError, EpochError
from libs.events.group_commit import GroupCommit
from libs.events.loads import PLANNER
from libs.events.log import Log
from libs.events.store import Outcome, Part, prepare
from tests.events.conftest import LogStore
from tests.events.planted import (
    CONTRACTS,
    append,
    asking,
    each,
    faults,
    fill,
    part,
    spoiled,
)

APPEND_SQL = (
    (LOG_SQL / "functions/append.sql").read_text("utf-8").replace("{{app}}", Store.of("funds").app)
)
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
MINUTES = timedelta(minutes=1)


async def notes(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT payload->>'note' AS note FROM es.events WHERE type = 'PurseFilled'"
        " ORDER BY position"
    )
    return [row["note"] for row in rows]


# --- outcomes --------------------------------------------------------------------------------


async def test_a_request_is_appended_and_its_repeat_gets_the_first_answer(store: LogStore) -> None:
    app = await store.connect()
    first = asking(part(A, 0, "a", "b"), answer=b'{"body":{"n":1},"status":201}')
    (appended,) = await append(app, first)
    again = asking(part(A, 0, "x"), key=first.id, answer=b'{"body":{"n":2},"status":201}')
    (repeated,) = await append(app, again)
    assert (appended.outcome, appended.version, appended.position) == (Outcome.APPENDED, 2, 3)
    assert (repeated.outcome, repeated.version, repeated.position) == (Outcome.DUPLICATE, 2, 3)
    assert (repeated.answer, repeated.at) == (first.answer, None)
    assert await notes(app) == ["a", "b"]


async def test_another_expected_version_is_a_conflict_and_tells_the_present_one(
    store: LogStore,
) -> None:
    app = await store.connect()
    await append(app, asking(part(A, 0, "a")))
    for expected in (0, 2):
        (found,) = await append(app, asking(part(A, expected, "b")))
        assert (found.outcome, found.version, found.position) == (Outcome.CONFLICT, 1, 0)
    assert await notes(app) == ["a"]


async def test_a_key_used_for_another_body_is_refused_even_where_its_part_would_conflict(
    store: LogStore,
) -> None:
    app = await store.connect()
    first = asking(part(A, 0, "a"), body=b"one")
    await append(app, first)
    other = asking(part(A, 0, "b"), key=first.id, body=b"two")
    assert each(await append(app, other)) == ["key_reused"]
    assert await notes(app) == ["a"]


async def test_half_a_conflict_appends_nothing_of_its_request_and_all_of_the_others(
    store: LogStore,
) -> None:
    app = await store.connect()
    await fill(app, A, "old")
    group = [
        asking(part(B, 0, "before")),
        asking(part(C, 0, "good half"), part(A, 0, "bad half")),
        asking(part(C, 0, "after"), part(A, 1, "after")),
    ]
    assert each(await append(app, *group)) == ["appended", "conflict", "appended"]
    assert await notes(app) == ["old", "before", "after", "after"]
    assert await faults(app) == []


async def test_parts_that_expect_anything_are_numbered_in_order_within_a_group(
    store: LogStore,
) -> None:
    app = await store.connect()
    group = [asking(part(A, None, "a", "b")), asking(part(B, None, "c"), part(A, None, "d"))]
    found = await append(app, *group)
    assert [(f.version, f.position) for f in found] == [(2, 3), (1, 5)]
    assert await notes(app) == ["a", "b", "c", "d"]
    assert await faults(app) == []


# --- fences ----------------------------------------------------------------------------------


async def test_a_fence_that_holds_writes_nothing_and_one_that_does_not_is_a_conflict(
    store: LogStore,
) -> None:
    app = await store.connect()
    await fill(app, B, "moved")
    held = asking(part(A, 0, "a"), part(B, 1), part(C, 0))
    broken = asking(part(C, 0, "c"), part(B, 0))
    found = await append(app, held, broken)
    assert each(found) == ["appended", "conflict"]
    assert await notes(app) == ["moved", "a"]
    assert found[0].position == 3


async def test_a_refusal_without_events_stands_at_the_head_and_repeats(store: LogStore) -> None:
    app = await store.connect()
    await fill(app, A, "a")
    counted = asking(Part(B, (), None), part(A, 1), answer=b'{"body":{},"status":409}')
    (first,) = await append(app, counted)
    await fill(app, A, "b")
    (again,) = await append(app, counted)
    assert (first.outcome, first.position) == (Outcome.APPENDED, 2)
    assert (again.outcome, again.position) == (Outcome.DUPLICATE, 2)
    assert again.answer == counted.answer


@pytest.mark.parametrize(
    "second",
    [part(A, 0, "second"), part(A, 0)],
    ids=["two writers of one version", "a reader after the writer"],
)
async def test_an_exact_part_behind_another_on_its_stream_refuses_the_group(
    store: LogStore, second: Part
) -> None:
    app = await store.connect()
    group = [asking(part(A, 0, "first")), asking(part(B, 0, "other"), second)]
    with pytest.raises(asyncpg.PostgresError) as refused:
        await append(app, *group)
    assert refused.value.sqlstate == "ES003"
    assert await notes(app) == []


async def test_a_fence_in_front_of_the_writer_is_a_serial_order(store: LogStore) -> None:
    app = await store.connect()
    group = [asking(part(B, 0, "reader"), part(A, 0)), asking(part(A, 0, "writer"))]
    assert each(await append(app, *group)) == ["appended", "appended"]


async def test_write_skew_in_one_group_lets_only_one_through(log: Log, store: LogStore) -> None:
    """Each read what the other writes; both together would break what each had checked."""
    skewed = [asking(part(A, 0, "a"), part(B, 0)), asking(part(B, 0, "b"), part(A, 0))]
    found = await asyncio.gather(*(log.append(request) for request in skewed))
    assert sorted(each(found)) == ["appended", "conflict"]
    assert log.writer.requests == 2
    assert await notes(await store.connect()) == ["a"]


async def test_two_writers_of_one_version_in_one_group_one_is_appended(
    log: Log, store: LogStore
) -> None:
    group = [asking(part(A, 0, "a")), asking(part(A, 0, "b")), asking(part(B, 0, "c"))]
    found = await asyncio.gather(*(log.append(request) for request in group))
    assert each(found) == ["appended", "conflict", "appended"]
    assert await notes(await store.connect()) == ["a", "c"]


async def test_an_older_snapshot_may_not_append(store: LogStore) -> None:
    """Fences have no unique index behind them: they rest on the snapshot taken under the lock."""
    app = await store.connect(default_transaction_isolation="repeatable read")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await append(app, asking(part(A, 0, "a")))
    assert refused.value.sqlstate == "ES005"


# --- clock and epoch -------------------------------------------------------------------------


async def test_a_process_of_another_epoch_is_fenced_out(store: LogStore) -> None:
    writer = GroupCommit(store.connect, epoch=2)
    running = asyncio.create_task(writer.run())
    with pytest.raises(EpochError, match="epoch is 1, caller has 2"):
        await writer.append(prepare(asking(part(A, 0, "a")), CONTRACTS))
    await store.execute("UPDATE es.store SET epoch = 2")
    appended = await writer.append(prepare(asking(part(A, 0, "a")), CONTRACTS))
    assert appended.outcome is Outcome.APPENDED
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize("off", [-2 * MINUTES, 2 * MINUTES])
async def test_a_caller_whose_clock_is_two_minutes_off_appends_nothing(
    store: LogStore, off: timedelta
) -> None:
    app = await store.connect()
    with pytest.raises(asyncpg.PostgresError, match="clock: database") as refused:
        await append(app, asking(part(A, 0, "a")), caller=datetime.now(UTC) + off)
    assert refused.value.sqlstate == "ES002"
    near = datetime.now(UTC) + off / 4
    assert each(await append(app, asking(part(A, 0, "a")), caller=near)) == ["appended"]


async def plant_head(store: LogStore, off: timedelta) -> None:
    """An event as an earlier life of the machine may have left it: recorded at another time."""
    await (await store.connect("admin")).execute(_HEAD, off)


_HEAD = """
INSERT INTO es.events
SELECT position + 1, gen_random_uuid(), 1, clock_timestamp() + $1, epoch, schema_version, type,
       seen, salt, payload, '{}'
  FROM es.events ORDER BY position DESC LIMIT 1
"""


@pytest.mark.parametrize("off", [timedelta(days=-31), timedelta(seconds=90)])
async def test_fault_19_a_head_that_the_clock_cannot_explain_stops_appends(
    log: Log, store: LogStore, off: timedelta
) -> None:
    await plant_head(store, off)
    with pytest.raises(ClockError):
        await log.append(asking(part(A, 0, "a")))


async def test_fault_19_an_operator_who_confirms_the_clock_lets_appends_go_on(
    log: Log, store: LogStore
) -> None:
    await plant_head(store, timedelta(days=-31))
    await store.execute("UPDATE es.store SET ahead = '40 days'")
    appended = await log.append(asking(part(A, 0, "a")))
    assert appended.outcome is Outcome.APPENDED


async def test_recorded_at_never_goes_back_while_the_clock_is_a_little_behind(
    store: LogStore,
) -> None:
    await plant_head(store, timedelta(seconds=30))
    app = await store.connect()
    found = await fill(app, A, "a", "b")
    head = await app.fetchval("SELECT recorded_at FROM es.events WHERE position = 2")
    assert [f.at for f in found] == [head, head]
    assert await faults(app) == []


# --- what was recorded -----------------------------------------------------------------------

CHANGES = ["UPDATE es.{} SET recorded_at = now()", "DELETE FROM es.{}", "TRUNCATE es.{}"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["app", "feed"])
@pytest.mark.parametrize("table", ["events", "requests"])
async def test_no_role_that_logs_in_may_change_what_was_recorded(
    store: LogStore, table: str, role: str, change: str
) -> None:
    connection = await store.connect(role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(change.format(table))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", ["events", "requests"])
async def test_even_the_owner_is_refused_by_the_trigger(
    store: LogStore, table: str, change: str
) -> None:
    admin = await store.connect("admin")
    await append(admin, asking(part(A, 0, "a"), keep=True))
    await admin.execute("SET ROLE funds_owner")
    with pytest.raises(asyncpg.PostgresError, match="never changed") as refused:
        await admin.execute(change.format(table))
    assert refused.value.sqlstate == "ES004"


async def test_only_keys_that_move_no_money_can_be_pruned(store: LogStore) -> None:
    admin = await store.connect("admin")
    money, other = asking(part(A, 0, "a"), keep=True), asking(part(B, 0, "b"))
    await append(admin, money, other)
    prune = "DELETE FROM es.requests WHERE request_id = $1"
    assert await admin.execute(prune, other.id) == "DELETE 1"
    with pytest.raises(asyncpg.PostgresError, match="never changed"):
        await admin.execute(prune, money.id)


@pytest.mark.parametrize("table", ["events", "requests"])
async def test_the_service_inserts_nothing_but_by_append(store: LogStore, table: str) -> None:
    """es.append runs as the owner; nothing else that the service may call inserts."""
    app = await store.connect()
    assert each(await append(app, asking(part(A, 0, "a")))) == ["appended"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(f"INSERT INTO es.{table} SELECT * FROM es.{table}")  # noqa: S608 - our own name
    assert await app.fetchval("SELECT current_user") == "funds_app"


async def test_the_feed_role_reads_events_and_nothing_else(store: LogStore) -> None:
    feed = await store.connect("feed")
    assert await feed.fetchval("SELECT count(*) FROM es.events") == 1
    for table in ("requests", "cursors", "leases"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await feed.fetchval(f"SELECT count(*) FROM es.{table}")  # noqa: S608 - our own name
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append(feed, asking(part(A, 0, "a")))


async def test_bytes_are_stored_as_sent(store: LogStore) -> None:
    """json, not jsonb: order, spaces and escapes are those that were hashed."""
    app = await store.connect()
    ready = prepare(asking(part(A, 0, '斤 é 😀 \\u0041 \u2028 \x7f / " \t 1.50')), CONTRACTS)
    await append(app, ready)
    row = await app.fetchrow(
        "SELECT payload::text, metadata::text, salt FROM es.events WHERE position = 2"
    )
    assert row is not None
    assert row["payload"] == ready.events[0][0][2]
    assert row["metadata"].encode() == encode_metadata(ready.request.metadata)
    assert len(row["salt"]) == 16


async def test_seen_says_how_far_the_known_readers_had_come(store: LogStore) -> None:
    app = await store.connect()
    await app.execute(
        "INSERT INTO es.cursors (reader, source, epoch, position) VALUES"
        " ('known', 'households', 2, 41), ('known', 'assets', 1, 7), ('totals', 'reporting', 1, 9)"
    )
    await fill(app, A, "a")
    seen = await app.fetchval("SELECT seen::text FROM es.events WHERE position = 2")
    assert seen == '{"assets":[1,7],"households":[2,41]}'


async def test_one_request_of_invalid_json_among_fifty_fails_alone(
    log: Log, store: LogStore
) -> None:
    group = [prepare(asking(part(uuid4(), 0, str(n))), CONTRACTS) for n in range(50)]
    group[20] = spoiled(group[20])
    found = await asyncio.gather(*map(log.writer.append, group), return_exceptions=True)
    failed = [n for n, result in enumerate(found) if isinstance(result, BaseException)]
    assert failed == [20]
    assert isinstance(found[20], asyncpg.InvalidTextRepresentationError)
    app = await store.connect()
    assert await notes(app) == [str(n) for n in range(50) if n != 20]
    assert await faults(app) == []


# --- the planner's trap ----------------------------------------------------------------------

MANY_KEYS = """
INSERT INTO es.requests
SELECT gen_random_uuid(), '', 1, 1, 0, now(), false, '{}' FROM generate_series(1, 30000)
"""
TIMES_SLOWER = 8
PLAIN_JOIN = "LEFT JOIN es.requests d ON d.request_id = q.k"
FIRST_SETTINGS = "SET enable_hashjoin = off SET enable_mergejoin = off "


async def slowdown(store: LogStore) -> float:
    """How many times slower a connection is that planned append on empty, analysed tables than
    one that planned it on the full ones; groups of 64, the best of 7 each, interleaved. No ANALYZE
    after the first: it would have the early one plan anew."""
    await store.execute("ANALYZE es.requests", "ANALYZE es.events", "ANALYZE es.cursors")
    early = await store.connect()
    for _ in range(2):
        await append(early, *(asking(Part(A, (), None)) for _ in range(64)))
    await store.execute(MANY_KEYS)
    late = await store.connect()
    best = [1e9, 1e9]
    for _ in range(7):
        for which, connection in enumerate((early, late)):
            group = [prepare(asking(Part(A, (), None)), CONTRACTS) for _ in range(64)]
            began = time.perf_counter()
            await append(connection, *group)
            best[which] = min(best[which], time.perf_counter() - began)
    return best[0] / best[1]


async def test_a_plan_made_on_empty_tables_is_the_right_one(store: LogStore) -> None:
    assert await slowdown(store) < TIMES_SLOWER


def trapped(text: str) -> str:
    """The text as it first was: a plain join to the requests, and their scan not pinned."""
    lookup = text.index("LEFT JOIN LATERAL (SELECT request_id")
    text = text[:lookup] + PLAIN_JOIN + text[text.index(";", lookup) :]
    settings = text[text.index("SET enable_hashjoin") : text.index("AS $$")]
    return text.replace(settings, FIRST_SETTINGS)


async def test_the_planted_text_without_pinned_scans_is_caught(store: LogStore) -> None:
    await store.execute(trapped(APPEND_SQL))
    assert await slowdown(store) > TIMES_SLOWER


async def test_the_loading_query_is_planned_right_on_empty_tables(store: LogStore) -> None:
    await store.execute("ANALYZE es.requests", "ANALYZE es.events")
    plan = await loading_plan(store, PLANNER)
    assert "Seq Scan" not in plan
    assert "requests_pkey" in plan
    assert "Seq Scan" in await loading_plan(store, {"plan_cache_mode": "force_generic_plan"})


async def loading_plan(store: LogStore, settings: dict[str, str]) -> str:
    connection = await store.connect("app", **settings)
    await connection.execute(f"PREPARE loading AS {loads._QUERY}")
    rows = await connection.fetch("EXPLAIN EXECUTE loading('{}', '{}', '{}')")
    return "\n".join(row[0] for row in rows)


async def test_a_log_stays_dense_after_everything(log: Log, store: LogStore) -> None:
    """Appended, refused, repeated, in conflict, of another epoch and broken, all at once."""
    app = await store.connect()
    first = asking(part(A, 0, "a"), body=b"one")
    group = [prepare(first, CONTRACTS)] * 3
    group += [
        prepare(asking(part(A, None, str(n)), part(uuid4(), 0, "x")), CONTRACTS) for n in range(40)
    ]
    group += [spoiled(prepare(asking(part(B, None, "bad")), CONTRACTS))]
    group += [prepare(asking(part(A, 7, "conflict")), CONTRACTS)]
    group += [prepare(asking(part(A, 0), key=first.id, body=b"two"), CONTRACTS)]
    found = await asyncio.gather(*map(log.writer.append, group), return_exceptions=True)
    kinds = [type(f).__name__ if isinstance(f, BaseException) else f.outcome.name for f in found]
    assert kinds.count("APPENDED") == 41
    assert kinds.count("DUPLICATE") == 2
    assert kinds[-3:] == ["InvalidTextRepresentationError", "CONFLICT", "KEY_REUSED"]
    assert await faults(app) == []
    assert await app.fetchval("SELECT max(position) FROM es.events") == 1 + 81
