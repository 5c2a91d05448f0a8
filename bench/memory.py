"""How much memory does an idle installation take?

PSS of the whole tree of `services run`, by process: shared pages are divided among those who share
them, so that the sum is what the machine would get back.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from libs.chassis.settings import Settings

from .installation import answering, free_port, process, temporary_home
from .rounds import Figure, Goal, show

SETTLED_AFTER_S = 5
SAMPLES = 5
KIB_A_MIB = 1024
TOTAL = "the whole tree"


def children() -> Mapping[int, list[int]]:
    """Process ids by parent."""
    found: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            found[int(parent)].append(int(stat.parent.name))
    return found


def tree(root: int) -> list[int]:
    below = children()
    found = [root]
    for pid in found:
        found += below.get(pid, [])
    return found


def name_of(pid: int) -> str:
    """`services serve` for a Python process of ours, `postgres` for any of the server's."""
    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    ours = re.search(r"-m (services \w+)", line)
    return ours[1] if ours else "postgres, all processes"


def proportional_mib(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) / KIB_A_MIB if found else 0.0


def taken(root: int) -> dict[str, float]:
    """MiB by name, and their sum."""
    found: dict[str, float] = defaultdict(float)
    for pid in tree(root):
        with suppress(OSError):
            found[name_of(pid)] += proportional_mib(pid)
    return {**found, TOTAL: sum(found.values())}


async def measure() -> list[Goal]:
    with temporary_home() as home:
        settings = Settings(home=home, port=free_port())
        with process(settings, "services", "run") as running:
            await answering(f"{settings.origin}/api/v1/funds/health")
            await asyncio.sleep(SETTLED_AFTER_S)
            samples = []
            for _ in range(SAMPLES):
                samples.append(taken(running.pid))
                await asyncio.sleep(1)
    found = {
        name: Figure(tuple(sample.get(name, 0.0) for sample in samples)) for name in samples[0]
    }
    show("memory of an idle installation", found, "MiB of PSS")
    return [Goal("MiB of an idle installation", found[TOTAL], 450, at_most=True)]
