"""python -m bench [name …]: measure, then say which goals were met.

Without a name all are measured but those that take long: peers and soak.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from libs.chassis import logs

from . import (
    append,
    areas,
    http,
    imports,
    lag,
    memory,
    peers,
    rebuild,
    relay,
    replay,
    sheets,
    soak,
    vault,
)
from .rounds import Goal

Measure = Callable[[], Awaitable[list[Goal]]]
QUESTIONS: Mapping[str, Measure] = {
    "append": append.measure,
    "areas": areas.measure,
    "http": http.measure,
    "imports": imports.measure,
    "lag": lag.measure,
    "memory": memory.measure,
    "rebuild": rebuild.measure,
    "relay": relay.measure,
    "replay": replay.measure,
    "sheets": sheets.measure,
    "vault": vault.measure,
    "peers": peers.measure,
    "soak": soak.measure,
}
ASKED_FOR = ("imports", "peers", "soak")
"""Minutes each, and peers come from npm: measured when named."""


async def measure(names: list[str]) -> list[Goal]:
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    return [goal for name in names for goal in await QUESTIONS[name]()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(QUESTIONS))
    names = parser.parse_args().names or [name for name in QUESTIONS if name not in ASKED_FOR]
    if strange := set(names) - set(QUESTIONS):
        parser.error(f"no such measurement: {', '.join(sorted(strange))}")
    logs.configure("bench", "warning")
    goals = uvloop.run(measure(names))
    print("\ngoals (median [min..max] of the rounds)")
    for goal in goals:
        print(f"  {goal}")


if __name__ == "__main__":
    main()
