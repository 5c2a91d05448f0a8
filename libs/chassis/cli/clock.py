"""clock: how far a store lets the clock run ahead of its last event before it refuses to append."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "confirm the clock: let appends pass up to so many days after the last event"
    verb = verbs.add_parser("clock", help=text, description=text)
    verb.add_argument("--ahead-days", type=int, required=True, help="30 unless confirmed otherwise")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """Set the bound in every store; 2 for a bound that is none."""
    if arguments.ahead_days < 1:
        print("--ahead-days: at least 1")
        return 2
    asyncio.run(_set(settings, services, timedelta(days=arguments.ahead_days)))
    print(f"appends pass up to {arguments.ahead_days} days after the last event")
    return 0


async def _set(settings: Settings, services: Sequence[Service], ahead: timedelta) -> None:
    reached = stores(settings)
    for service in services:
        connection = await asyncpg.connect(**reached.admin(service.name))
        await connection.execute("UPDATE es.store SET ahead = $1", ahead)
        await connection.close()
