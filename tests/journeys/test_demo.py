"""`make demo` as a person runs it: from an empty folder to the statement, twice."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from libs.chassis.cases import read_case
from libs.chassis.cli.demo import MARK, NoDemoHomeError, demo_home
from libs.chassis.migrate import locked
from tests.journeys.loaded import CASES

ROOT = CASES.parents[1]
CASE = read_case(CASES / "900")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="suyuan-demo-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@dataclass(frozen=True)
class Ran:
    code: int
    said: str

    @property
    def logs(self) -> list[str]:
        return re.findall(r"^(\w+ +head +\d+  digest [0-9a-f]{64})$", self.said, re.MULTILINE)


async def demo(home: Path, case: Path, *options: str) -> Ran:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "SUYUAN_HOME": str(home), "SUYUAN_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "demo", "--exit", "--case", str(case), *options),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, said.decode())


async def test_a_second_demo_adds_nothing_and_a_wrong_figure_is_told(
    home: Path, tmp_path: Path
) -> None:
    first = await demo(home, CASES / "900")
    assert first.code == 0, first.said
    printed = [one for one in CASE.published if one.figure is not None]
    assert first.said.count("✓") == len(printed)
    assert "≠" not in first.said
    assert f"requests {CASE.requests}, replays 0, new events " in first.said
    assert CASE.title.banner in first.said
    assert "#token=" in first.said

    wrong = tmp_path / "900"
    shutil.copytree(CASES / "900", wrong)
    published = (wrong / "published.json").read_text()
    assert '"text": "87.577778"' in published
    changed = published.replace('"text": "87.577778"', '"text": "87.577779"')
    (wrong / "published.json").write_text(changed)
    second = await demo(home, wrong)
    assert second.code == 1, second.said
    assert second.said.count("≠") == 1
    assert f"requests {CASE.requests}, replays {CASE.requests}, new events 0" in second.said
    assert len(first.logs) == 4
    assert second.logs == first.logs


async def test_two_fresh_demos_end_at_the_same_heads(home: Path) -> None:
    """Whatever reacts to the load has reacted before the heads are shown."""
    runs = [await demo(home, CASES / "900", "--reset") for _ in range(2)]
    heads = [re.findall(r"^(\w+ +head +\d+)", run.said, re.MULTILINE) for run in runs]
    counts = [re.findall(r"new events \d+", run.said) for run in runs]
    assert len(heads[0]) == 4
    assert (heads[0], counts[0]) == (heads[1], counts[1])


def test_a_home_that_is_no_demo_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text("{}")
    with pytest.raises(NoDemoHomeError):
        demo_home(tmp_path, reset=True)
    assert (tmp_path / "passwords.json").exists()


def test_a_demo_in_use_is_not_reset(tmp_path: Path) -> None:
    home = demo_home(tmp_path / "demo", reset=False)
    (home / "postgres").mkdir()
    held = locked(home / "postgres" / "lock")
    assert held is not None
    with pytest.raises(NoDemoHomeError):
        demo_home(home, reset=True)
    assert (home / "postgres").exists()
    os.close(held)
    assert list(demo_home(home, reset=True).iterdir()) == [home / MARK]
