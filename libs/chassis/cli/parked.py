"""parked list, show, retry, skip: events whose effect waits, and what to do about them."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg

from libs.chassis.common_routes import cloud_event
from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores
from libs.events.canonical import canonical
from libs.events.contracts import BY_SERVICE
from libs.events.log import open_log
from libs.events.parking import Parked, hurry, listed, skipped
from libs.events.store import identity, read_after

Act = Callable[[argparse.Namespace, Stores, Sequence[Parked]], Awaitable[int]]


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("parked", help="parked list | show | retry | skip", description=__doc__)
    acts = noun.add_subparsers(required=True, metavar="act")
    for name, act, text in (
        ("list", _list, "what waits, since when, for what"),
        ("show", _show, "the events themselves, as their logs hold them"),
        ("retry", _retry, "try them now, and not after their pause"),
        ("skip", _skip, "never try one: it is recorded, with the reason"),
    ):
        verb = acts.add_parser(name, help=text, description=text)
        verb.add_argument("service", help="whose reactors or deliveries they wait for")
        verb.add_argument("--reader", help="policy.<name> or subscription.<id>")
        verb.add_argument("--key", type=UUID)
        verb.add_argument("--position", type=int, required=name == "skip")
        if name == "skip":
            verb.add_argument("--reason", required=True)
        verb.set_defaults(run=run, act=act)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 done, 1 when nothing of that kind is parked, 2 for a service that is none."""
    if arguments.service not in {service.name for service in services}:
        print(f"no such service: {arguments.service}")
        return 2
    return asyncio.run(perform(arguments, stores(settings)))


async def perform(arguments: argparse.Namespace, reached: Stores) -> int:
    connection = await asyncpg.connect(**reached.app(arguments.service))
    try:
        wanted = (arguments.reader, arguments.key, arguments.position)
        rows = await listed(connection, *wanted)
    finally:
        await connection.close()
    act: Act = arguments.act
    if not rows:
        print("nothing is parked")
        return 0 if act is _list else 1
    return await act(arguments, reached, rows)


async def _list(_: argparse.Namespace, __: Stores, rows: Sequence[Parked]) -> int:
    for row in rows:
        print(
            f"{row.reader}  {row.source}:{row.position}  key {row.key}"
            f"  since {row.parked_at:%FT%T%z}  tried {row.attempts}  again {row.next_at:%FT%T%z}"
            f"  {row.reason}"
        )
    return 0


async def _show(_: argparse.Namespace, reached: Stores, rows: Sequence[Parked]) -> int:
    for row in rows:
        connection = await asyncpg.connect(**reached.feed(row.source))
        try:
            store, _epoch = await identity(connection)
            found = await read_after(connection, store, row.position - 1, 1)
        finally:
            await connection.close()
        print(canonical(cloud_event(row.source, found[0])).decode())
    return 0


async def _retry(arguments: argparse.Namespace, reached: Stores, rows: Sequence[Parked]) -> int:
    connection = await asyncpg.connect(**reached.app(arguments.service))
    try:
        for row in rows:
            await hurry(connection, row)
    finally:
        await connection.close()
    print(f"{len(rows)} are tried as soon as the worker looks")
    return 0


async def _skip(arguments: argparse.Namespace, reached: Stores, rows: Sequence[Parked]) -> int:
    """One event of one reader: several at once are several decisions."""
    if len(rows) > 1:
        print(f"{len(rows)} readers wait for it: name one by --reader")
        return 1
    address = reached.app(arguments.service)
    async with open_log(arguments.service, address, BY_SERVICE[arguments.service]) as log:
        await skipped(log, rows[0], arguments.reason)
    print(f"skipped {rows[0].source}:{rows[0].position} of {rows[0].reader}")
    return 0
