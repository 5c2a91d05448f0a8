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
from .work import BATCH, cell, database, facts


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
            cell("emmett", 1): _appending(node, 1, 1_000),
            cell("emmett", 16): _appending(node, 16, 4_000),
            cell("emmett", 64): _appending(node, 64, 4_000),
            cell("emmett on 20 connections", 64): _appending(node, 64, 4_000, pool=20),
            cell("emmett", 4, BATCH): _appending(node, 4, 100, BATCH),
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
