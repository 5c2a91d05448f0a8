"""A rehearsal answers what the command then gives, and leaves nothing behind."""

from __future__ import annotations

import random

import msgspec

from libs.events.answer import Answer
from libs.events.execute import execute, rehearsed
from libs.events.log import Log
from libs.events.types import Command
from tests.events.conftest import LogStore
from tests.events.planted import FILL, SPEND, around, ask, fill, fill_with, purse, spend

PURSES = [purse("red"), purse("blue")]
SHOWN = "SELECT count(*), (SELECT count(*) FROM es.requests) FROM es.events"


async def begun(store: LogStore) -> None:
    """A fen in each purse: no command reaches a purse that is not there."""
    for one in PURSES:
        await fill(await store.connect(), one, "first")


def told(rehearsal: Answer) -> tuple[int, bytes]:
    """The status and body that a rehearsal says the command would be answered."""
    if rehearsal.status >= 400:
        return rehearsal.status, rehearsal.body
    body = msgspec.json.decode(rehearsal.body, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(body["status"]), bytes(body["answer"])


async def test_a_rehearsal_and_then_the_real_thing_answer_alike(log: Log, store: LogStore) -> None:
    """Whatever came before: sums that are there and that are not, keys that are new and used."""
    app, chance = await store.connect(), random.Random(20261122)
    await begun(store)
    seen = set[int]()
    for nth in range(150):
        fen = chance.randint(1, 9)
        command: Command = fill_with(fen)
        decider = FILL
        if chance.random() < 0.6:
            command, decider = spend(fen), SPEND
        key = f"{type(command).__name__}-{chance.choice((nth, nth, nth // 7))}"
        asked = ask(command, chance.choice(PURSES), key)
        before = await app.fetchrow(SHOWN)
        rehearsal = await rehearsed(log, asked, around(), decider)
        assert await app.fetchrow(SHOWN) == before
        real = await execute(log, asked, around(), decider)
        assert told(rehearsal) == (real.status, real.body), nth
        assert rehearsal.replay == real.replay
        seen.add(real.status * 10 + real.replay)
    assert seen == {2010, 2011, 4090, 4091}


async def test_a_rehearsal_tells_what_would_be_appended_and_where(
    log: Log, store: LogStore
) -> None:
    await begun(store)
    answer = await rehearsed(log, ask(fill_with(3), PURSES[0], "k"), around(), FILL)
    assert (answer.status, answer.version, answer.position) == (200, 0, 0)
    assert msgspec.json.decode(answer.body) == {
        "answer": {"id": str(PURSES[0])},
        "events": [{"type": "PurseFilled", "count": 1}],
        "replay": False,
        "status": 201,
        "streams": [str(PURSES[0])],
        "waits_for": None,
    }


async def test_refusals_that_were_only_rehearsed_are_not_counted(log: Log, store: LogStore) -> None:
    await begun(store)
    for nth in range(3):
        answer = await rehearsed(log, ask(spend(2), PURSES[0], f"k{nth}"), around(), SPEND)
        assert answer.status == 409
    assert log._refusals == {}
