"""The checkers of a process: one a service, beside its readers; and the same in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg

from libs.events.checker import Checker, checks_of
from libs.events.checks import Check
from libs.events.ending import end
from libs.events.examine import Finding, examine
from libs.events.loads import PLANNER
from libs.events.log import keep_session

from .feeds import Owners, open_feeds
from .service import Service
from .stores import Stores

# Looked up by the thousand, on tables that grow: the planner's trap of ADR 0002.
SESSION = {"jit": "off", **PLANNER}


def checks(service: Service, feeds: Owners) -> list[Check]:
    """Those of every log and those of the service; without feeds, to be told and not to be run."""
    return checks_of(service.invariants, {name: feed.at for name, feed in feeds.items()})


async def keep_checking(
    services: Sequence[Service], stores: Stores, stack: AsyncExitStack
) -> list[Checker]:
    """Start a checker of each service; they end with the stack, and never before."""
    feeds = _feeds(services, stores, stack)
    checkers = []
    for service in services:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                **stores.app(service.name),
                min_size=1,
                max_size=1,
                reset=keep_session,
                server_settings=SESSION,
                command_timeout=60,
            )
        )
        checkers.append(Checker(service.name, pool, service.contracts, checks(service, feeds)))
    running = [asyncio.create_task(checker.run()) for checker in checkers]
    stack.push_async_callback(end, *running)
    return checkers


async def examined(service: Service, stores: Stores) -> list[Finding]:
    """Everything of one service, from position 1, in the foreground; nothing is written."""
    async with AsyncExitStack() as stack:
        feeds = _feeds([service], stores, stack)
        connection = await asyncpg.connect(**stores.app(service.name), server_settings=SESSION)
        stack.push_async_callback(connection.close)
        return await examine(connection, service.contracts, checks(service, feeds))


def _feeds(services: Sequence[Service], stores: Stores, stack: AsyncExitStack) -> Owners:
    """The owners' logs, whatever way the readers take: what was seen is looked up there."""
    return open_feeds({source for service in services for source in service.sources}, stores, stack)
