"""Deadlines in a whole installation whose worker is killed at one of them: each comes once, and the
one list of a person has them all, in order."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.events.clock import today
from tests.journeys.load import lot
from tests.journeys.test_effects import connected
from tests.journeys.tree import Tree, running
from tests.registry import area, made

LOTS = 12
TODAY, DAY = today(), timedelta(days=1)
OPENED = "SELECT count(*) FROM es.events WHERE type = 'TaskOpened'"


async def lots(tree: Tree) -> None:
    """Each by a letter of its own, one a day, the youngest 31 days ago."""
    async with tree.client("steward", "finance") as client:
        top = area("370112", "历城区", "county", None)
        county = str(await made(client, "/api/v1/households/areas", top))
        client.headers["min-position"] = "households:2"
        for nth in range(LOTS):
            letter = {"number": f"测财农〔2026〕{nth + 1}号", "kind": "funding", "title": "下达"}
            letter |= {
                "issued_on": str(TODAY - (31 + nth) * DAY),
                "area": county,
                "level": "county",
            }
            document = str(await made(client, "/api/v1/funds/documents", letter))
            await made(client, "/api/v1/funds/lots", lot(county, document, str(nth)))
        for of, key, values in (
            ("deadline", "lot_unallocated", {"days": 30, "basis": "预算法 52"}),
            ("live", "live", {"note": "测试"}),
        ):
            row = {"key": key, "valid_from": "2010-01-01", "values": values}
            body = {"set": of, "area": None, "row": row}
            await made(client, "/api/v1/funds/reference/rows", body)


async def test_a_worker_killed_at_a_deadline_acts_on_each_once() -> None:
    with tempfile.TemporaryDirectory(prefix="suyuan-due-") as name:
        async with running(Path(name)) as tree:
            await lots(tree)
            async with connected(tree.stores.app("funds")) as connection, asyncio.timeout(90):
                while not await connection.fetchval(OPENED):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.002)
                tree.kill("work")
                while await connection.fetchval(OPENED) < LOTS:  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.05)
                rows = await connection.fetch(
                    "SELECT payload->>'due_on' AS due_on, metadata->>'occurred_on' AS day"
                    " FROM es.events WHERE type = 'TaskOpened' ORDER BY position"
                )
                listed = await the_list(tree)
    days = [str(TODAY - (nth + 1) * DAY) for nth in reversed(range(LOTS))]
    assert [(row["due_on"], row["day"]) for row in rows] == [(day, day) for day in days]
    assert [item["due_on"] for item in listed] == days
    assert {item["overdue"] for item in listed} == {True}


async def the_list(tree: Tree) -> list[dict[str, Any]]:
    """When all have come to it."""
    async with tree.client("finance") as client:
        while True:
            items: list[dict[str, Any]] = (await client.get("/api/v1/reporting/my-tasks")).json()[
                "items"
            ]
            if len(items) >= LOTS:
                return items
            await asyncio.sleep(0.05)
