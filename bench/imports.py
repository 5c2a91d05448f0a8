"""How long does a roster of 100,000 rows take in a whole installation, and what do others notice?

A tree as an operator runs it; the worker is killed five times on the way. Beside it: the same file
read and nothing more. The API is asked the whole time: a list, and a command now and then.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from httpx import AsyncClient

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.writing import Column, Plan, write
from services.households.service import service as households
from tests.imports.desk import Desk
from tests.journeys.test_import_kills import SETTINGS, client, district
from tests.journeys.tree import Tree, running
from tests.sheets.torture import id_number

from .rounds import Figure, Goal

ROWS, SIZE, KILLS = 100_000, 4, 5
HEADS = (
    "户编号",
    "姓名",
    "证件号码",
    "与户主关系",
    "村编码",
    "登记日期",
    "电话",
    "开户银行",
    "银行账号",
)
ASKED_EVERY_S = 0.05


def rows() -> Sequence[Sequence[Any]]:
    """Households of four, of nobody."""
    made = []
    for n in range(ROWS):
        born = f"19{40 + n // 1000 % 50}{n // 50_000 + 1:02}{n % 28 + 1:02}"
        relation = "户主" if n % SIZE == 0 else "之子"
        number = id_number(born, n // 28 % 1000) if n % SIZE < 3 else None
        account = f"62000{n:014}" if n % SIZE == 0 else None
        bank = "演示农信社" if n % SIZE == 0 else None
        about = (f"K{n // SIZE:06}", f"演示{n}", number, relation, "900101001001")
        made.append((*about, date(2024, 3, 1), f"000{n:08}", bank, account))
    return made


def parsed(path: Path) -> float:
    """Rows a second of reading alone."""
    began = time.monotonic()
    with opened(path, path.name) as book:
        count = sum(1 for _ in book.rows(book.sheets[0]))
    return count / (time.monotonic() - began)


async def ask(wire: AsyncClient, until: asyncio.Event) -> list[float]:
    """Milliseconds of each answer."""
    took = []
    while not until.is_set():
        began = time.monotonic()
        (await wire.get("/areas")).raise_for_status()
        took.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(ASKED_EVERY_S)
    return took


async def watch(tree: Tree, desk: Desk, job: str) -> tuple[dict[str, Any], int, float]:
    """The job as it ended; how often its worker was killed, and the peak of its memory in MiB."""
    kills, at, peak = 0, 0, 0.0
    while True:
        told = await desk.job(job)
        peak = max(peak, peak_mib(tree.child("work")))
        if told["state"] not in ("queued", "running"):
            return told, kills, peak
        if kills < KILLS and told["reached"] > at + ROWS // (KILLS + 1):
            at = told["reached"]
            kills += tree.kill("work")
        await asyncio.sleep(0.5)


def peak_mib(pid: int | None) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(next(found, "0")) / 1024


async def measure() -> list[Goal]:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-bench-")))
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "roster.xlsx"
        texts = [Column(head, text=True) for head in HEADS]
        await asyncio.to_thread(write, file, [(Plan("花名册", texts), rows())])
        bare = await asyncio.to_thread(parsed, file)
        tree = await stack.enter_async_context(running(home))
        county: UUID = await district(tree, stack)
        clerk = await stack.enter_async_context(client(tree, "clerk"))
        other = await stack.enter_async_context(client(tree, "auditor"))
        desk = Desk(cast("Any", None), households, clerk)
        head = (await clerk.get("/health")).json()["head"]
        await clerk.get("/importers", params={"min_position": f"households:{head}"})
        content = file.read_bytes()
        prepared = await desk.prepare("roster", county, content, settings=SETTINGS)
        prepared.raise_for_status()
        done = asyncio.Event()
        asking = asyncio.create_task(ask(other, done))
        began = time.monotonic()
        job = (await desk.commit(prepared.json()["id"], "valid_rows")).json()["id"]
        told, kills, peak = await watch(tree, desk, job)
        seconds = time.monotonic() - began
        done.set()
        took = sorted(await asking)
    return _goals(told, kills, peak, (seconds, bare), took)


def _goals(
    told: dict[str, Any], kills: int, peak: float, speed: tuple[float, float], took: list[float]
) -> list[Goal]:
    seconds, bare = speed
    p99 = took[int(len(took) * 0.99)]
    print(f"import: {told['state']}, {told['counts']['accepted']:,} of {ROWS:,} rows accepted")
    print(f"  {ROWS / seconds:,.0f} rows/s in {seconds:.0f} s, worker killed {kills} times")
    print(f"  read alone: {bare:,.0f} rows/s; the import is {ROWS / seconds / bare:.3f} of it")
    print(f"  API meanwhile: p50 {statistics.median(took):.1f} ms, p99 {p99:.1f} ms of {len(took)}")
    print(f"  worker's peak memory {peak:.0f} MiB")
    taken = Figure((told["counts"]["accepted"] / ROWS,))
    return [
        Goal("imports: share of 100,000 rows taken once, worker killed 5 times", taken, 1.0),
        Goal("imports: API p99 meanwhile, ms", Figure((p99,)), 50, at_most=True),
        Goal("imports: worker's peak memory, MiB", Figure((peak,)), 400, at_most=True),
    ]
