"""The embedded default: PostgreSQL, one API process and one worker, as children of this one.

A child that dies is started again, after a pause that grows; one that keeps dying ends the whole
tree. Whatever was killed, the log and the cursors hold what was done.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from . import postgres
from .broker import QUICK, SMALL, Broker, BrokerError, start
from .installation import write_address
from .kin import follows_us
from .migrate import passwords
from .service import Service
from .settings import Settings
from .stores import roles, set_up

SHORT_LIFE_S = 1.5
PATIENCE = 12
"""Short lives of one child in a row after which the tree gives up."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 2.0
ROOT = Path(__file__).resolve().parents[2]

log = structlog.get_logger()


class GaveUpError(Exception):
    """A child kept dying; the message names it."""


@dataclass
class Child:
    """One process of the tree and how many short lives it had in a row."""

    name: str
    short_lives: int = 0

    def died(self, lived_s: float) -> float:
        """Seconds to wait before the next start. Raises: GaveUpError."""
        self.short_lives = self.short_lives + 1 if lived_s < SHORT_LIFE_S else 0
        if self.short_lives > PATIENCE:
            raise GaveUpError(f"{self.name} died {self.short_lives} times in a row at once")
        return min(LAST_PAUSE_S, FIRST_PAUSE_S * (1 << self.short_lives))


@asynccontextmanager
async def cluster_of(
    settings: Settings, services: Sequence[Service]
) -> AsyncIterator[postgres.Cluster]:
    """The embedded server, its stores made and migrated, its address written for the others."""
    cluster = await postgres.start(settings.home / "postgres")
    async with cluster:
        known = passwords(settings.home, *roles(services))
        await set_up(cluster.address, known, services)
        write_address(settings.home, cluster)
        yield cluster


@asynccontextmanager
async def broker_of(settings: Settings) -> AsyncIterator[Broker]:
    """A broker of this home's own. Raises: BrokerError."""
    async with await start(settings.home / "kafka", settings=QUICK, memory=SMALL) as broker:
        yield broker


async def supervise(
    settings: Settings,
    cluster: postgres.Cluster,
    stop: asyncio.Event,
    broker: Broker | None = None,
) -> None:
    """Keep the API, the worker and PostgreSQL running until `stop` is set; in Kafka mode the relay,
    and the broker if it is our own."""
    if broker is not None:
        settings = replace(settings, kafka=broker.bootstrap)
    verbs = ("serve", "work") if settings.kafka is None else ("serve", "work", "relay")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_keep_process(verb, settings)) for verb in verbs]
        tasks.append(group.create_task(_keep_server("postgres", cluster)))
        if broker is not None:
            tasks.append(group.create_task(_keep_server("kafka", broker)))
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _keep_server(name: str, server: postgres.Cluster | Broker) -> None:
    child, clock = Child(name), asyncio.get_running_loop().time
    began = clock()
    while True:
        code = await server.wait()
        log.error("child_died", child=child.name, exit=code)
        await asyncio.sleep(child.died(clock() - began))
        began = clock()
        try:
            await server.restart()
        except (postgres.ClusterError, BrokerError) as error:  # killed again before it answered
            log.error("child_not_started", child=child.name, error=str(error))


async def _keep_process(verb: str, settings: Settings) -> None:
    child, clock = Child(verb), asyncio.get_running_loop().time
    while True:
        began = clock()
        process = await _spawn(verb, settings)
        try:
            code = await process.wait()
        finally:
            await _end(process)
        log.error("child_died", child=child.name, exit=code)
        await asyncio.sleep(child.died(clock() - began))


async def _spawn(verb: str, settings: Settings) -> asyncio.subprocess.Process:
    environment = {**os.environ, **settings.environment()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", verb),
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        preexec_fn=follows_us(signal.SIGTERM),
    )
    log.info("child_started", child=verb, pid=process.pid)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()
