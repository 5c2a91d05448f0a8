"""Does memory stay flat while a million events go through append and the readers?

The real API and worker. Events are appended by the writer that ships, from this process, while wrk
sends commands to the API; the worker's readers follow all of it. PSS of both processes is sampled;
the slope is that of the second half, when caches and pools have their size. Ends after a million
events or four minutes, whichever is first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from statistics import linear_regression

import asyncpg

from libs.events.contracts.funds import CONTRACTS
from libs.events.group_commit import GroupCommit
from libs.events.log import open_log
from libs.events.store import Ready

from .http import COMMANDS, Target, prepared
from .installation import Installation, installed, process, until
from .memory import TOTAL, taken
from .requests import requests
from .rounds import Figure, Goal, show

EVENTS, A_REQUEST, CALLERS = 1_000_000, 5, 32
AT_MOST_S = 240
SAMPLE_S = 2
MILLION = 1_000_000
HEAD = "SELECT coalesce(max(position), 0) FROM es.events"
APPLIED = "SELECT min(position) FROM es.cursors WHERE source = 'funds'"


@dataclass
class Soak:
    """What was seen of one process: (events applied, MiB)."""

    pid: int
    samples: list[tuple[int, float]] = field(default_factory=list)

    def sample(self, applied: int) -> None:
        self.samples.append((applied, taken(self.pid)[TOTAL]))

    def second_half(self) -> list[tuple[int, float]]:
        return self.samples[len(self.samples) // 2 :]

    def slope(self) -> float:
        """MiB an event."""
        events, mib = zip(*self.second_half(), strict=True)
        return linear_regression(events, mib).slope

    def growth(self) -> float:
        """MiB from the first to the last of them, by the slope: one sample may lie anywhere."""
        events = [applied for applied, _ in self.second_half()]
        return self.slope() * (events[-1] - events[0])


async def append(writer: GroupCommit, stop: Callable[[], bool]) -> None:
    """Append events through the writer until told, or until there are enough."""
    ready: Iterator[Ready] = islice(requests(events=A_REQUEST), EVENTS // A_REQUEST)

    async def caller() -> None:
        for request in ready:
            await writer.append(request)
            if stop():
                return

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def command(target: Target, stop: Callable[[], bool]) -> int:
    """Send commands until told; how many were accepted."""
    accepted = 0
    for run in count():
        if stop():
            break
        accepted += (await target.load(8, f"soak-{run}")).accepted
    return accepted


async def soak(installation: Installation, target: Target, soaks: list[Soak]) -> tuple[int, int]:
    """(events applied by the reader that is furthest behind, commands accepted)."""
    began, over = time.monotonic(), asyncio.Event()
    funds = await asyncpg.connect(**installation.stores.app("funds"))
    reporting = await asyncpg.connect(**installation.stores.app("reporting"))

    def stop() -> bool:
        return over.is_set() or time.monotonic() - began > AT_MOST_S

    async def sampling() -> None:
        while True:
            applied = await reporting.fetchval(APPLIED)
            for one in soaks:
                one.sample(applied or 0)
            await asyncio.sleep(SAMPLE_S)

    async def caught_up() -> bool:
        return bool(await reporting.fetchval(APPLIED) == await funds.fetchval(HEAD))

    async with open_log("funds", installation.stores.app("funds"), CONTRACTS) as log:
        samples = asyncio.create_task(sampling())
        commands = asyncio.create_task(command(target, stop))
        await append(log.writer, stop)
        over.set()
        accepted = await commands
        samples.cancel()
        await asyncio.gather(samples, return_exceptions=True)
    await until(caught_up)
    applied = await reporting.fetchval(APPLIED)
    await funds.close()
    await reporting.close()
    return applied, accepted


async def measure() -> list[Goal]:
    async with installed() as installation:
        with process(installation.settings, "services", "serve") as serve:
            area = await prepared(installation)
            url = installation.settings.origin + COMMANDS
            target = Target(url, area, installation.token("clerk"))
            with process(installation.settings, "services", "work") as work:
                soaks = {"services serve": Soak(serve.pid), "services work": Soak(work.pid)}
                applied, accepted = await soak(installation, target, list(soaks.values()))
    title = f"soak of {applied:,} events, {accepted:,} commands among them"
    seen = {name: Figure(tuple(m for _, m in one.second_half())) for name, one in soaks.items()}
    show(title, seen, "MiB of PSS in the second half")
    slopes = {name: Figure((one.slope() * MILLION,)) for name, one in soaks.items()}
    show("", slopes, "slope, MiB a million events")
    return [
        Goal(f"MiB that {name} grew by, second half", Figure((one.growth(),)), 5, at_most=True)
        for name, one in soaks.items()
    ]
