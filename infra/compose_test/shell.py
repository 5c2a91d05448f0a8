"""Programs that are run, and what is said while they run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGAN = time.monotonic()


class FailedError(Exception):
    """A program or a promise failed; the message says which and what was said last."""


def say(text: str) -> None:
    """One line with the seconds since the beginning."""
    print(f"{time.monotonic() - BEGAN:7.1f} s  {text}", flush=True)  # noqa: T201 - it speaks to a person


def run(*words: str | Path, env: Mapping[str, str] | None = None, text: str | None = None) -> str:
    """What a program says on stdout. Raises: FailedError with the end of what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - Debian's programs and our own, found by name
            [str(word) for word in words],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise FailedError(f"{words[0]} is missing: infra/debian-packages.sh brings it") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise FailedError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{said}")
    return done.stdout
