"""Callers of a running tree: commands one after the other, each until it is acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.journeys.tree import Tree
from tests.journeys.wire import Reply, Wire

CALLERS = 12
DAY = "2020-03-16"
Command = tuple[str, dict[str, Any]]
"""Path and body."""


@dataclass
class Load:
    """What the callers did: the acknowledged answer of every key."""

    tree: Tree
    wires: list[Wire]
    area: str
    lots: list[str]
    projects: list[str]
    pause_s: float = 0.0
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    bodies: dict[str, Command] = field(default_factory=dict)
    resent: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """All callers, until `stop` is set and each has its last answer."""
        async with asyncio.TaskGroup() as group:
            for number in range(len(self.wires)):
                group.create_task(self._call(number, stop))

    async def _call(self, number: int, stop: asyncio.Event) -> None:
        sent = 0
        while not stop.is_set():
            key = f"load-{number}-{len(self.answers)}-{sent}"
            self.bodies[key] = self._command(number, sent)
            got = await self._acknowledged(self.wires[number], key)
            self.answers[key] = got.status, got.body
            sent += 1
            await asyncio.sleep(self.pause_s)

    def _command(self, number: int, sent: int) -> Command:
        """Mostly money; now and then on the lot of another caller, or of another service."""
        if sent % 8 == 7:
            return "/api/v1/households/areas", village(self.area, number, len(self.bodies))
        lot = self.lots[(number + (sent % 5 == 0)) % len(self.lots)]
        return f"/api/v1/funds/lots/{lot}/allocations", allocation(self.projects[number])

    async def _acknowledged(self, wire: Wire, key: str) -> Reply:
        """Sent as often as it takes."""
        path, body = self.bodies[key]
        while True:
            try:
                got = await wire.post(path, body, key)
            except (OSError, EOFError):
                assert self.tree.process.returncode is None, "the whole tree ended"
            else:
                if got.status < 500:
                    return got
            self.resent += 1
            await asyncio.sleep(0.2)

    async def again(self) -> None:
        """Every acknowledged key gets its first answer, byte for byte."""
        keys = list(self.answers)
        shares = [keys[number :: len(self.wires)] for number in range(len(self.wires))]
        await asyncio.gather(*map(self._again, self.wires, shares))

    async def _again(self, wire: Wire, keys: list[str]) -> None:
        for key in keys:
            got = await self._acknowledged(wire, key)
            assert (got.status, got.body) == self.answers[key]
            assert got.headers["idempotent-replay"] == "true"

    def close(self) -> None:
        for wire in self.wires:
            wire.close()


def allocation(project: str) -> dict[str, Any]:
    return {
        "project": project,
        "purpose": "relief",
        "amount": {"text": "0.01", "unit": "元"},
        "occurred_on": DAY,
    }


def village(parent: str, number: int, sent: int) -> dict[str, Any]:
    code = f"9{number:02}{sent:09}"
    return {
        "code": code,
        "name": f"村 {code}",
        "level": "village",
        "parent": parent,
        "valid_from": "2013-01-01",
        "occurred_on": DAY,
    }


async def prepared(tree: Tree, callers: int = CALLERS, pause_s: float = 0.0) -> Load:
    """One area, a lot without end and a project for each caller."""
    client = tree.client("steward", "clerk", "finance")
    area = await made(client, "households/areas", code="900001", name="测试区", level="county",
                      parent=None, valid_from="2013-01-01")  # fmt: skip
    client.headers["min-position"] = "households:2"
    letter = await made(client, "funds/documents", number="测财农〔2020〕1号", kind="funding",
                        title="测试", level="county", area=area, issued_on=DAY)  # fmt: skip
    lots = [await made(client, "funds/lots", **lot(area, letter, str(n))) for n in range(callers)]
    projects = [await made(client, "funds/projects", **project(area, n)) for n in range(callers)]
    for id_ in projects:
        await made(client, f"funds/projects/{id_}/library-entries")
    await client.aclose()
    token = tree.token("clerk", "steward")
    wires = [Wire(tree.settings.host, tree.settings.port, token) for _ in range(callers)]
    return Load(tree, wires, area, lots, projects, pause_s)


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
    sent, headers = {"occurred_on": DAY, **body}, {"idempotency-key": key}
    async with asyncio.timeout(30):
        while True:
            answer = await client.post(f"/api/v1/{path}", json=sent, headers=headers)
            if answer.status_code != 503:  # a copy that was just begun is not confirmed yet
                break
            await asyncio.sleep(0.2)
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_
