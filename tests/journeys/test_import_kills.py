"""A roster taken by a worker that is killed five times: each row once, the same end (fault 18)."""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg
from httpx import AsyncClient

from services.households.service import service as households
from tests.imports.desk import Desk, sheet
from tests.journeys.tree import Tree, running
from tests.registry import area, made
from tests.sheets.torture import id_number

KILLS, HOUSEHOLDS, SIZE = 5, 1_200, 3
HEADS = ("户编号", "姓名", "证件号码", "与户主关系", "村编码", "登记日期", "电话")
SETTINGS = {"era": "linkage", "register_type": "monitored"}
COUNTED = """
SELECT type, count(*) AS n, count(DISTINCT stream_id) AS streams FROM es.events
 WHERE type IN ('PersonRegistered', 'HouseholdRegistered', 'ImportTaken') GROUP BY type
"""


def roster() -> bytes:
    rows: list[tuple[Any, ...]] = []
    for household in range(HOUSEHOLDS):
        for member in range(SIZE):
            n = household * SIZE + member
            born = f"19{40 + n % 50}{n // 50 % 12 + 1:02}{n // 600 % 28 + 1:02}"
            number = None if member == 2 else id_number(born, n % 999)  # a child has none yet
            relation = "户主" if member == 0 else "之子"
            village, day = "900101001001", date(2024, 3, 1)
            key, phone = f"K{household:06}", f"000{n:08}"
            rows.append((key, f"演示{n}", number, relation, village, day, phone))
    rows[7] = (*rows[7][:4], "900101999999", *rows[7][5:])
    return sheet(HEADS, *rows)


async def district(tree: Tree, stack: AsyncExitStack) -> UUID:
    steward = await stack.enter_async_context(client(tree, "steward"))
    county = await made(steward, "/areas", area("900101", "演示县", "county", None))
    town = await made(steward, "/areas", area("900101001", "演示镇", "township", county))
    await made(steward, "/areas", area("900101001001", "演示村", "village", town))
    return county


def client(tree: Tree, role: str) -> AsyncClient:
    headers = {"authorization": f"Bearer {tree.token(role)}"}
    base = f"{tree.settings.origin}{households.prefix}"
    return AsyncClient(base_url=base, headers=headers, timeout=60)


async def killed(tree: Tree, desk: Desk, job: str) -> int:
    """Kill the worker each time it has got a bit further, until enough; how often."""
    chance = random.Random(seed := random.randrange(2**32))
    print(f"import kills: seed {seed}")  # noqa: T201 - to be run again
    kills, at = 0, -1
    while True:
        told = await desk.job(job)
        if told["state"] not in ("queued", "running"):
            return kills
        if kills < KILLS and told["reached"] > at:
            at = told["reached"]
            await asyncio.sleep(chance.uniform(0, 0.3))
            kills += tree.kill("work")
        await asyncio.sleep(0.05)


async def test_fault_18_a_worker_killed_five_times_takes_each_row_once() -> None:
    async with AsyncExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-import-"))
        tree = await stack.enter_async_context(running(Path(home)))
        county = await district(tree, stack)
        clerk = await stack.enter_async_context(client(tree, "clerk"))
        desk = Desk(cast("Any", None), households, clerk)
        heads = await clerk.get("/health")
        params = {"min_position": f"households:{heads.json()['head']}"}
        assert (await clerk.get("/importers", params=params)).is_success
        prepared = await desk.prepare("roster", county, roster(), settings=SETTINGS)
        assert prepared.status_code == 201, prepared.text
        job = (await desk.commit(prepared.json()["id"], "valid_rows")).json()["id"]
        assert await killed(tree, desk, job) == KILLS
        told = await desk.job(job)
        assert (told["state"], told["error"]) == ("done", None)
        counts = told["counts"]
        assert (counts["read"], counts["rejected"]) == (HOUSEHOLDS * SIZE, SIZE)
        assert counts["accepted"] == (HOUSEHOLDS - 1) * SIZE
        connection = await asyncpg.connect(**tree.stores.app("households"))
        found = {row["type"]: (row["n"], row["streams"]) for row in await connection.fetch(COUNTED)}
        await connection.close()
        persons, registered = counts["accepted"], HOUSEHOLDS - 1
        assert found == {
            "PersonRegistered": (persons, persons),
            "HouseholdRegistered": (registered, registered),
            "ImportTaken": (1, 1),
        }
