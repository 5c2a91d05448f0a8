"""The checker as an operator meets it: it runs in the worker, is seen at /invariants and in
`status`, and `check` says all of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.__main__ import SERVICES
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.journeys.loaded import broken
from tests.journeys.tree import ROOT, Tree, running

LOT = UUID(int=7)
PLANT = (
    "INSERT INTO view.balances (lot, purpose, project, account, place, amount_fen, postings)"
    " VALUES ($1, 'relief', $1, 'paid', 'payee', 5, 1)"
)
MEND = "UPDATE view.balances SET amount_fen = 0, postings = 0 WHERE lot = $1"


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-checker-") as name:
        async with running(Path(name)) as started:
            yield started


async def say(tree: Tree, *words: str) -> tuple[int | None, str]:
    """A verb of the command line on this home: its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", *words),
        cwd=ROOT,
        env={**os.environ, "SUYUAN_HOME": str(tree.settings.home)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def told(tree: Tree, service: str) -> dict[str, dict[str, Any]]:
    """GET /invariants, by name."""
    async with tree.client("auditor") as client:
        answer = await client.get(f"/api/v1/{service}/invariants")
    assert answer.status_code == 200, answer.text
    return {one["invariant"]: one for one in answer.json()["invariants"]}


async def until(tree: Tree, service: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """Wait until exactly these are broken, and all have been looked at."""
    async with asyncio.timeout(60):
        while True:
            found = await told(tree, service)
            looked = all(one["age_s"] is not None for one in found.values())
            if looked and {n for n, one in found.items() if one["counterexample"]} == names:
                return found
            await asyncio.sleep(0.2)


async def test_a_breach_is_seen_where_an_operator_looks_until_it_is_mended(tree: Tree) -> None:
    for service in SERVICES:
        found = await until(tree, service.name, set())
        assert {one["position"] for one in found.values()} <= {0, 1}
        assert found["positions_dense"]["position"] == found["positions_dense"]["head"] == 1
    code, said = await say(tree, "status")
    assert (code, "reporting: 14 invariants hold" in said) == (0, True), said

    reporting = await asyncpg.connect(**tree.stores.app("reporting"))
    await reporting.execute(PLANT, LOT)
    found = await until(tree, "reporting", {"lots_close", "totals_are_entries"})
    numbers = {"lot": str(LOT), "purpose": "relief", "amount_fen": 5}
    assert found["lots_close"]["counterexample"] == {"event": None, "numbers": numbers}
    code, said = await say(tree, "status")
    assert code == 3
    assert f"lots_close BROKEN (每笔资金每个用途合计为零) lot={LOT}" in said
    assert "python -m services check reporting" in said
    code, said = await say(tree, "status", "--json")
    assert (code, json.loads(said)["healthy"]) == (3, False)
    code, said = await say(tree, "check", "reporting", "households")
    assert code == 3
    assert f"lot={LOT} purpose=relief amount_fen=5" in said
    assert "households positions_dense          holds (1)" in said

    await reporting.execute(MEND, LOT)
    await reporting.close()
    await until(tree, "reporting", set())
    assert (await say(tree, "status"))[0] == 0
    assert (await say(tree, "check", "--again"))[0] == 0


async def test_a_case_with_one_fen_moved_in_its_log_is_named(copied: Installation) -> None:
    """The smallest change of an amount in a stored event, by whoever owns the server: the books of
    the lot no longer close. Put back, all holds again, as every journey ends."""
    change = (
        "UPDATE es.events SET payload = replace(payload::text, $1, $2)::json"
        " WHERE position = (SELECT min(position) FROM es.events WHERE type = 'LotRegistered')"
    )
    pool = (await copied.log(funds)).pool
    fen = await pool.fetchval(
        "SELECT payload->'movements'->0->>'amount_fen' FROM es.events"
        " WHERE type = 'LotRegistered' ORDER BY position LIMIT 1"
    )
    whole = f'"movements":[{{"amount_fen":{fen}'
    less = f'"movements":[{{"amount_fen":{int(fen) - 1}'
    await change_as_owner(copied, change, whole, less)
    first, *_ = await broken(copied.stores)
    assert first.startswith("funds lots_close 1-")
    assert f"'came_in_fen': {fen}, 'held_fen': {int(fen) - 1}" in first
    await change_as_owner(copied, change, less, whole)


async def change_as_owner(installation: Installation, change: str, *values: str) -> None:
    connection = await asyncpg.connect(
        **installation.admin(f"{installation.stores.prefix}funds"),
        server_settings={"session_replication_role": "replica"},
    )
    assert await connection.execute(change, *values) == "UPDATE 1"
    await connection.close()
