"""The same case on the embedded default: what the composed system must agree with."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx

from libs.chassis.auth import LocalIssuer
from libs.chassis.cases import Case
from libs.chassis.identity import local_issuer
from libs.chassis.loader import Door, Load
from libs.chassis.settings import Settings
from libs.chassis.supervise import cluster_of, supervise
from services.__main__ import SERVICES

from .figures import Figures, figures_of
from .shell import FailedError, say

WITHIN = timedelta(hours=1)
READY_S = 300


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def door(origin: str, issuer: LocalIssuer) -> AsyncIterator[Door]:
    """A client with tokens of an issuer: the same subjects wherever the case is loaded."""

    @cache
    def token(role: str) -> str:
        return issuer.token(f"case-{role}", (role,), "case", None, WITHIN)

    async with httpx.AsyncClient(base_url=origin, timeout=60) as client:
        sources = {service.name: service.sources for service in SERVICES}
        yield Door(client, token, sources)


async def ready(through: Door) -> None:
    """Returns as soon as every service answers. Raises: FailedError."""
    give_up = time.monotonic() + READY_S
    while not await _answering(through):
        if time.monotonic() > give_up:
            raise FailedError(f"no answer within {READY_S} s")
        await asyncio.sleep(0.1)


async def loaded(case: Case, through: Door) -> Load:
    """A case loaded as soon as every service answers."""
    await ready(through)
    load = Load(case, through)
    await load.run()
    return load


async def _answering(through: Door) -> bool:
    try:
        await through.heads()
    except httpx.HTTPError:
        return False
    return True


def embedded_figures(cases: Sequence[Case]) -> list[Figures]:
    """After each case, loaded one on top of the other, in a home of their own."""
    with tempfile.TemporaryDirectory(prefix="suyuan-compose-") as home:
        Path(home).chmod(0o711)  # the server is another user
        return asyncio.run(_figures(cases, Settings(home=Path(home), port=free_port())))


async def _figures(cases: Sequence[Case], settings: Settings) -> list[Figures]:
    stop = asyncio.Event()
    async with cluster_of(settings, SERVICES) as cluster, asyncio.TaskGroup() as group:
        group.create_task(supervise(settings, cluster, stop))
        try:
            async with door(settings.origin, local_issuer(settings)) as through:
                return [await _loaded(case, through) for case in cases]
        finally:
            stop.set()


async def _loaded(case: Case, through: Door) -> Figures:
    load = await loaded(case, through)
    say(f"embedded, case {case.name}: {load.requests} requests in {load.seconds:.1f} s")
    return await figures_of(load)
