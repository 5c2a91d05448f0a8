"""One command, one effect, one answer: whatever the connection, the caller or a rival does."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from msgspec import structs

from libs.events.answer import Answer
from libs.events.decider import Ask, Streams
from libs.events.errors import (
    BusyError,
    ChangedMeanwhileError,
    KeyReusedError,
    NotFoundError,
    NotNameableError,
)
from libs.events.execute import REFUSALS_KEPT, TRIES, Surroundings, execute
from libs.events.log import Log
from libs.events.types import ExternalRef, request_id
from tests.events.conftest import LogStore
from tests.events.planted import (
    CLERK,
    FILL,
    SPEND,
    Meanwhile,
    Purse,
    around,
    ask,
    deciders,
    faults,
    fill,
    fill_with,
    purse,
    purses,
    spend,
)

RED, BLUE = purse("red"), purse("blue")
POURED = "SELECT coalesce(sum((payload->>'fen')::bigint), 0) FROM es.events WHERE type = $1"


async def with_fen(store: LogStore, fen: int, purse: UUID = RED) -> asyncpg.Connection:
    await fill(await store.connect(), purse, *["x"] * fen)
    return await store.connect()  # one that has never appended, so no killer takes it for a writer


async def spending(log: Log, fen: int, key: str, **more: Any) -> Answer:
    return await execute(log, ask(spend(fen), RED, key), around(**more), SPEND)


async def spent(app: asyncpg.Connection) -> int:
    total: int = await app.fetchval(POURED, "PurseSpent")
    assert await faults(app) == []
    return total


def told(answer: Answer) -> tuple[int, bytes, int, int]:
    return answer.status, answer.body, answer.version, answer.position


# --- repeats ---------------------------------------------------------------------------------


async def test_the_last_fen_spent_fifty_times_under_one_key_is_spent_once(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    answers = await asyncio.gather(*(spending(log, 1, "k") for _ in range(50)))
    assert len({told(answer) for answer in answers}) == 1
    assert [a.replay for a in answers].count(False) == 1
    assert answers[0].status == 201
    assert await spent(app) == 1


async def test_the_last_fen_wanted_by_fifty_goes_to_one_and_the_others_are_told(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    answers = await asyncio.gather(*(spending(log, 1, str(n)) for n in range(50)))
    assert Counter(a.status for a in answers) == {201: 1, 409: 49}
    assert await spent(app) == 1
    again = await asyncio.gather(*(spending(log, 1, str(n)) for n in range(50)))
    assert [told(a) for a in again] == [told(a) for a in answers]
    assert all(a.replay for a in again)


async def test_a_cut_connection_repeats_nothing(log: Log, store: LogStore) -> None:
    """The writer's backend is killed again and again while the same commands come twice."""
    app = await with_fen(store, 40)
    admin = await store.connect("admin")
    running = [asyncio.create_task(spending(log, 1, str(n // 2))) for n in range(80)]
    kills = 0
    while not all(task.done() for task in running):
        await asyncio.sleep(0.002)
        if kills < 5:
            kills += await admin.fetchval(_KILL_WRITER)
    answers = [task.result() for task in running]
    assert kills >= 3
    assert {a.status for a in answers} == {201}
    assert [told(a) for a in answers[::2]] == [told(a) for a in answers[1::2]]
    assert await spent(app) == 40


_KILL_WRITER = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND query LIKE 'SELECT * FROM es.append%'
"""


async def test_a_repeat_after_a_restart_gets_the_first_answer(log: Log, store: LogStore) -> None:
    app = await with_fen(store, 5)
    first = await spending(log, 3, "k")
    await spending(log, 1, "other")
    restarted = await store.log()
    again = await spending(restarted, 3, "k")
    assert (told(again), again.replay) == (told(first), True)
    assert msgspec.json.decode(first.body) == {"left_fen": 2}
    assert await spent(app) == 4


async def test_a_key_belongs_to_one_request(log: Log, store: LogStore) -> None:
    """Another route or body under the same key is refused, also where the two race."""
    app = await with_fen(store, 5)
    await spending(log, 1, "k", body=b"POST /a")
    with pytest.raises(KeyReusedError):
        await spending(log, 1, "k", body=b"POST /b")
    raced = await asyncio.gather(
        *(spending(log, 1, "r", body=str(n).encode()) for n in range(2)), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in raced) == ["Answer", "KeyReusedError"]
    assert await spent(app) == 2


def test_keys_of_two_clients_never_meet() -> None:
    assert request_id("a", "k") != request_id("b", "k")
    assert request_id("a", "bk") != request_id("ab", "k")


async def test_a_refusal_is_repeated_byte_for_byte_after_the_money_has_come(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    first = await spending(log, 2, "k")
    assert first.status == 409
    assert msgspec.json.decode(first.body) == {
        "type": "/problems/PurseEmpty",
        "title": "余额不足",
        "status": 409,
        "detail": "余额不足：需要 0.02 元，可用 0.01 元。",
        "numbers": {"needed_fen": 2, "available_fen": 1},
    }
    await execute(log, ask(fill_with(9), RED, "more"), around(), FILL)
    again = await spending(log, 2, "k")
    assert (told(again), again.replay) == (told(first), True)
    assert (await spending(log, 2, "new")).status == 201
    assert await spent(app) == 2


async def test_a_refusal_is_an_event_that_names_its_rule_and_numbers(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    await spending(log, 2, "k")
    row = await app.fetchrow("SELECT type, payload::text FROM es.events ORDER BY position DESC")
    assert row is not None
    assert row["type"] == "CommandRefused"
    assert msgspec.json.decode(row["payload"]) == {
        "command": "Spend",
        "refusal": "PurseEmpty",
        "status": 409,
        "area": None,
        "target": str(RED),
        "numbers": {"needed_fen": 2, "available_fen": 1},
    }


# --- rivals ----------------------------------------------------------------------------------


async def test_forty_at_once_on_one_stream_all_get_through(log: Log, store: LogStore) -> None:
    """A county's one lot at the end of a year: a conflict in the own process costs no 503."""
    app = await with_fen(store, 40)
    answers = await asyncio.gather(*(spending(log, 1, str(n)) for n in range(40)))
    assert {a.status for a in answers} == {201}
    assert await spent(app) == 40


async def test_a_decision_on_an_old_state_is_made_again(log: Log, store: LogStore) -> None:
    app = await with_fen(store, 1)
    rival = Meanwhile(lambda: spending(log, 1, "rival"), at_most=1)
    answer = await execute(log, ask(spend(1), RED, "k"), around(), deciders(rival)[1])
    assert answer.status == 409
    assert await spent(app) == 1


async def test_a_refusal_too_is_fenced_to_the_state_that_it_was_decided_on(
    log: Log, store: LogStore
) -> None:
    """Money that came between the reading and the refusal is seen: no stale 409 is kept."""
    await with_fen(store, 1)
    rival = Meanwhile(
        lambda: execute(log, ask(fill_with(9), RED, "more"), around(), FILL), at_most=1
    )
    answer = await execute(log, ask(spend(5), RED, "k"), around(), deciders(rival)[1])
    assert (answer.status, rival.times) == (201, 1)


async def test_three_conflicts_are_busy_and_bind_nothing_to_the_key(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 10)
    rival = Meanwhile(lambda: fill(app, RED, "rival"))
    with pytest.raises(BusyError):
        await execute(log, ask(spend(1), RED, "k"), around(), deciders(rival)[1])
    assert rival.times == TRIES
    assert await spent(app) == 0
    assert (await spending(log, 1, "k")).status == 201


async def test_a_loser_whose_key_was_answered_meanwhile_gets_that_answer(
    log: Log, store: LogStore
) -> None:
    """The same request came over another process and won; this one meets a conflict or a 412."""
    app = await with_fen(store, 10)
    twin = await store.log()
    for if_match in (None, 10):
        key, first = f"k{if_match}", list[Answer]()

        async def won(key: str = key, first: list[Answer] = first) -> None:
            first.append(await spending(twin, 1, key))
            await fill(app, RED, "and on")

        rival = Meanwhile(won, at_most=1)
        given = around() if if_match is None else around(if_match=if_match)
        answer = await execute(log, ask(spend(1), RED, key), given, deciders(rival)[1])
        assert (told(answer), answer.replay) == (told(first[0]), True)
    assert await spent(app) == 2


# --- If-Match --------------------------------------------------------------------------------


async def test_if_match_of_another_version_stores_nothing(log: Log, store: LogStore) -> None:
    app = await with_fen(store, 3)
    before = await app.fetchval("SELECT count(*) FROM es.requests")
    with pytest.raises(ChangedMeanwhileError) as changed:
        await spending(log, 1, "k", if_match=2)
    assert (changed.value.facts["given"], changed.value.facts["now"]) == (2, 3)
    (one,) = changed.value.facts["meanwhile"]
    assert (one["version"], one["event"], one["by"]["id"]) == (3, "PurseFilled", CLERK.id)
    assert await app.fetchval("SELECT count(*) FROM es.requests") == before
    assert (await spending(log, 1, "k", if_match=3)).version == 4
    assert (await spending(log, 1, "k", if_match=3)).replay


async def test_if_match_met_by_a_rival_is_changed_and_not_tried_again(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 3)
    rival = Meanwhile(lambda: fill(app, RED, "rival"), at_most=1)
    given = around(if_match=3)
    with pytest.raises(ChangedMeanwhileError):
        await execute(log, ask(spend(1), RED, "k"), given, deciders(rival)[1])
    assert await spent(app) == 0


@pytest.mark.parametrize("given", [around(), around(if_match=3)], ids=["plain", "If-Match"])
async def test_a_change_of_what_was_only_read_is_decided_on_again(
    log: Log, store: LogStore, given: Surroundings
) -> None:
    """Write skew: the decision writes one stream and rests on two. No 412: the resource stands."""
    app = await with_fen(store, 3)
    await fill(app, BLUE, "b")
    readings: list[Purse] = []

    async def reads_both(streams: Streams, asked: Ask[Any]) -> Any:
        state = await SPEND.gather(streams, asked)
        readings.append(await streams.load(purses, BLUE))
        if len(readings) == 1:
            await fill(app, BLUE, "meanwhile")
        return state

    answer = await execute(log, ask(spend(1), RED, "k"), given, deciders(reads_both)[1])
    assert answer.status == 201
    assert [purse.events for purse in readings] == [1, 2]


async def test_what_is_not_there_is_not_found_and_binds_nothing(log: Log, store: LogStore) -> None:
    with pytest.raises(NotFoundError):
        await spending(log, 1, "k")
    await with_fen(store, 1)
    assert (await spending(log, 1, "k")).status == 201


async def test_a_stream_of_another_noun_is_not_found_and_binds_nothing(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    epoch = await app.fetchval("SELECT stream_id FROM es.events WHERE position = 1")
    for around_ in (around(), around(if_match=1)):
        with pytest.raises(NotFoundError):
            await execute(log, ask(spend(1), epoch, "k"), around_, SPEND)
    assert await app.fetchval("SELECT count(*) FROM es.requests") == 2  # its epoch, its one fen


async def test_no_version_is_told_outside_the_scope(log: Log, store: LogStore) -> None:
    await with_fen(store, 3)
    elsewhere = replace(ask(spend(1), RED, "k"), actor=structs.replace(CLERK, area=UUID(int=0xB)))
    answer = await execute(log, elsewhere, around(if_match=2), SPEND)
    assert answer.status == 403
    assert msgspec.json.decode(answer.body)["type"] == "/problems/NotYourArea"


async def test_a_command_that_makes_nothing_names_nothing(log: Log, store: LogStore) -> None:
    app = await with_fen(store, 3)
    named = spend(1).model_copy(update={"external_ref": ExternalRef(system="x", id="1")})
    with pytest.raises(NotNameableError):
        await execute(log, ask(named, RED, "k"), around(), SPEND)
    assert await spent(app) == 0


# --- floods ----------------------------------------------------------------------------------


async def test_refusals_beyond_the_first_two_hundred_are_counted_and_still_repeat(
    log: Log, store: LogStore
) -> None:
    app = await with_fen(store, 1)
    answers = [await spending(log, 2, f"flood {n}") for n in range(REFUSALS_KEPT + 12)]
    kept = await app.fetch(
        "SELECT type, payload::text FROM es.events WHERE type <> 'PurseFilled' AND position > 1"
        " ORDER BY position"
    )
    assert [row["type"] for row in kept[:REFUSALS_KEPT]] == ["CommandRefused"] * REFUSALS_KEPT
    assert [(row["type"], row["payload"]) for row in kept[REFUSALS_KEPT:]] == [
        ("RefusalsCounted", '{"count":10}')
    ]
    assert {a.status for a in answers} == {409}
    for n in (0, REFUSALS_KEPT - 1, REFUSALS_KEPT, REFUSALS_KEPT + 11):
        again = await spending(log, 2, f"flood {n}")
        assert (told(again), again.replay) == (told(answers[n]), True)
    assert await faults(app) == []
