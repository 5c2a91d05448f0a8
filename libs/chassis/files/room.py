"""Room on a disk: when it is nearly full nothing new begins, imports pause (product 7.18)."""

from __future__ import annotations

import shutil
from pathlib import Path

from libs.events.errors import EventsError

FULL_AT = 0.9
"""Of a disk."""


class DiskNearlyFullError(EventsError):
    title = "磁盘将满"


def require_room(folder: Path, instead: str) -> None:
    """`instead`: what is not done now. Raises: DiskNearlyFullError."""
    disk = shutil.disk_usage(folder)
    used = disk.used / (disk.used + disk.free)
    if used >= FULL_AT:
        raise DiskNearlyFullError(f"磁盘已用 {used:.0%}，达到 {FULL_AT:.0%}：{instead}")
