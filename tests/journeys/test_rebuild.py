"""Rebuild while everything runs: queries see no gap, commands go on, and there is a way back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from libs.chassis.cases import read_case
from libs.chassis.cli.rebuild import Ended, _in_processes
from libs.chassis.identity import local_issuer
from libs.chassis.loader import Door, Load
from libs.chassis.service import Service
from services.__main__ import SERVICES
from tests.journeys.load import Load as Callers
from tests.journeys.load import allocation, prepared
from tests.journeys.loaded import CASES
from tests.journeys.settled import caught_up
from tests.journeys.tree import Tree, running

ROOT = CASES.parents[1]
QUERIES = 1000
ASKING = 4
BUDGET_S = 240
NAMES = [service.name for service in SERVICES]


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-rebuild-") as name:
        async with running(Path(name)) as started:
            yield started


@dataclass
class Asked:
    """Questions about the case, put again and again, and what was wrong with any answer: commands
    meanwhile concern another area, so each must say the same every time."""

    client: httpx.AsyncClient
    area: str
    statement: str
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)

    def questions(self) -> list[str]:
        area = f"area={self.area}"
        lists = ("funds/lots", "funds/projects", "funds/documents", "funds/payments",
                 "households/areas", "households/organisations", "assets/assets",
                 "reporting/figures")  # fmt: skip
        figures = ("recv.total", "recv.upper", "recv.prov1")
        return [
            f"reporting/statements/{self.statement}?{area}",
            *(f"reporting/figures/{name}/value?{area}" for name in figures),
            *(f"{name}?{area}" for name in lists),
        ]

    async def ask(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for path in self.questions():
                await self.one(path)

    async def one(self, path: str) -> None:
        answer = await self.client.get(f"/api/v1/{path}")
        kind = path.partition("?")[0]
        self.answered[kind] += 1
        if answer.status_code != 200:
            self.failed.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
        elif not (said := held(answer.json())):
            self.empty.append(f"{kind}: {answer.text[:200]}")
        elif said != self.first.setdefault(kind, said):
            self.changed.append(f"{kind}: {answer.text[:200]}")


def held(body: dict[str, Any]) -> Any:
    """What an answer says of the case, its cut aside; empty when it says nothing."""
    if "lines" in body:
        return [(line["figure"], line["printed"], line["events"]) for line in body["lines"]]
    return body["items"] if "items" in body else body["raw"]


async def cli(tree: Tree, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """`rebuild …` as an operator runs it: its exit code and what it says, by service."""
    environment = {**os.environ, **tree.settings.environment()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "rebuild", *arguments, "--json"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    lines = [json.loads(line) for line in said.decode().splitlines()]
    assert process.returncode is not None
    return process.returncode, {line["service"]: line for line in lines}


async def append(callers: Callers, stop: asyncio.Event) -> None:
    """Allocations, one after the other, until the end."""
    sent = 0
    while not stop.is_set():
        key = f"rebuild-{sent}"
        path = f"/api/v1/funds/lots/{callers.lots[0]}/allocations"
        reply = await callers.wires[0].post(path, allocation(callers.projects[0]), key)
        callers.answers[key] = reply.status, reply.body
        sent += 1
        await asyncio.sleep(0.02)
    for wire in callers.wires:
        wire.close()


async def loaded(tree: Tree) -> tuple[str, str]:
    """Case 004; the area and the code of its statement."""
    case, issuer = read_case(CASES / "004"), local_issuer(tree.settings)

    def token(role: str) -> str:
        return issuer.token(f"demo-{role}", (role,), "demo", None, timedelta(hours=1))

    async with httpx.AsyncClient(base_url=tree.settings.origin, timeout=60) as client:
        load = Load(case, Door(client, token, {s.name: s.sources for s in SERVICES}))
        await load.run()
        await load.statement()
    return load.answers.at(f"{case.title.area}.id"), case.title.statement


async def all_steps(tree: Tree, swapped: list[int]) -> None:
    """Plan, build, swap, back, again, drop: each while the queries run."""
    assert (await cli(tree, "--plan", "funds"))[0] == 0
    code, told = await cli(tree)
    assert (code, [told[name]["equal"] for name in NAMES]) == (0, [True] * len(NAMES)), told
    for step in (["--swap"], ["--rollback", "--reason", "试"], ["--swap", "--reason", "again"]):
        code, told = await cli(tree, *step)
        assert (code, sorted(told)) == (0, sorted(NAMES)), told
        swapped += [told[name]["took_ms"] for name in NAMES]
    assert (await cli(tree, "--rollback"))[0] == 2
    assert (await cli(tree, "funds"))[0] == 1, "the one before is kept until it is dropped"
    assert (await cli(tree, "--drop"))[0] == 0


async def test_a_rebuild_under_queries_and_commands_is_not_seen(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    callers = await prepared(tree)
    area, statement = await loaded(tree)
    client = tree.client("auditor", "clerk", "finance", "steward")
    asked, stop, swapped = Asked(client, area, statement), asyncio.Event(), list[int]()
    async with client, asyncio.timeout(BUDGET_S), asyncio.TaskGroup() as group:
        for _ in range(ASKING):
            group.create_task(asked.ask(stop))
        group.create_task(append(callers, stop))
        await all_steps(tree, swapped)
        while asked.answered.total() < QUERIES:  # noqa: ASYNC110 - a count, and nothing to signal
            await asyncio.sleep(0.1)
        stop.set()
    told = f"{asked.answered.total()} queries, {len(callers.answers)} commands meanwhile"
    with capsys.disabled():
        print(f"\n{told}; swaps took {sorted(swapped)} ms")  # noqa: T201
    assert (asked.failed, asked.empty, asked.changed) == ([], [], [])
    assert {status for status, _ in callers.answers.values()} == {201}
    await caught_up(tree.stores, relays=False)
    for name in NAMES:
        assert await recorded(tree, name) == [(2, 1), (1, 2), (2, 1)]
    code, _ = await cli(tree, "reporting")
    assert code == 0, "what was fed beside is what a fresh build gives"


async def recorded(tree: Tree, service: str) -> list[tuple[int, int]]:
    """The swaps that the service's log tells: (generation, the one before)."""
    connection = await asyncpg.connect(**tree.stores.feed(service))
    rows = await connection.fetch(
        "SELECT payload::text FROM es.events WHERE type = 'GenerationSwapped' ORDER BY position"
    )
    await connection.close()
    facts = [json.loads(row["payload"]) for row in rows]
    return [(fact["generation"], fact["previous"]) for fact in facts]


async def test_one_changed_fen_is_named_on_the_command_line_and_not_swapped(tree: Tree) -> None:
    await loaded(tree)
    await caught_up(tree.stores, relays=False)
    admin = await asyncpg.connect(**tree.stores.admin("reporting"))
    at = await admin.fetchrow(
        "UPDATE view.movements SET amount_fen = amount_fen + 1 WHERE (position, n) ="
        " (SELECT position, n FROM view.movements ORDER BY 1, 2 LIMIT 1) RETURNING position, n"
    )
    await admin.close()
    assert at is not None
    code, told = await cli(tree, "reporting")
    assert (code, told["reporting"]["equal"]) == (1, False)
    (difference,) = told["reporting"]["differences"]
    assert difference["bucket"] == "funds 0"
    assert difference["key"] == {"source": "funds", "position": at["position"], "n": at["n"]}
    assert difference["written_by"][0]["event"] == f"1-{at['position']}"
    code, told = await cli(tree, "--swap", "reporting")
    assert code == 1
    assert str(at["position"]) in told["reporting"]["refused"]
    accept = ["--accept", told["reporting"]["digest"]]
    assert (await cli(tree, "--swap", *accept, "--reason", "核对"))[0] == 2
    assert (await cli(tree, "--swap", "reporting", *accept))[0] == 2
    assert (await cli(tree, "--swap", "reporting", *accept, "--reason", "核对"))[0] == 0


ON_A_DISK = """
import shutil, sys, types
from libs.chassis.cli import main
from services.__main__ import SERVICES
total, used = int(sys.argv[1]), int(sys.argv[2])
usage = types.SimpleNamespace(total=total, used=used, free=total - used)
shutil.disk_usage = lambda _: usage
sys.exit(main(SERVICES, ("rebuild", "reporting", "--json")))
"""


@pytest.mark.parametrize(("spare", "code", "built"), [(-1, 1, 0), (0, 0, 1)])
async def test_a_disk_that_a_build_would_fill_refuses_it(
    tree: Tree, spare: int, code: int, built: int
) -> None:
    """Nine tenths in use with the build on it is the limit; a byte more is told, and nothing is
    built."""
    total = 10 * 2**40
    _, planned = await cli(tree, "--plan", "reporting")
    used = total * 9 // 10 - 2 * planned["reporting"]["bytes"] - spare
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ON_A_DISK, str(total), str(used)),
        cwd=ROOT,
        env={**os.environ, **tree.settings.environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert (process.returncode, json.loads(said).get("fits", True)) == (code, code == 0)
    admin = await asyncpg.connect(**tree.stores.admin("reporting"))
    found = await admin.fetchval("SELECT count(*) FROM es.generations WHERE state = 'fed'")
    await admin.close()
    assert found == built


def test_a_build_whose_process_was_killed_is_told_and_the_others_end() -> None:
    def work(service: Service) -> Ended:
        if service.name == "households":
            os.kill(os.getpid(), signal.SIGKILL)
        return 0, {"service": service.name, "more": "x" * 200_000}

    ended = _in_processes(work, SERVICES)
    found = {told["service"]: (code, told.get("failed")) for code, told in ended}
    assert found == dict.fromkeys(NAMES, (0, None)) | {"households": (3, "process ended")}
