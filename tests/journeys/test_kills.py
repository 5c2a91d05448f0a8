"""Kill -9 of the API, the worker and PostgreSQL under load: nothing lost, nothing doubled.

What was acknowledged is found; each key has one effect and one answer for ever; the read models'
totals are those of a fresh projection. Fixed budget; the seed is printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from tests.journeys.tree import CHILDREN, Tree, ready, running
from tests.journeys.wire import Wire

KILLS = 42
CALLERS = 24
BUDGET_S = 150
DAY = "2020-03-16"


@dataclass
class Load:
    """What the callers did: the acknowledged answer of every key."""

    tree: Tree
    wires: list[Wire]
    lots: list[str]
    projects: list[str]
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    bodies: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    resent: int = 0

    async def call(self, number: int, stop: asyncio.Event) -> None:
        """Send commands one after the other, each until it is acknowledged."""
        sent = 0
        while not stop.is_set():
            key = f"kill-{number}-{sent}"
            rival = sent % 5 == 0  # now and then on the lot of another caller
            lot = self.lots[(number + rival) % len(self.lots)]
            path = f"/api/v1/funds/lots/{lot}/allocations"
            self.bodies[key] = (path, allocation(self.projects[number]))
            self.answers[key] = await self.until_acknowledged(self.wires[number], key)
            sent += 1

    async def until_acknowledged(self, wire: Wire, key: str) -> tuple[int, bytes]:
        path, body = self.bodies[key]
        while True:
            try:
                got = await wire.post(path, body, key)
            except (OSError, EOFError):
                assert self.tree.process.returncode is None, "the whole tree ended"
            else:
                if got.status < 500:
                    return got.status, got.body
            self.resent += 1
            await asyncio.sleep(0.02)


def allocation(project: str) -> dict[str, Any]:
    return {
        "project": project,
        "purpose": "relief",
        "amount": {"text": "0.01", "unit": "元"},
        "occurred_on": DAY,
    }


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-kill-") as name:
        async with running(Path(name)) as started:
            yield started


async def prepared(tree: Tree) -> Load:
    """One area, a few lots without end, a project for each caller."""
    client = tree.client("steward", "clerk", "finance")
    area = await made(client, "households/areas", code="900001", name="测试区", level="county",
                      parent=None, valid_from="2013-01-01")  # fmt: skip
    client.headers["min-position"] = "households:2"
    letter = await made(client, "funds/documents", number="测财农〔2020〕1号", kind="funding",
                        title="测试", level="county", area=area, issued_on=DAY)  # fmt: skip
    lots = [await made(client, "funds/lots", **lot(area, letter, str(n))) for n in range(CALLERS)]
    projects = [await made(client, "funds/projects", **project(area, n)) for n in range(CALLERS)]
    for id_ in projects:
        await made(client, f"funds/projects/{id_}/library-entries")
    await client.aclose()
    token = tree.token("clerk")
    wires = [Wire(tree.settings.host, tree.settings.port, token) for _ in range(CALLERS)]
    return Load(tree, wires, lots, projects)


def lot(area: str, letter: str, batch: str) -> dict[str, Any]:
    amount = {"text": "10000"}
    return {
        "area": area,
        "level": "county",
        "year": 2020,
        "fund_name": "测试资金",
        "batch": batch,
        "document": letter,
        "amount": amount,
        "purposes": [{"purpose": "relief", "amount": amount}],
    }


def project(area: str, number: int) -> dict[str, Any]:
    name = f"项目 {number}"
    return {"area": area, "year": 2020, "name": name, "kind": "relief", "purpose": "relief"}


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> str:
    key = f"make-{path}-{body.get('batch', '')}-{body.get('name', '')}".encode().hex()[:200]
    answer = await client.post(
        f"/api/v1/{path}", json={"occurred_on": DAY, **body}, headers={"idempotency-key": key}
    )
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


@dataclass
class Killed:
    """How often each child died, and for how long the tree was whole in between."""

    children: Counter[str] = field(default_factory=Counter)
    whole_s: float = 0.0


async def kill_for_a_while(tree: Tree, chance: random.Random) -> Killed:
    """SIGKILL children at random moments of the load; now and then one that is just recovering."""
    killed = Killed()
    while killed.children.total() < KILLS:
        await ready(tree)
        began = time.monotonic()
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        killed.whole_s += time.monotonic() - began
        for _ in range(chance.choice((1, 1, 1, 2))):
            name = chance.choice(CHILDREN)
            killed.children[name] += tree.kill(name)
            await asyncio.sleep(chance.uniform(0, 0.3))
    return killed


async def test_kills_lose_and_double_nothing(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("SUYUAN_TEST_SEED", "20260316"))
    load = await prepared(tree)
    stop = asyncio.Event()
    async with asyncio.timeout(BUDGET_S), asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(load.call(number, stop))
        killed = await kill_for_a_while(tree, random.Random(seed))
        stop.set()
    rate = len(load.answers) / killed.whole_s
    told = f"seed {seed}, killed {dict(killed.children)}, {len(load.answers)} acknowledged"
    with capsys.disabled():
        print(f"\n{told}, {rate:.0f}/s while whole, {load.resent} sent again")  # noqa: T201
    assert rate >= 200
    await ready(tree)
    await same_answers_again(load)
    await one_effect_a_key(load)
    await caught_up(tree)
    await totals_are_those_of_a_fresh_projection(tree)
    for wire in load.wires:
        wire.close()


async def same_answers_again(load: Load) -> None:
    """Every acknowledged key gets its first answer, byte for byte."""

    async def again(wire: Wire, keys: list[str]) -> None:
        for key in keys:
            got = await wire.post(*load.bodies[key], key)
            assert (got.status, got.body) == load.answers[key]
            assert got.headers["idempotent-replay"] == "true"

    keys = list(load.answers)
    shares = [keys[number :: len(load.wires)] for number in range(len(load.wires))]
    await asyncio.gather(*map(again, load.wires, shares))


async def one_effect_a_key(load: Load) -> None:
    """As many allocations as accepted keys, each of one request; positions and versions dense."""
    connection = await asyncpg.connect(**load.tree.stores.app("funds"))
    effects = await connection.fetch(
        "SELECT metadata->>'request' AS request, count(*) AS n FROM es.events"
        " WHERE type = 'FundAllocated' GROUP BY 1"
    )
    dense = await connection.fetchrow("SELECT count(*) AS n, max(position) AS last FROM es.events")
    torn = await connection.fetchval(
        "SELECT count(*) FROM (SELECT 1 FROM es.events GROUP BY stream_id"
        " HAVING count(*) <> max(version)) AS gaps"
    )
    await connection.close()
    accepted = sum(status == 201 for status, _ in load.answers.values())
    assert {row["n"] for row in effects} == {1}
    assert len(effects) == accepted == len(load.answers)
    assert dense is not None
    assert dense["n"] == dense["last"]
    assert torn == 0


async def caught_up(tree: Tree) -> None:
    """Reporting has applied the whole log of funds."""
    funds = await asyncpg.connect(**tree.stores.feed("funds"))
    head = await funds.fetchval("SELECT max(position) FROM es.events")
    await funds.close()
    reporting = await asyncpg.connect(**tree.stores.app("reporting"))
    reached = "SELECT min(position) FROM es.cursors WHERE source = 'funds'"
    async with asyncio.timeout(60):
        while (await reporting.fetchval(reached) or 0) < head:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    await reporting.close()


async def totals_are_those_of_a_fresh_projection(tree: Tree) -> None:
    """Fold the log once more from the start, and compare with the kept sums."""
    funds = await asyncpg.connect(**tree.stores.feed("funds"))
    rows = await funds.fetch("SELECT payload::text AS payload FROM es.events ORDER BY position")
    await funds.close()
    fresh: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for movement in msgspec.json.decode(row["payload"]).get("movements", ()):
            fresh[movement["lot"], movement["from_account"]] -= movement["amount_fen"]
            fresh[movement["lot"], movement["to_account"]] += movement["amount_fen"]
    reporting = await asyncpg.connect(**tree.stores.app("reporting"))
    kept = await reporting.fetch(
        "SELECT lot::text AS lot, account, sum(amount_fen)::bigint AS fen FROM view.balances"
        " GROUP BY 1, 2"
    )
    await reporting.close()
    assert {(row["lot"], row["account"]): row["fen"] for row in kept if row["fen"]} == {
        key: fen for key, fen in fresh.items() if fen
    }
