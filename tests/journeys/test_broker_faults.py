"""A broker that is away or frozen, a relay that sleeps or stands: commands go on, nothing is lost,
and whoever asks is told how old the answer is.

All on one event loop, so that the two minutes without a broker pass while the rest is tried.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.__main__ import SERVICES
from tests.conftest import Templates
from tests.journeys.conftest import prefix
from tests.journeys.hurt import Hurt, holders, hurt, loaded, repeats_in
from tests.journeys.load import allocation, lot
from tests.journeys.settled import asked, caught_up, cursors
from tests.journeys.tree import ROOT
from tests.reporting.definitions import UNSPENT

pytestmark = pytest.mark.asyncio(loop_scope="module")
AWAY_S, FROZEN_S = 120, 15
WITHIN_S = 60
GREW_MIB = 40
"""Of the relay while its broker is away; two batches that wait are 2 MiB a service."""


@dataclass
class Away:
    """What was seen of two minutes without a broker."""

    behind: list[int]
    reasons: set[str]
    status: tuple[int, str]
    grew_mib: int
    lines: int
    caught_up_s: float
    acknowledged: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def away(templates: Templates) -> AsyncIterator[asyncio.Task[Away]]:
    with tempfile.TemporaryDirectory(prefix="suyuan-away-") as name:
        async with hurt(Path(name), callers=2, pause_s=0.1) as one:
            task = asyncio.create_task(without_broker(one, templates))
            yield task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def without_broker(one: Hurt, templates: Templates) -> Away:
    async with loaded(one.load):
        await asyncio.sleep(3)
        before_mib, before_lines = one.relay_mib, one.relay_lines
        one.to_broker(signal.SIGKILL)
        await asyncio.sleep(AWAY_S / 4)
        behind = [of_view(await one.lag())["behind"]]
        await asyncio.sleep(AWAY_S * 3 / 4)
        rows = await one.lag()
        behind.append(of_view(rows)["behind"])
        status = await one.tree.said("status")
        grew_mib, lines = one.relay_mib - before_mib, one.relay_lines - before_lines
        await one.broker.restart()
    began = time.monotonic()
    await caught_up(one.tree.stores, relays=True)
    caught_up_s = time.monotonic() - began
    await one.whole_again(templates, prefix())
    reasons = {row["stopped"] for row in rows if row["reader"] == "relay"}
    acknowledged = len(one.load.answers)
    return Away(behind, reasons, status, grew_mib, lines, caught_up_s, acknowledged)


def of_view(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of reporting's copy of funds."""
    wanted = ("reporting", "known", "funds")
    return next(row for row in rows if (row["service"], row["reader"], row["source"]) == wanted)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(away: asyncio.Task[Away]) -> AsyncIterator[Hurt]:
    """Another tree, for all that needs its broker; the one without has begun meanwhile."""
    with tempfile.TemporaryDirectory(prefix="suyuan-hurt-") as name:
        async with hurt(Path(name), callers=4, pause_s=0.02) as one:
            yield one


async def test_a_broker_frozen_for_15_s_under_load_loses_and_doubles_nothing(
    here: Hurt, templates: Templates
) -> None:
    async with loaded(here.load):
        await asyncio.sleep(1)
        before = len(here.load.answers)
        here.to_broker(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        here.to_broker(signal.SIGCONT)
        assert len(here.load.answers) > before + FROZEN_S, "commands need no broker"
        await asyncio.sleep(1)
    await here.whole_again(templates, prefix())


async def test_a_relay_asleep_past_its_lease_disturbs_nobody_when_it_wakes(
    here: Hurt, templates: Templates, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another relay takes over; what the sleeper still sends are repeats, and it moves nothing."""
    before = await holders(here.tree.stores)
    second = await relay_of(here)
    async with loaded(here.load):
        await asyncio.sleep(1)
        assert here.tree.kill("relay", signal.SIGSTOP)
        moved = asyncio.create_task(watched(here))
        during = await taken_over(here, before)
        await asyncio.sleep(2)
        here.tree.kill("relay", signal.SIGCONT)
        await asyncio.sleep(3)
        after = await holders(here.tree.stores)
    await here.whole_again(templates, prefix())
    assert not moved.done(), moved.exception()
    moved.cancel()
    second.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(second.wait(), 30) == 0
    assert after == during, "the sleeper took nothing back"
    told = {s.name: await repeats_in(f"{s.name}.events", here.broker.bootstrap) for s in SERVICES}
    with capsys.disabled():
        print(f"\n(events, repeats) by topic: {told}")  # noqa: T201 - no run is like another


async def taken_over(one: Hurt, before: dict[str, int]) -> dict[str, int]:
    """Tokens, once every lease of the sleeper has run out and another holds it."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            now = await holders(one.tree.stores)
            if all(now[name] > before[name] for name in before):
                return now
            await asyncio.sleep(0.2)


async def relay_of(one: Hurt) -> asyncio.subprocess.Process:
    """A second relay beside that of the tree."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "relay"),
        cwd=ROOT,
        env={**os.environ, **one.tree.settings.environment()},
        stderr=asyncio.subprocess.DEVNULL,
    )


async def watched(one: Hurt) -> None:
    """Cursors only go on, and each by the token of its lease. Raises: AssertionError."""
    last = dict.fromkeys((service.name for service in SERVICES), (0, 0))
    while True:
        for who, row in (await cursors(one.tree.stores)).items():
            if who[1] == "relay":
                position, token = last[who[0]]
                assert row["position"] >= position
                assert row["token"] >= token
                last[who[0]] = row["position"], row["token"]
        await asyncio.sleep(0.2)


async def test_without_a_relay_figures_stand_still_and_say_so(here: Hurt) -> None:
    """They say complete to where; `lag` grows in events and in seconds; money that relies on the
    copy waits when it is too old; all goes on with the relay."""
    client = here.tree.client("auditor", "clerk", "finance", "steward")
    body = {"figure": "unspent", "title": "结余", "area": here.load.area, "definition": UNSPENT}
    key = {"idempotency-key": "declare"}
    declared = await client.post(
        "/api/v1/reporting/figures", json={"occurred_on": "2020-03-16", **body}, headers=key
    )
    assert declared.status_code == 201, declared.text
    await caught_up(here.tree.stores, relays=True)
    assert here.tree.kill("relay", signal.SIGSTOP)
    await asyncio.sleep(1)
    before = await unspent(client)
    for number in range(5):
        answer = await client.post(
            f"/api/v1/funds/lots/{here.load.lots[0]}/allocations",
            json=allocation(here.load.projects[0]),
            headers={"idempotency-key": f"still-{number}"},
        )
        assert answer.status_code == 201
    first = of_view(await here.lag())
    await asyncio.sleep(5)
    second = of_view(await here.lag())
    assert await unspent(client) == before
    assert first["behind"] == second["behind"] >= 5
    assert second["confirmed_s"] >= first["confirmed_s"] + 5
    await money_waits(here, client)
    here.tree.kill("relay", signal.SIGCONT)
    await caught_up(here.tree.stores, relays=True)
    assert (await unspent(client))["complete_to"] != before["complete_to"]
    await client.aclose()


async def unspent(client: Any) -> dict[str, Any]:
    answer = await client.get("/api/v1/reporting/figures/unspent/value")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["complete_to"]["funds"]["position"] > 0
    return told


async def money_waits(one: Hurt, client: Any) -> None:
    """A copy of more than 5 minutes: 503, nothing stored; the same key succeeds later."""
    aged = "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '301 s'"
    async with asked(one.tree.stores.app("funds")) as connection:
        await connection.execute(f"{aged} WHERE reader = 'known'")
        await asyncio.sleep(1.1)  # freshness is remembered for a second
        head = await connection.fetchval("SELECT max(position) FROM es.events")
        letter = await connection.fetchval("SELECT id::text FROM view.documents LIMIT 1")
        body = {"occurred_on": "2020-03-16", **lot(one.load.area, letter, "stale")}
        key = {"idempotency-key": "stale"}
        stale = await client.post("/api/v1/funds/lots", json=body, headers=key)
        assert (stale.status_code, stale.json()["type"]) == (503, "/problems/StaleReference")
        assert await connection.fetchval("SELECT max(position) FROM es.events") == head


async def test_a_broker_away_for_two_minutes_loses_nothing_and_lag_tells_it(
    away: asyncio.Task[Away], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = await away
    with capsys.disabled():
        print(f"\n{seen}")  # noqa: T201 - figures of this run
    assert 0 < seen.behind[0] < seen.behind[1]
    assert len(seen.reasons) == 1
    assert all(reason.startswith("Kafka 未应答") for reason in seen.reasons)
    assert seen.status[0] == 3
    assert "relay:funds" in seen.status[1]
    assert seen.grew_mib < GREW_MIB
    assert seen.caught_up_s < 30
