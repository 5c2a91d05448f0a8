"""A whole installation as an operator runs it: one process tree, its children to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx

from libs.chassis import installation
from libs.chassis.identity import local_issuer
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores
from tests.journeys.loaded import broken

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = ("serve", "work", "postgres")


@dataclass
class Tree:
    """The running tree and how to reach and hurt it."""

    settings: Settings
    process: asyncio.subprocess.Process

    @property
    def stores(self) -> Stores:
        return installation.stores(self.settings)

    def token(self, *roles: str, area: UUID | None = None) -> str:
        issuer = local_issuer(self.settings)
        return issuer.token("tester", roles, "bureau", area, timedelta(hours=1))

    def client(self, *roles: str, area: UUID | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.token(*roles, area=area)}"}
        return httpx.AsyncClient(
            base_url=self.settings.origin, headers=headers, timeout=httpx.Timeout(10)
        )

    def child(self, name: str) -> int | None:
        """The pid of a child by its verb, of the postmaster or of the broker; None while it is
        down."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and _parent(folder) == self.process.pid:
                words = _words(folder)
                if words and _name(words) == name:
                    return int(folder.name)
        return None

    def kill(self, name: str, number: int = signal.SIGKILL) -> bool:
        """Send a child a signal; False when it is down already."""
        pid = self.child(name)
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    async def said(self, *verb: str) -> tuple[int, str]:
        """Exit code and output of a verb of the command line, asked beside the tree."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", *verb),
            cwd=ROOT,
            env={**os.environ, **self.settings.environment()},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()


def _parent(folder: Path) -> int | None:
    try:
        status = (folder / "status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid"))


def _words(folder: Path) -> list[str]:
    try:
        return (folder / "cmdline").read_text().strip("\0").split("\0")
    except OSError:
        return []


def _name(words: list[str]) -> str:
    """A child that is not one of ours is known by its program."""
    program = Path(words[0]).name
    return {"postgres": "postgres", "java": "kafka"}.get(program, words[-1])


@asynccontextmanager
async def running(
    home: Path,
    *,
    kafka: bool = False,
    broker: str | None = None,
    webhooks: Path | None = None,
    **more: str,
) -> AsyncIterator[Tree]:
    """`python -m services run` on a home of its own, ready when every service answers. With `kafka`
    a broker is among its children; else `broker` may name one. `more` are further variables of its
    environment."""
    os.chmod(home, 0o711)  # noqa: S103 - the server runs as nobody and passes through
    settings = Settings(home=home, port=_free_port(), kafka=broker, webhooks=webhooks)
    verb = ("run", "--kafka") if kafka else ("run",)
    with (home / "run.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", *verb),
            cwd=ROOT,
            env={**os.environ, **settings.environment(), **more},
            stderr=log,
        )
    tree = Tree(settings, process)
    try:
        await ready(tree)
        yield tree
        if process.returncode is None and tree.child("postgres") is not None:
            await ready(tree)  # whoever was killed last has come back
            await sound(tree.stores)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)


async def sound(stores: Stores, timeout_s: int = 90) -> None:
    """All that must be so is. What a running checker met meanwhile (a relay that waited for its
    broker, a row that a test changed) goes when a whole round of it no longer does."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while found := await broken(stores):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(found)
        await asyncio.sleep(1)


async def ready(tree: Tree, timeout_s: int = 120) -> None:
    """Wait until all four services answer."""
    async with asyncio.timeout(timeout_s), httpx.AsyncClient() as client:
        for name in ("funds", "households", "assets", "reporting"):
            while not await _healthy(client, f"{tree.settings.origin}/api/v1/{name}/health"):
                if tree.process.returncode is not None:
                    raise RuntimeError((tree.settings.home / "run.log").read_text()[-2000:])
                await asyncio.sleep(0.05)


async def _healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
