"""An installation in a temporary home: the embedded server, its stores, and the real processes."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from libs.chassis import postgres
from libs.chassis.identity import local_issuer
from libs.chassis.installation import stores, write_address
from libs.chassis.migrate import passwords
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores, roles, set_up
from services.__main__ import SERVICES

ROOT = Path(__file__).resolve().parents[1]
WITHIN_S = 30


@dataclass(frozen=True)
class Installation:
    """Where it lies and how its stores are reached."""

    settings: Settings
    cluster: postgres.Cluster

    @property
    def stores(self) -> Stores:
        return stores(self.settings)

    def token(self, *held: str) -> str:
        issuer = local_issuer(self.settings)
        return issuer.token("bench", held, "bureau", None, timedelta(hours=8))


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder that the server's user can enter."""
    with tempfile.TemporaryDirectory(prefix="suyuan-bench-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def installed(env: Mapping[str, str] | None = None) -> AsyncIterator[Installation]:
    """All stores, empty, with the settings that ship; `env` reaches PostgreSQL."""
    with temporary_home() as home:
        settings = Settings(home=home, port=free_port())
        async with await postgres.start(home / "postgres", env=env) as cluster:
            await set_up(cluster.address, passwords(home, *roles(SERVICES)), SERVICES)
            write_address(home, cluster)
            yield Installation(settings, cluster)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of this installation (`services serve`), ended with the block."""
    command = [sys.executable, "-m", *arguments]
    told = replace(settings, log_level="warning").environment()
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told})
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


async def answering(url: str) -> None:
    """Wait until something answers there. Raises: TimeoutError."""
    async with httpx.AsyncClient() as client:

        async def answers() -> bool:
            with suppress(httpx.TransportError):
                return (await client.get(url)).is_success
            return False

        await until(answers)


async def register_area(installation: Installation, client: httpx.AsyncClient) -> UUID:
    """A county, registered by a command like any other."""
    day = "2013-01-01"
    named = {"code": "530000", "name": "测试县", "level": "county", "parent": None}
    bearer = f"Bearer {installation.token('steward')}"
    done = await client.post(
        f"{installation.settings.origin}/api/v1/households/areas",
        json={**named, "valid_from": day, "occurred_on": day},
        headers={"idempotency-key": "area", "authorization": bearer},
    )
    done.raise_for_status()
    return UUID(done.json()["id"])


async def known_to(installation: Installation, area: UUID, *services: str) -> None:
    """Wait until the readers of these services have copied the area."""
    for service in services:
        connection = await asyncpg.connect(**installation.stores.app(service))
        found = (
            "SELECT EXISTS (SELECT FROM known.areas WHERE id = $1)"
            " AND bool_and(confirmed_at > 'epoch') FROM es.cursors WHERE reader = 'known'"
        )

        async def copied(connection: asyncpg.Connection = connection, found: str = found) -> bool:
            return bool(await connection.fetchval(found, area))

        try:
            await until(copied)
        finally:
            await connection.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again. Raises: TimeoutError."""
    give_up = time.monotonic() + WITHIN_S
    while not await holds():
        if time.monotonic() > give_up:
            raise TimeoutError
        await asyncio.sleep(0.05)
