"""emmett 0.42: its PostgreSQL event store in a node process of its own, on its own database.

emmett makes the JSON of each event, which the others get ready. Its pool holds 10 connections
unless said; others are tried too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ..installation import Installation
from ..rounds import Round
from . import npm
from .work import database, facts

PER_SAVE = 100


@asynccontextmanager
async def rounds(installation: Installation) -> AsyncIterator[Mapping[str, Round]]:
    """Raises: LeftOutError."""
    npm.installed()
    await database(installation, "emmett")
    address = installation.cluster.dsn("emmett")
    (fact,) = facts(1)
    sample = {
        "type": fact.type,
        "payload": json.loads(fact.payload),
        "metadata": json.loads(fact.metadata),
    }
    node = await asyncio.create_subprocess_exec(
        *("node", "emmett.js", address, json.dumps(sample)),
        cwd=npm.FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield {
            "emmett, 1 caller": _appending(node, callers=1, saves=1_000),
            "emmett, 16 callers": _appending(node, callers=16, saves=4_000),
            "emmett, 64 callers": _appending(node, callers=64, saves=4_000),
            "emmett, 64 callers, 20 connections": _appending(
                node, callers=64, saves=4_000, pool=20
            ),
            f"emmett, 4 callers, {PER_SAVE} a save": _appending(
                node, callers=4, saves=100, a_save=PER_SAVE
            ),
        }
    finally:
        assert node.stdin is not None
        node.stdin.close()
        node.kill()
        await node.wait()


def _appending(
    node: asyncio.subprocess.Process, callers: int, saves: int, a_save: int = 1, pool: int = 10
) -> Round:
    """Events a second, timed in node."""
    asked = {"callers": callers, "saves": saves, "aSave": a_save, "pool": pool}

    async def round_() -> float:
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(json.dumps(asked).encode() + b"\n")
        said = await node.stdout.readline()
        if not said:
            raise ChildProcessError("emmett's process ended; its stderr says why")
        took_s: float = json.loads(said)["s"]
        return saves * a_save / took_s

    return round_
