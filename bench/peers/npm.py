"""The peers that come from npm: installed beside their lock when first measured, used by path."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .work import LeftOutError

FOLDER = Path(__file__).with_name("node")
PACKAGES = FOLDER / "node_modules"


def installed() -> Path:
    """node_modules, as locked. Raises: LeftOutError without npm, node or the registry."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise LeftOutError(f"{program} is not installed")
    stamp = PACKAGES / ".package-lock.json"
    locked = FOLDER / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < locked.stat().st_mtime:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LeftOutError(f"npm ci failed:\n{done.stderr.strip()}")
    return PACKAGES
