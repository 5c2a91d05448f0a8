"""How the feed role reaches the logs of all services."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

import asyncpg

from libs.events.feed import DirectFeed
from libs.events.group_commit import Connect

from .stores import Stores

Owners = Mapping[str, DirectFeed]
"""The logs of services by their names, a connection each, shared by all who follow them here."""


def open_feeds(sources: set[str], stores: Stores, stack: AsyncExitStack) -> dict[str, DirectFeed]:
    """Direct feeds that close with the stack."""
    feeds = {}
    for source in sorted(sources):
        feeds[source] = DirectFeed(source, connector(stores, source))
        stack.push_async_callback(feeds[source].close)
    return feeds


def connector(stores: Stores, source: str) -> Connect:
    """How the feed role reaches a source's store."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            **stores.feed(source), timeout=10, command_timeout=60, server_settings={"jit": "off"}
        )

    return connect
