"""Many writers, kills and rollbacks: no reader ever misses an event, and every answer was true.

The same check is run on a planted function that numbers by a plain sequence without the lock, as
many stores do; it must fail there, or it proves nothing here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

import asyncpg
import pytest

from libs.chassis.migrate import Store
from libs.chassis.stores import LOG_SQL
from tests.events.conftest import LogStore
from tests.events.planted import faults
from tests.events.writers import APPLICATION, SHARED

PROCESSES, CONNECTIONS = 3, 4
SECONDS, KILLS = 12.0, 60
APPEND_SQL = (
    (LOG_SQL / "functions/append.sql").read_text("utf-8").replace("{{app}}", Store.of("funds").app)
)


@dataclass
class Found:
    """What a run left behind, and all that is wrong with it."""

    wrong: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    read: int = 0
    seed: int = 0


async def run(store: LogStore, seconds: float, kills: int) -> Found:
    """Writers in processes of their own, a reader beside them, and someone who kills backends."""
    found = Found(seed=SystemRandom().randrange(10**6))
    reading = asyncio.create_task(follow(store, found))
    killing = asyncio.create_task(kill(store, found, seconds, kills))
    async with asyncio.timeout(seconds + 60):
        outputs = await asyncio.gather(
            *(writers(store, found.seed + n, seconds) for n in range(PROCESSES))
        )
    await killing
    await stop(reading)
    await compare(store, outputs, found)
    return found


async def writers(store: LogStore, seed: int, seconds: float) -> dict[str, Any]:
    app = Store.of("funds").app
    dsn = store.cluster.dsn(store.database, app, store.passwords[app])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.writers"),
        *(dsn, str(seed), str(seconds), str(CONNECTIONS)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    done: dict[str, Any] = json.loads(said)
    return done


async def follow(store: LogStore, found: Found) -> None:
    """A reader as simple as can be: what comes after position n is n + 1, at once and for ever."""
    feed = await store.connect("feed")
    while True:
        for row in await feed.fetch(
            "SELECT position FROM es.events WHERE position > $1 ORDER BY position LIMIT 2000",
            found.read,
        ):
            if row["position"] != found.read + 1:
                found.wrong.append(f"the reader met {row['position']} after {found.read}")
            found.read = row["position"]
        await asyncio.sleep(0.001)


async def kill(store: LogStore, found: Found, seconds: float, kills: int) -> None:
    admin = await store.connect("admin")
    for _ in range(kills):
        await asyncio.sleep(seconds * 0.9 / kills)
        killed = await admin.fetchval(_KILL, APPLICATION, store.database)
        found.kills += bool(killed)


_KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = $1 AND datname = $2
 ORDER BY state = 'active' DESC, random() LIMIT 1
"""


async def stop(reading: asyncio.Task[None]) -> None:
    await asyncio.sleep(0.3)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled(), reading.exception()


async def compare(store: LogStore, outputs: list[dict[str, Any]], found: Found) -> None:
    """What was acknowledged is what is there, no more and no less."""
    app = await store.connect()
    told: dict[str, list[int]] = {}
    for output in outputs:
        told |= output["told"]
        found.count += Counter(output["count"])
    stored = {
        str(row["request_id"]): [row["position"], row["events"]]
        for row in await app.fetch("SELECT request_id, position, events FROM es.requests")
        if row["position"] > 1
    }
    found.wrong += [f"lost: {key}" for key in told.keys() - stored.keys()]
    found.wrong += [f"not acknowledged: {key}" for key in stored.keys() - told.keys()]
    found.wrong += [f"told {told[k]}, is {stored[k]}" for k in told.keys() & stored.keys()
                    if told[k] != stored[k]]  # fmt: skip
    found.wrong += await faults(app)
    head = await app.fetchval("SELECT max(position) FROM es.events")
    if head != found.read or head != 1 + sum(events for _, events in told.values()):
        found.wrong.append(f"head {head}, read {found.read}")
    found.wrong += await deadlocks(app)


async def deadlocks(app: asyncpg.Connection) -> list[str]:
    met = await app.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return [f"{met} deadlocks"] if met else []


async def test_nothing_is_lost_or_missed_under_kills_and_rollbacks(
    store: LogStore, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await run(store, SECONDS, KILLS)
    told = f"seed {found.seed}, {found.read} events, {found.kills} kills, {dict(found.count)}"
    with capsys.disabled():
        print(f"\n{told}")  # noqa: T201 - the seed and the budget, in every run
    assert found.wrong == []
    assert found.kills >= 50
    assert found.count["connection lost"] >= 40
    for kind in ("appended", "conflict", "duplicate", "rolled back 22P02", "rolled back ES003"):
        assert found.count[kind] > 0, found.count
    app = await store.connect()
    assert await app.fetchval("SELECT count(DISTINCT stream_id) FROM es.events") > len(SHARED)


async def test_the_same_check_fails_on_numbers_from_a_sequence_without_the_lock(
    store: LogStore,
) -> None:
    await store.execute(*numbered_by_sequence(APPEND_SQL))
    found = await run(store, 2.0, 5)
    assert any(fault.startswith("the reader met") for fault in found.wrong)
    assert any(fault.startswith("hole before") for fault in found.wrong)


def numbered_by_sequence(text: str) -> list[str]:
    """The planted fault: positions as `serial` would give them."""
    for ours, theirs in (
        ("PERFORM pg_advisory_xact_lock(1);", ""),
        ("SELECT pos[p] - n[p] + u.ord,", "SELECT nextval('es.positions'),"),
    ):
        assert text.count(ours) == 1
        text = text.replace(ours, theirs)
    sequence = "CREATE SEQUENCE es.positions START 2"
    return [sequence, "GRANT USAGE ON SEQUENCE es.positions TO PUBLIC", text]
