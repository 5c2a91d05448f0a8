"""events tail, get, export: the log of a service as it is stored, with digests to compare."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TextIO

import asyncpg

from libs.chassis.common_routes import cloud_event
from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.events.canonical import canonical
from libs.events.leaf import leaf
from libs.events.store import identity, read_after
from libs.events.types import Recorded

PAGE = 1000


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("events", help="events tail | get | export", description=__doc__)
    acts = noun.add_subparsers(required=True, metavar="act")
    tail = acts.add_parser("tail", help="the last events, one line each")
    tail.add_argument("service")
    tail.add_argument("--count", type=int, default=20)
    tail.set_defaults(run=run_tail)
    get = acts.add_parser("get", help="one event, whole")
    get.add_argument("service")
    get.add_argument("position", type=int)
    get.set_defaults(run=run_get)
    export = acts.add_parser("export", help="events as NDJSON, with the digest of their leaves")
    export.add_argument("service")
    export.add_argument("--from", dest="first", type=int, default=1)
    export.add_argument("--to", dest="last", type=int)
    export.add_argument("--file", type=Path, help="where to; without it standard output")
    export.set_defaults(run=run_export)


def run_tail(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    async def tail() -> None:
        connection = await asyncpg.connect(**stores(settings).feed(arguments.service))
        head = await connection.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
        store, _ = await identity(connection)
        for event in await read_after(
            connection, store, max(0, head - arguments.count), arguments.count
        ):
            print(f"{event.identity:>10}  {event.recorded_at.isoformat()}  {event.type}")
        await connection.close()

    asyncio.run(tail())
    return 0


def run_get(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    async def get() -> int:
        connection = await asyncpg.connect(**stores(settings).feed(arguments.service))
        store, _ = await identity(connection)
        found = await read_after(connection, store, arguments.position - 1, 1)
        await connection.close()
        if not found or found[0].position != arguments.position:
            print(f"no event at {arguments.position}")
            return 1
        shown = {**cloud_event(arguments.service, found[0]), "leaf": leaf(found[0]).hex()}
        print(canonical(shown).decode())
        return 0

    return asyncio.run(get())


def run_export(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    async def export(out: TextIO) -> None:
        digest, count = hashlib.sha256(), 0
        connection = await asyncpg.connect(**stores(settings).feed(arguments.service))
        async for event in _from(connection, arguments.first - 1, arguments.last):
            named = leaf(event)
            out.write(
                canonical({**cloud_event(arguments.service, event), "leaf": named.hex()}).decode()
            )
            out.write("\n")
            digest.update(named)
            count += 1
        await connection.close()
        print(f"{count} events, digest of leaves {digest.hexdigest()}", file=sys.stderr)

    if arguments.file is None:
        asyncio.run(export(sys.stdout))
    else:
        with arguments.file.open("w") as out:
            asyncio.run(export(out))
    return 0


async def _from(
    connection: asyncpg.Connection, after: int, last: int | None
) -> AsyncIterator[Recorded]:
    store, _ = await identity(connection)
    while page := await read_after(connection, store, after, PAGE):
        for event in page:
            if last is not None and event.position > last:
                return
            yield event
        after = page[-1].position


async def digest_of(connection: asyncpg.Connection) -> tuple[int, str]:
    """(events, digest of all leaves) of a log: what two copies of it are compared by."""
    digest, count = hashlib.sha256(), 0
    async for event in _from(connection, 0, None):
        digest.update(leaf(event))
        count += 1
    return count, digest.hexdigest()
