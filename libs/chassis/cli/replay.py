"""replay --redecide: decide every stored request again and compare with what was stored."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

import asyncpg

from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.events.redecide import Difference, redecide

from .processes import chosen


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "audit replay: run the rules again on every stored request"
    verb = verbs.add_parser("replay", help=text, description=text)
    verb.add_argument("--redecide", action="store_true", required=True)
    verb.add_argument("services", nargs="*")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 when every request gives the stored events again, 3 when one does not."""
    picked = chosen(arguments.services, services)
    return max(asyncio.run(_replay(settings, service)) for service in picked)


async def _replay(settings: Settings, service: Service) -> int:
    connection = await asyncpg.connect(**stores(settings).app(service.name))
    try:
        results = redecide(connection, service.contracts, service.every_decider)
        found = [difference async for difference in results]
    finally:
        await connection.close()
    different = [difference for difference in found if difference is not None]
    print(f"{service.name}: {len(found) - len(different)} of {len(found)} equal")
    for difference in different:
        print(_told(difference))
    return 3 if different else 0


def _told(difference: Difference) -> str:
    return (
        f"  {difference.command} {difference.request} at {difference.position}\n"
        f"    stored {difference.stored[:400]}\n    again  {difference.again[:400]}"
    )
