"""GET /events: what it says it covered, it has shown (capability g5: I can prove no gap)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

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
