"""The operator's verbs beside a running tree, and what they say when nothing runs."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from libs.chassis import healthy
from libs.chassis.cli import main
from libs.chassis.installation import stores
from libs.chassis.settings import Settings
from services.__main__ import SERVICES
from tests.journeys.tree import ROOT, running

VERBS = (
    ("status",),
    ("lag", "--json"),
    ("replay", "--redecide"),
    ("events", "tail", "funds"),
    ("clock", "--ahead-days", "45"),
)


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="suyuan-stopped-") as name:
        yield Path(name)


async def exits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit code of every verb, each on a loop of its own, as the command line runs it."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return [await asyncio.to_thread(main, SERVICES, verb) for verb in VERBS]


async def until_well(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has just begun is not well before each of its readers has met its head once;
    `status` says so, as it should."""
    async with asyncio.timeout(60):
        while any(await exits(settings, monkeypatch) + await checks(settings)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.5)


async def checks(settings: Settings) -> list[int]:
    """What a container's runtime would be told of the API and of the worker."""
    asked = [(verb, "funds") for verb in ("serve", "work")]
    return [await asyncio.to_thread(healthy.main, one, settings.environment()) for one in asked]


async def test_a_stopped_system_is_told_as_such_by_every_verb(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(home) as tree:
        await until_well(tree.settings, monkeypatch)
        connection = await asyncpg.connect(**stores(tree.settings).admin("funds"))
        assert (await connection.fetchval("SELECT ahead FROM es.store")).days == 45
        await connection.close()
        capsys.readouterr()
        assert await checks(tree.settings) == [0, 0]
        assert capsys.readouterr().out == "healthy\n" * 2

    told = f"PostgreSQL is not running in {home}\n"
    assert await exits(tree.settings, monkeypatch) == [3] * len(VERBS)
    assert capsys.readouterr() == (told * len(VERBS), "")
    assert await checks(tree.settings) == [1, 1]
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "work", "funds"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await worker.communicate() == (told.encode(), b"")
    assert worker.returncode == 3

    (home / "server.json").unlink()
    capsys.readouterr()
    assert await exits(tree.settings, monkeypatch) == [3] * len(VERBS)
    assert capsys.readouterr() == (f"no installation in {home}\n" * len(VERBS), "")
