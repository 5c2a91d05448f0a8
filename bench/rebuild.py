"""How fast are all read models built anew, and for how long does a swap hold its readers?

The command as it ships: `python -m services rebuild`, a process a service, on the logs of a county
(bench/county.py), with the readers running. Events are counted once for each reader that covers
them, as readers read them: most read models want few of a log's types and pass over the rest in the
query. `decoded` are those that give rows. The time is from the beginning of the first build to the
moment at which the last one is fed, indexes included; the comparison comes after it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from libs.chassis.read_model import opened
from libs.events.store import head
from libs.events.swap import swap
from services.__main__ import SERVICES

from .county import Size, write
from .installation import ROOT, Installation, installed, process
from .rounds import Figure, Goal, show

ROUNDS = 3
Told = list[dict[str, Any]]


async def command(installation: Installation, *arguments: str) -> Told:
    """`rebuild …`, and what it says of each service. Raises: ValueError when it is refused."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "rebuild", "--json", *arguments),
        cwd=ROOT,
        env={**os.environ, **installation.settings.environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise ValueError(said.decode()[:2000])
    return [json.loads(line) for line in said.splitlines()]


async def applied(installation: Installation) -> None:
    """Cursors at the heads and one build in service: the state after years of reading."""
    for service in SERVICES:
        admin = await asyncpg.connect(**installation.stores.admin(service.name))
        for reader in service.every_reader:
            source = await asyncpg.connect(**installation.stores.feed(reader.source))
            at = await head(source)
            await source.close()
            await admin.execute(
                "INSERT INTO es.cursors (reader, source, epoch, position, leaf)"
                " VALUES ($1, $2, $3, $4, $5)",
                *(reader.name, reader.source, at.epoch, at.position, at.leaf),
            )
        await admin.close()
    for service in SERVICES:
        async with opened(service, installation.stores) as model:
            built = await model.build()
            await swap(  # unseen: what serves is empty
                model.connection,
                service.name,
                service.readers,
                built.number,
                digest=None,
                accepted=True,
                reason="bench",
            )
            await model.drop()


async def checked(installation: Installation) -> None:
    """The checker stands at the head of every log too; how long it takes is not asked here."""
    for service in SERVICES:
        admin = await asyncpg.connect(**installation.stores.admin(service.name))
        last = (await head(admin)).position
        stands = "SELECT min(nullif(position, 0)) FROM es.checks"
        while (await admin.fetchval(stands) or 0) < last:  # noqa: ASYNC110 - in the database
            await asyncio.sleep(1)
        await admin.close()


def rate(told: Told, what: str) -> float:
    """Events a second over all services, from the first beginning to the last end."""
    began = [datetime.fromisoformat(one["began_at"]) for one in told]
    ended = [
        at + timedelta(milliseconds=one["took_ms"]) for at, one in zip(began, told, strict=True)
    ]
    events: int = sum(one[what] for one in told)
    return events / (max(ended) - min(began)).total_seconds()


async def measure() -> list[Goal]:
    async with installed() as installation:
        heads = await write(installation.stores, Size())
        print(f"\nlogs: {heads}")
        await applied(installation)
        covered, decoded, swaps = [], [], []
        with process(installation.settings, "services", "work"):
            await checked(installation)
            for _ in range(ROUNDS):
                told = await command(installation)
                covered.append(rate(told, "covered"))
                decoded.append(rate(told, "read"))
                swapped = await command(installation, "--swap")
                swaps.append(float(max(one["took_ms"] for one in swapped)))
                await command(installation, "--drop")
    figures = {
        "events covered by the readers of all read models": Figure(tuple(covered)),
        "of these decoded": Figure(tuple(decoded)),
    }
    show("rebuild of all read models, indexes included", figures, "events/s")
    show("swap, the slowest of the services", {"lock to commit": Figure(tuple(swaps))}, "ms")
    return [
        Goal("events/s rebuilding all read models", Figure(tuple(covered)), 150_000),
        Goal("ms that a swap takes", Figure(tuple(swaps)), 50, at_most=True),
    ]
