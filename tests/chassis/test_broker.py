"""The embedded broker where it cannot run: a clear sentence and an exit code, never a skip."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis import broker

NEEDED = "Kafka needs a Java runtime: apt-get install default-jre-headless"


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="suyuan-java-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def said(home: Path, *verb: str) -> tuple[int | None, str]:
    """A verb of the command line on a machine whose PATH names no program."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {"PATH": "/nowhere", "SUYUAN_HOME": str(home), "SUYUAN_PORT": port}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", *verb),
        cwd=broker.ROOT,
        env={**os.environ, **told},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize(
    "verb",
    [("demo", "--kafka", "--exit"), ("run", "--kafka"), ("kafka",)],
    ids=lambda verb: verb[0],
)
async def test_without_java_the_run_fails_and_says_what_is_missing(
    home: Path, verb: tuple[str, ...]
) -> None:
    code, output = await said(home, *verb)
    assert code == 1, output
    assert NEEDED in output.splitlines()


async def test_a_broker_is_not_started_without_java_or_jars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the fixture of all tests over Kafka meets: they fail, none is skipped."""
    monkeypatch.setattr(broker, "JARS", tmp_path / "none")
    with pytest.raises(broker.BrokerError, match="make kafka"):
        await broker.start(tmp_path / "home")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(broker.BrokerError, match="Java runtime"):
        await broker.start(tmp_path / "home")
