"""The checker: each breach planted as a superuser is found and named, at once or in a round."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from libs.chassis.collector import quiet_gc
from libs.events.checker import checks_of
from libs.events.checks import Along, Check, Page
from libs.events.errors import ReplacedError
from libs.events.invariant import EventInvariant, Numbers, State, TableInvariant
from libs.events.standing import broken as gauge
from libs.events.standing import go_again, standings
from libs.events.types import Recorded
from tests.events.checking import broken, checked, checking, examined, kept, through
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import PurseFilled, append, asking, fill, part

A, B = UUID(int=1), UUID(int=2)
ROOT = Path(__file__).resolve().parents[2]
WITHOUT_TRIGGERS = "SET session_replication_role = replica"


async def tamper(store: LogStore, *statements: str) -> None:
    """What a superuser who is not us can do to any table."""
    await store.execute(WITHOUT_TRIGGERS, *statements)


async def filled(store: LogStore) -> None:
    """Positions 2 to 8: A three times, then A and B in one request of four events."""
    app = await store.connect()
    await fill(app, A, *"abc")
    await append(app, asking(part(A, None, "d", "e"), part(B, 0, "f", "g")))


async def test_a_log_that_is_whole_holds_in_everything(store: LogStore) -> None:
    await filled(store)
    assert await checked(store) == {}
    assert await examined(store) == {}
    async with checking(store) as checker, checker.pool.acquire() as connection:
        standing = await standings(connection, checks_of((), {}))
    assert {(one.position, one.head) for one in standing} == {(8, 8)}
    assert {one.age_s for one in standing} <= {0, 1, 2}


# --- found along the log ---------------------------------------------------------------------

SEEN = "UPDATE es.events SET seen = '{\"x\":[1,%d]}' WHERE position %s"
ALONG = [
    (
        ["DELETE FROM es.events WHERE position = 4"],
        ("positions_dense", "1-5", {"expected": 4, "found": 5}),
    ),
    (
        ["UPDATE es.events SET version = 9 WHERE position = 4"],
        ("versions_dense", "1-4", {"position": 4, "stream": str(A), "version": 9}),
    ),
    (
        ["UPDATE es.events SET stream_id = gen_random_uuid() WHERE position = 2"],
        ("versions_dense", "1-3", {"position": 3, "stream": str(A), "version": 2}),
    ),
    (
        ["UPDATE es.events SET recorded_at = recorded_at + '1 h' WHERE position = 3"],
        ("time_never_falls", "1-4", {"position": 4}),
    ),
    (
        ["UPDATE es.events SET epoch = 2 WHERE position = 3"],
        ("epochs_never_fall", "1-4", {"position": 4, "before": 2, "found": 1}),
    ),
    (
        [SEEN % (9, "= 3"), SEEN % (5, "> 3")],
        ("seen_never_falls", "1-4", {"position": 4, "source": "x", "before": 9, "found": 5}),
    ),
    (
        ["DELETE FROM es.requests WHERE events = 4"],
        ("events_have_requests", "1-5", {"first": 5, "last": 8, "told_last": None}),
    ),
    (
        ["UPDATE es.requests SET events = 3 WHERE events = 4"],
        ("events_have_requests", "1-5", {"events": 4, "told_events": 3}),
    ),
    (
        ["UPDATE es.requests SET position = 9 WHERE events = 4"],
        ("events_have_requests", "1-5", {"last": 8, "told_last": 9}),
    ),
    (
        ["UPDATE es.events SET payload = '{\"fen\":\"x\"}' WHERE position = 6"],
        ("events_readable", "1-6", {"type": "PurseFilled", "version": 1}),
    ),
    (
        ["UPDATE es.events SET metadata = '{}' WHERE position = 6"],
        ("events_readable", "1-6", {"type": "PurseFilled", "version": 1}),
    ),
    (
        ["DELETE FROM es.events WHERE position = 8"],
        ("requests_have_events", None, {"position": 8, "events": 4}),
    ),
    (
        ["INSERT INTO es.cursors (reader, source, epoch, position, stopped)"
         " VALUES ('known', 'x', 1, 7, 'fork')"],
        ("readers_run", None, {"reader": "known:x", "position": 7, "stopped": "fork"}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("planted", "found"), ALONG, ids=lambda value: str(value[0])[:60])
async def test_a_breach_planted_before_the_check_is_found_and_named(
    store: LogStore, planted: Sequence[str], found: tuple[str, str | None, dict[str, Any]]
) -> None:
    await filled(store)
    await tamper(store, *planted)
    name, event, numbers = found
    kept_event, kept_numbers = (await checked(store))[name]
    assert (kept_event, {**kept_numbers, **numbers}) == (event, kept_numbers)
    first, *_ = (await examined(store))[name]
    assert (first.event, first.numbers) == (kept_event, kept_numbers)


# --- changed after it was checked ------------------------------------------------------------

FLIP = "UPDATE es.events SET {0} = replace({0}::text, '{1}', '{2}')::json WHERE position = {3}"
CHANGED = {
    "payload": ([FLIP.format("payload", '"c"', '"C"', 4)], {4: "changed"}),
    "metadata": ([FLIP.format("metadata", "bureau", "bureaU", 4)], {4: "changed"}),
    "salt": (["UPDATE es.events SET salt = '' WHERE position = 4"], {4: "changed"}),
    "seen": ([FLIP.format("seen", "{", "{ ", 4)], {4: "changed"}),
    "tail": (["DELETE FROM es.events WHERE position > 6"], {7: "missing", 8: "missing"}),
    "swapped": (
        [
            "UPDATE es.events SET position = -1 WHERE position = 3",
            "UPDATE es.events SET position = 3 WHERE position = 4",
            "UPDATE es.events SET position = 4 WHERE position = -1",
        ],
        {3: "changed", 4: "changed"},
    ),
}


@pytest.mark.parametrize("how", CHANGED)
async def test_what_changed_after_it_was_checked_is_found_and_named(
    store: LogStore, how: str
) -> None:
    """By the round, which names the bucket and the first position; `check` names every one."""
    await filled(store)
    assert await checked(store) == {}
    statements, positions = CHANGED[how]
    await tamper(store, *statements)
    first = min(positions)
    _, numbers = (await checked(store))["nothing_changed"]
    assert numbers == {"bucket": 0, "position": first, "found": positions[first]}
    every = (await examined(store))["nothing_changed"]
    assert {one.numbers["position"]: one.numbers["found"] for one in every} == positions


async def test_a_tail_that_was_lost_and_written_anew_is_found(store: LogStore) -> None:
    await filled(store)
    assert await checked(store) == {}
    await tamper(store, "DELETE FROM es.events WHERE position > 4")
    await tamper(store, "DELETE FROM es.requests WHERE position > 4")
    await fill(await store.connect(), A, *"vwxyz")
    _, numbers = (await checked(store))["nothing_changed"]
    assert numbers == {"bucket": 0, "position": 5, "found": "changed"}


async def test_every_bucket_of_a_long_log_has_its_turn(store: LogStore) -> None:
    """One bucket a look, round and round; the last one at every look."""
    app = await store.connect()
    for n in range(4):
        await append(app, asking(part(uuid4(), 0, *map(str, range(900))), key=UUID(int=100 + n)))
    async with checking(store) as checker:
        await through(checker)
        (leaves,) = (check for check in checker.rounding if check.name == "nothing_changed")
        await tamper(store, FLIP.format("payload", '"note"', '"Note"', 2500))
        assert [await checker.look(leaves) for _ in range(2)] == [False, False]
        assert await broken(store) == {}
        assert await checker.look(leaves) is False
        assert (await broken(store))["nothing_changed"][1]["position"] == 2500
        assert await checker.look(leaves) is True
        await tamper(store, "DELETE FROM es.events WHERE position = 3601")
        await tamper(store, FLIP.format("payload", '"Note"', '"note"', 2500))
        while not await checker.look(leaves):
            assert (await broken(store))["nothing_changed"][1]["position"] == 2500
        # What a whole round did not meet again is told no more; what it met is.
        assert (await broken(store))["nothing_changed"][1] == {
            "bucket": 3,
            "position": 3601,
            "found": "missing",
        }


async def test_what_was_seen_and_is_no_longer_at_its_source_is_found(
    store: LogStore, new_store: NewStore
) -> None:
    """The source was restored from a copy that ends before what it had shown."""
    source = await new_store()
    await fill(await source.connect(), A, *"abcd")
    admin = await store.connect("admin")
    await admin.execute(
        "INSERT INTO es.cursors (reader, source, epoch, position) VALUES ('known', 'x', 1, 5)"
    )
    await fill(await store.connect(), A, "a")
    sources = {"x": source.feed().at}
    assert await checked(store, sources=sources) == {}
    await tamper(source, "DELETE FROM es.events WHERE position > 3")
    event, numbers = (await checked(store, sources=sources))["seen_exists"]
    told = {"source": "x", "epoch": 1, "position": 5, "found_epoch": None}
    assert (event, numbers) == ("1-2", told)


# --- invariants of a service -----------------------------------------------------------------


def at_most_two(state: State, _: Recorded, __: Any) -> tuple[State, Numbers | None]:
    count = state.get("count", 0) + 1
    return {"count": count}, {"count": count} if count > 2 else None


def never_e(state: State, recorded: Recorded, fact: PurseFilled) -> tuple[State, Numbers | None]:
    if fact.note == "e":
        raise LookupError(fact.note)
    return {"last": recorded.version}, None


TWO = EventInvariant("at_most_two", "最多两次", at_most_two, (PurseFilled,), lambda f: f.note)
NEVER_E = EventInvariant("never_e", "从不", never_e, (PurseFilled,))
NO_TABLE = TableInvariant("no_table", "没有表", "SELECT key, numbers FROM es.nowhere", 1)


async def test_a_service_keeps_a_state_a_key(store: LogStore) -> None:
    app = await store.connect()
    await fill(app, A, *"abcab")
    assert await checked(store, TWO) == {}
    await fill(app, A, *"cba")
    assert await checked(store, TWO) == {"at_most_two": ("1-8", {"count": 3})}
    assert [breach.event for breach in (await examined(store, TWO))["at_most_two"]] == [
        "1-8",
        "1-9",
    ]


async def test_a_check_that_fails_is_named_and_the_others_go_on(store: LogStore) -> None:
    await filled(store)
    found = await checked(store, NEVER_E, NO_TABLE, TWO)
    assert found == {
        "never_e": ("1-6", {"failed": "LookupError"}),
        "no_table": (None, {"failed": "UndefinedTableError"}),
    }
    connection = await store.connect("admin")
    kept_state = await connection.fetchval(
        "SELECT state->>'last' FROM es.check_states WHERE invariant = 'never_e'"
    )
    assert kept_state == "2"


async def test_a_check_that_comes_later_begins_at_one_and_joins_the_others(
    store: LogStore,
) -> None:
    await filled(store)
    assert await checked(store) == {}
    await fill(await store.connect(), A, *"aa")
    assert await checked(store, TWO) == {"at_most_two": ("1-10", {"count": 3})}
    rows, _, _ = await kept(store)
    assert {row[1] for row in rows} == {10}


# --- once told, until the data say otherwise -------------------------------------------------


async def test_a_counterexample_is_logged_once_and_stays(store: LogStore) -> None:
    await filled(store)
    await tamper(store, "DELETE FROM es.events WHERE position = 4")
    with capture_logs() as told:
        await checked(store)
        await fill(await store.connect(), A, *"xyz")
        await tamper(store, "DELETE FROM es.events WHERE position = 10")
        await checked(store)
    errors = [one for one in told if one["log_level"] == "error"]
    (dense,) = (one for one in errors if one["invariant"] == "positions_dense")
    assert dense["event"] == "invariant_broken"
    assert (dense["event_id"], dense["numbers"]) == ("1-5", {"expected": 4, "found": 5})
    assert len(errors) == len({one["invariant"] for one in errors})
    async with checking(store) as checker, checker.pool.acquire() as connection:
        values = await gauge(connection, checks_of((), {}))
    assert (values["positions_dense"], values["time_never_falls"]) == (1, 0)


async def test_told_to_go_again_it_forgets_what_was_mended_and_no_leaf(store: LogStore) -> None:
    await filled(store)
    await tamper(store, "UPDATE es.events SET epoch = 2 WHERE position = 3")
    assert "epochs_never_fall" in await checked(store)
    await tamper(store, "UPDATE es.events SET epoch = 1 WHERE position = 3")
    found = await checked(store)
    assert set(found) == {"epochs_never_fall", "nothing_changed"}
    await go_again(await store.connect())
    assert await broken(store) == {}
    assert set(await checked(store)) == {"nothing_changed"}


async def test_going_again_beside_a_running_checker_is_noticed(store: LogStore) -> None:
    await filled(store)
    async with checking(store) as checker:
        await through(checker)
        await go_again(await store.connect())
        assert await checker.step() == 8
        assert await checker.step() == 0
    rows, _, _ = await kept(store)
    assert {row[1] for row in rows if row[0] == "positions_dense"} == {8}


# --- one holder, killed at any point ---------------------------------------------------------


async def test_one_checks_and_the_other_waits(store: LogStore) -> None:
    await filled(store)
    async with checking(store) as one, checking(store) as other:
        await one.begin()
        with pytest.raises(ReplacedError):
            await other.begin()
        await store.execute("UPDATE es.leases SET until = clock_timestamp()")
        await other.begin()
        with pytest.raises(ReplacedError):  # it slept past its lease
            await one.step()
        assert await other.step() == 8


async def from_scratch(store: LogStore, new_store: NewStore) -> list[Any]:
    """What one run over the same log, by a checker that knows nothing yet, leaves behind."""
    await store.stack.aclose()
    copy = await new_store(store)
    await copy.execute("TRUNCATE es.checks, es.check_states, es.leaves")
    await checked(copy, TWO)
    return await kept(copy)


async def bit_by_bit(store: LogStore, checks: Sequence[Check]) -> None:
    """Appends and steps in turn, each step by a checker that remembers nothing itself."""
    chance = random.Random(20201122)
    app = await store.connect()
    for n in range(12):
        notes = [chance.choice("abc") + str(chance.randrange(400)) for _ in range(300)]
        streams = (part(A, None, *notes), part(uuid4(), 0, *notes[:200]))
        await append(app, asking(*streams, key=UUID(int=1000 + n)))
        for _ in range(chance.randrange(3)):
            async with checking(store, checks=checks) as checker:
                await checker.begin()
                await checker.step()
    async with checking(store, checks=checks) as checker:
        await through(checker)


async def test_bit_by_bit_is_the_same_as_from_scratch(store: LogStore, new_store: NewStore) -> None:
    await bit_by_bit(store, checks_of([TWO], {}))
    found = await kept(store)
    assert [len(rows) for rows in found] == [12, found_states(found), 6]
    assert found == await from_scratch(store, new_store)


def found_states(found: list[list[Any]]) -> int:
    """More than a page of keys, so that states come and go."""
    assert len(found[1]) > 800
    return len(found[1])


class Forgetful(Along):
    """The planted fault: its states are never fetched again, so each page begins at nothing."""

    def keys(self, page: Page) -> set[str]:
        return set()


async def test_the_same_comparison_fails_for_a_checker_that_forgets(
    store: LogStore, new_store: NewStore
) -> None:
    forgetful = [
        Forgetful(check.invariant) if isinstance(check, Along) and check.invariant is TWO else check
        for check in checks_of([TWO], {})
    ]
    await bit_by_bit(store, forgetful)
    assert await kept(store) != await from_scratch(store, new_store)


async def test_killed_again_and_again_it_ends_where_an_unharmed_one_does(
    store: LogStore, new_store: NewStore
) -> None:
    """kill -9 of the process, at whatever point, while the log grows."""
    app, chance = await store.connect(), random.Random(20201122)
    killed_at: list[int] = []
    for n in range(6):
        for m in range(4):
            notes = [str(chance.randrange(500)) for _ in range(400)]
            key = UUID(int=2000 + 10 * n + m)
            await append(app, asking(part(uuid4(), 0, *notes), key=key))
        process = await a_checker(store)
        async with asyncio.timeout(60):
            await moved(store, 0 if n % 2 else max(killed_at, default=0) + 1)
        await asyncio.sleep(chance.uniform(0, 0.1))
        process.kill()
        await process.wait()
        killed_at.append(await app.fetchval("SELECT min(position) FROM es.checks"))
        await app.execute("UPDATE es.leases SET until = clock_timestamp()")
    assert len(set(killed_at)) > 2
    await checked(store, TWO)
    assert await kept(store) == await from_scratch(store, new_store)


async def a_checker(store: LogStore) -> asyncio.subprocess.Process:
    address = json.dumps(store.address(), default=str)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.checking", address),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def moved(store: LogStore, position: int) -> None:
    """Until a checker holds the lease and has come so far."""
    app = await store.connect()
    held = "SELECT true FROM es.leases WHERE until > clock_timestamp()"
    reached = "SELECT coalesce(min(position), -1) FROM es.checks"
    while not await app.fetchval(held) or await app.fetchval(reached) < position:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.01)


# --- what it costs ---------------------------------------------------------------------------

EVENTS, A_SECOND = 72_000, 20_000


async def test_a_long_log_is_checked_at_twenty_thousand_events_a_second(
    store: LogStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of this process's own time, since others share the machine; the pause between two pages,
    which leaves the readers their half, is not in it."""
    app = await store.connect()
    for n in range(EVENTS // 1_000):
        notes = [f"{n}-{m}" for m in range(500)]
        await append(app, asking(part(uuid4(), 0, *notes), part(uuid4(), 0, *notes)))
    rates = {}
    async with checking(store) as checker, asyncio.timeout(120):
        await checker.begin()
        with collector_of_a_worker():
            took = Took()
            while await checker.step():
                pass
            rates["along the log"] = took.rates(EVENTS)
            (leaves,) = (check for check in checker.rounding if check.name == "nothing_changed")
            took = Took()
            while not await checker.look(leaves):
                pass
            rates["read again"] = took.rates(EVENTS)
    with capsys.disabled():
        for what, (cpu, wall) in rates.items():
            print(f"\n{what}: {cpu} events/s of own time, {wall} of the clock's")  # noqa: T201 - a measured rate
    assert min(cpu for cpu, _ in rates.values()) >= A_SECOND


class Took:
    """Since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def rates(self, events: int) -> tuple[int, int]:
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        return int(events / cpu), int(events / wall)


@contextmanager
def collector_of_a_worker() -> Iterator[None]:
    before = gc.get_threshold()
    quiet_gc()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
