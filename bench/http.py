"""What does a command cost over HTTP, beside FastAPI that stores nothing?

The real processes: `services serve` as the demo runs it, and an app of the same shape (framework,
token, body, size of the answer) without a store. wrk sends each a command under a new key and with
a new natural key; the three share this machine's processors, as they do in a small office.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from .installation import (
    Installation,
    answering,
    free_port,
    installed,
    known_to,
    process,
    register_area,
)
from .rounds import Figure, Goal, Round, interleaved, show

ROUNDS = 5
FOR_S = 4
SCRIPT = Path(__file__).with_name("propose.lua")
COMMANDS = "/api/v1/funds/projects"


@dataclass(frozen=True)
class Loaded:
    """One run of wrk."""

    accepted: int
    per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Target:
    """Where to send commands to, and as whom."""

    url: str
    area: UUID
    token: str

    async def load(self, connections: int, run: str) -> Loaded:
        """Raises: ValueError when any command was not accepted."""
        environment = {**os.environ, "AREA": str(self.area), "TOKEN": self.token, "RUN": run}
        command = ("wrk", "-t1", f"-c{connections}", f"-d{FOR_S}s", "-s", str(SCRIPT), self.url)
        wrk = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await wrk.communicate()
        told = json.loads(said.decode().splitlines()[-1])
        if told["refused"]:
            raise ValueError(f"{self.url}: {told['refused']} commands were not accepted")
        accepted = told["requests"]
        return Loaded(accepted, accepted / told["s"], told["p50_ms"], told["p99_ms"])


async def prepared(installation: Installation) -> UUID:
    """The API answers and funds knows an area; the worker has ended, so that it takes no time."""
    origin = installation.settings.origin
    await answering(f"{origin}/api/v1/funds/health")
    with process(installation.settings, "services", "work"):
        async with httpx.AsyncClient() as client:
            area = await register_area(installation, client)
        await known_to(installation, area, "funds")
    return area


def rounds_of(targets: dict[str, Target], connections: int) -> tuple[dict[str, Round], Seen]:
    """A round a target, and what every run said beside its rate."""
    seen: Seen = {name: [] for name in targets}

    def one(name: str, target: Target) -> Round:
        async def round_() -> float:
            loaded = await target.load(connections, f"{connections}-{len(seen[name])}")
            seen[name].append(loaded)
            return loaded.per_s

        return round_

    return {name: one(name, target) for name, target in targets.items()}, seen


Seen = dict[str, list[Loaded]]
FULL, PLAIN = "command, stored", "FastAPI, nothing stored"


async def under(targets: dict[str, Target], connections: int) -> tuple[Figure, Figure]:
    """(stored / nothing stored, p99 of a stored command in ms) at so many connections."""
    rounds, seen = rounds_of(targets, connections)
    found = await interleaved(rounds, ROUNDS)
    show(f"http, {connections} connections", found, "commands/s")
    show("", {name: _of(runs, lambda run: run.p50_ms) for name, runs in seen.items()}, "p50 ms")
    p99 = {name: _of(runs, lambda run: run.p99_ms) for name, runs in seen.items()}
    show("", p99, "p99 ms")
    return found[FULL].per(found[PLAIN]), p99[FULL]


def _of(runs: list[Loaded], pick: Callable[[Loaded], float]) -> Figure:
    return Figure(tuple(pick(run) for run in runs[1:]))


async def measure() -> list[Goal]:
    async with installed() as installation:
        port, token = str(free_port()), installation.token("clerk")
        with (
            process(installation.settings, "services", "serve"),
            process(installation.settings, "bench.no_store", port),
        ):
            area = await prepared(installation)
            plain = f"http://127.0.0.1:{port}{COMMANDS}"
            await answering(f"http://127.0.0.1:{port}/api/v1/funds/health")
            stored = Target(installation.settings.origin + COMMANDS, area, token)
            targets = {FULL: stored, PLAIN: Target(plain, area, token)}
            at_64, _ = await under(targets, 64)
            at_16, p99_ms = await under(targets, 16)
    return [
        Goal("command / FastAPI without database, 64 connections", at_64, 0.6),
        Goal("command / FastAPI without database, 16 connections", at_16, 0.6),
        Goal("ms p99 of a command, 16 connections", p99_ms, 15, at_most=True),
    ]
