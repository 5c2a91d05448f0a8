"""Tombstones: who was erased, in a file outside the databases and their backups.

Applied again at every start, so that a restored backup of the key database loses the keys again. A
line is a person's opaque id; a line cut short by a crash is passed over, since its erasure is not
done and is written again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from libs.chassis.migrate import sync_directory

FILE = "erased.txt"
LINE = 36


class DamagedTombstonesError(Exception):
    """The file holds a line that is no id; the message names the file and the line's number."""


def bury(folder: Path, subjects: Iterable[UUID]) -> None:
    """On disk when this returns. Begins a line of its own behind one that was cut short."""
    new = not (folder / FILE).exists()
    opened = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(opened, "".join(f"\n{subject}\n" for subject in subjects).encode())
        os.fsync(opened)
    finally:
        os.close(opened)
    if new:
        sync_directory(folder)


def buried(folder: Path) -> set[UUID]:
    """Raises: DamagedTombstonesError."""
    file = folder / FILE
    if not file.exists():
        return set()
    found = set()
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        if len(line) < LINE:  # blank, or cut short
            continue
        try:
            found.add(UUID(line))
        except ValueError:
            raise DamagedTombstonesError(f"{file}, line {number}, is no id") from None
    return found
