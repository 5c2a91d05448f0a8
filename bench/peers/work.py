"""The work of all peers: one fact of funds, its metadata beside it, on a new stream each time.

Bytes are those of bench/requests.py, some 370 of payload and 400 of metadata, made before the clock
runs; only emmett makes its JSON itself. Ours stores each request with its key, hash, command, facts
and answer too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import asyncpg

from ..installation import Installation
from ..requests import requests
from ..rounds import Round

BATCH = 100
"""Events of one save, where many are saved at once."""


class LeftOutError(Exception):
    """A peer cannot be measured on this machine; the message says what is missing."""


class Fact(NamedTuple):
    """An event as text, for a stream that has none yet."""

    stream: UUID
    type: str
    payload: str
    metadata: str


def facts(count: int) -> Iterator[Fact]:
    for ready in islice(requests(), count):
        ((kind, _, payload),) = ready.events[0]
        yield Fact(ready.request.parts[0].stream, kind, payload, ready.metadata)


def cell(peer: str, callers: int, a_save: int = 1) -> str:
    """What a line of the table is called."""
    many = "s" if callers > 1 else ""
    return f"{peer}, {callers} caller{many}" + (f", {a_save} a save" if a_save > 1 else "")


class Save(Protocol):
    """One transaction that stores facts on one new stream, as caller number so-and-so."""

    async def __call__(self, caller: int, saved: list[Fact]) -> None: ...


def saving(save: Save, callers: int, count: int, a_save: int = 1) -> Round:
    """Events a second of tasks that save one after the other."""

    async def round_() -> float:
        ready = iter([list(facts(a_save)) for _ in range(count)])

        async def caller(number: int) -> None:
            for saved in ready:
                await save(number, saved)

        began = time.perf_counter()
        await asyncio.gather(*(caller(number) for number in range(callers)))
        return count * a_save / (time.perf_counter() - began)

    return round_


async def database(installation: Installation, name: str) -> dict[str, Any]:
    """A new database on the server that ours runs on; how to reach it as its superuser."""
    admin = await asyncpg.connect(**installation.cluster.address("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    return installation.cluster.address(name)
