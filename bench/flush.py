"""The disk under a measurement: how fast it flushes, and how it would be if it were slower."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .installation import temporary_home
from .rounds import Figure

FOR_S = 1.0
SOURCE = Path(__file__).with_name("slow_flush.c")


def probe(folder: Path, runs: int = 5) -> Figure:
    """Flushes a second of one block written again and again, as pg_test_fsync does it."""
    block = os.urandom(8192)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        return Figure(tuple(_flushes(file.fileno(), block) for _ in range(runs)))


def _flushes(file: int, block: bytes) -> float:
    count, began = 0, time.perf_counter()
    while (took_s := time.perf_counter() - began) < FOR_S:
        os.pwrite(file, block, 0)
        os.fdatasync(file)
        count += 1
    return count / took_s


@contextmanager
def slowed(added_ms: int) -> Iterator[Mapping[str, str]]:
    """An environment in which every flush of a program takes that much longer."""
    with temporary_home() as folder:
        library = folder / "slow_flush.so"
        subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True
        )
        library.chmod(0o755)
        yield {"LD_PRELOAD": str(library), "SLOW_FLUSH_US": str(added_ms * 1000)}
