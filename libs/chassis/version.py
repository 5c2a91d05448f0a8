"""Which release this is."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def version() -> str:
    """The version that pyproject.toml states; there is no packaging, the folder is the import."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    stated: str = tomllib.loads(project.read_text())["project"]["version"]
    return stated
