"""GET /events: what it says it covered, it has shown (capability g5: I can prove no gap), at a cost
that does not grow with the log. GET /invariants: told from where the checker wrote it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from httpx import AsyncClient

from libs.chassis.common_routes import _EVENTS, _PREVIOUS
from libs.events.standing import _STANDINGS
from services.funds.service import service as funds
from tests.conftest import Installation

APPEND = (
    "INSERT INTO es.events SELECT position + 1, $1, 1, recorded_at, epoch, 1, 'Unheard', seen,"
    " salt, '{}', metadata FROM es.events ORDER BY position DESC LIMIT 1"
)


class Interrupted:
    """A pool in which another process appends an event after every query."""

    def __init__(self, pool: Any, append: Callable[[], Awaitable[None]]) -> None:
        self._pool, self._append = pool, append

    async def fetch(self, *asked: Any) -> Any:
        found = await self._pool.fetch(*asked)
        await self._append()
        return found

    async def fetchval(self, *asked: Any) -> Any:
        found = await self._pool.fetchval(*asked)
        await self._append()
        return found


async def test_an_event_appended_while_a_page_is_made_is_not_covered_unseen(
    installation: Installation,
) -> None:
    """Pages followed by `covered_to`, with appends between the queries of each: none is missed."""
    log = await installation.log(funds)
    auditor = await installation.client(funds, "auditor")
    pool = log.pool

    async def append() -> None:
        await installation.plant(funds, APPEND, uuid4())

    log.pool = Interrupted(pool, append)  # type: ignore[assignment]  # stands between the queries
    seen: list[int] = []
    after = 0
    for _ in range(5):
        asked: dict[str, int | str] = {"after": after, "types": "Unheard"}
        page = (await auditor.get("/events", params=asked)).json()
        seen += [event["position"] for event in page["events"]]
        after = page["covered_to"]
    log.pool = pool
    stored = await pool.fetch(
        "SELECT position FROM es.events WHERE type = 'Unheard' AND position <= $1 ORDER BY 1", after
    )
    assert len(stored) >= 8
    assert seen == [row["position"] for row in stored]


# --- a filter on a long log ------------------------------------------------------------------

LONG = """
INSERT INTO es.events
SELECT head.position + n, gen_random_uuid(), 1, recorded_at, epoch, 1,
       CASE WHEN n IN (1, 3, 6, $1, $1 + 1) THEN 'Rare' ELSE 'Unheard' END, seen, salt, '{}',
       metadata
  FROM (SELECT * FROM es.events ORDER BY position DESC LIMIT 1) head,
       generate_series(1, $1 + 1) n
"""
EVENTS = 200_000


@dataclass
class ScopedReader:
    """What a reader may conclude: it has covered the log to C and holds L as its last event."""

    covered: int = 0
    last: int | None = None
    gaps: list[int] = field(default_factory=list)

    def take(self, after: int, page: dict[str, Any]) -> None:
        for event in page["events"]:
            near = "none_since" in event and event["none_since"] <= self.covered + 1
            if not near and event.get("previous", -1) != self.last:
                self.gaps.append(event["position"])
            self.last = event["position"]
        if after == self.covered:
            self.covered = page["covered_to"]


@pytest.fixture
async def long(installation: Installation) -> Installation:
    """200,000 events of a type that nobody asks for; five rare ones at both ends."""
    await installation.plant(funds, LONG, EVENTS)
    await installation.plant(funds, "ANALYZE es.events")
    return installation


async def page(auditor: AsyncClient, **asked: int | str) -> dict[str, Any]:
    answer = await auditor.get("/events", params={"types": "Rare", **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_stands_before_is_said_or_since_when_there_is_nothing(
    long: Installation,
) -> None:
    auditor = await long.client(funds, "auditor")
    said = [
        {key: event[key] for key in ("position", "previous", "none_since") if key in event}
        for after in (0, 3, EVENTS - 10)
        for event in (await page(auditor, after=after))["events"]
    ]
    assert said == [
        {"position": 2, "previous": None},
        {"position": 4, "previous": 2},
        {"position": 7, "previous": 4},
        {"position": 4, "previous": 2},
        {"position": 7, "previous": 4},
        {"position": EVENTS + 1, "none_since": EVENTS - 10 - 5_000 + 1},
        {"position": EVENTS + 2, "previous": EVENTS + 1},
    ]


@pytest.mark.parametrize("limit", [1, 100])
async def test_a_reader_that_follows_every_page_proves_that_nothing_is_missing(
    long: Installation, limit: int
) -> None:
    """And one that a page, or an event of one, was kept from knows it."""
    auditor = await long.client(funds, "auditor")
    whole, robbed, skipped = ScopedReader(), ScopedReader(), ScopedReader()
    after, pages = 0, 0
    while True:
        asked = await page(auditor, after=after, limit=limit)
        if asked["covered_to"] == after:
            break
        whole.take(after, asked)
        if pages != 30:
            skipped.take(after, asked)
        without = [event for event in asked["events"] if event["position"] != 4]
        robbed.take(after, {**asked, "events": without})
        after, pages = asked["covered_to"], pages + 1
    assert pages >= EVENTS // 5_000
    assert (whole.last, whole.gaps) == (EVENTS + 2, [])
    assert robbed.gaps[0] == 7
    assert skipped.gaps == [EVENTS + 1]


async def test_a_page_of_a_long_log_costs_what_a_page_of_a_short_one_does(
    long: Installation,
) -> None:
    """Blocks read, where the only earlier event of the filter is 200,000 positions away."""
    pool = (await long.log(funds)).pool
    whole: int = await pool.fetchval("SELECT relpages FROM pg_class WHERE relname = 'events'")
    after, nothing = EVENTS - 10, None
    costs = [
        await blocks(pool, _PREVIOUS, after, ["Rare"], nothing, after - 5_000),
        await blocks(pool, _EVENTS, after, after + 5_000, ["Rare"], nothing, 100),
        await blocks(pool, _EVENTS, 10_000, 15_000, ["Rare"], nothing, 100),
    ]
    assert max(costs) < 1_000 < whole
    unbounded = await blocks(pool, _PREVIOUS, after, ["Rare"], nothing, 0)
    assert unbounded > 10 * max(costs)


async def blocks(pool: asyncpg.Pool, query: str, *values: Any) -> int:
    """How many blocks a query looks at."""
    said = await pool.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *values)
    (plan,) = json.loads(said)
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


# --- /invariants -----------------------------------------------------------------------------


async def test_invariants_are_told_without_a_look_at_the_log(long: Installation) -> None:
    pool = (await long.log(funds)).pool
    assert await blocks(pool, _STANDINGS) < 50
    auditor = await long.client(funds, "auditor")
    answered = await auditor.get("/invariants")
    told = {one["invariant"]: one for one in answered.json()["invariants"]}
    never = {"position": 0, "head": EVENTS + 2, "checked": 0, "age_s": None, "counterexample": None}
    assert told["lots_close"] == {
        "invariant": "lots_close",
        "title": "每笔资金每个用途：各账户不为负，合计等于到账与结转",
        **never,
    }
    times = []
    for _ in range(200):
        began = time.perf_counter()
        await auditor.get("/invariants")
        times.append(time.perf_counter() - began)
    assert sorted(times)[197] < 0.25  # 5 ms on an idle machine; a look at the log takes longer
