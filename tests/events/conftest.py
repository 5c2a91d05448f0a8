"""Single stores for the tests of the log: one clone of a migrated database, reached in any role."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from libs.chassis import postgres
from libs.chassis.migrate import FEED, Store
from libs.events.feed import DirectFeed
from libs.events.log import Log, open_log
from tests.conftest import COPIED, Templates
from tests.events import planted

_numbers = itertools.count(1)
_OWNED = Store.of("funds")


@dataclass
class LogStore:
    """A cloned store. Connections and logs opened through it are closed with the test."""

    cluster: postgres.Cluster
    passwords: dict[str, str]
    database: str
    stack: AsyncExitStack = field(repr=False)

    def address(self, role: str = "app") -> dict[str, Any]:
        """asyncpg keywords as `app`, `feed` or `admin` (the superuser)."""
        if role == "admin":
            return self.cluster.address(self.database)
        name = _OWNED.app if role == "app" else FEED
        return self.cluster.address(self.database, name, self.passwords[name])

    async def connect(self, role: str = "app", **settings: str) -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(
            **self.address(role), server_settings=settings
        )
        self.stack.push_async_callback(connection.close, timeout=2)
        return connection

    async def log(self) -> Log:
        """A log over this store as a process of its own would open it."""
        opened = open_log("purses", self.address(), planted.CONTRACTS)
        return await self.stack.enter_async_context(opened)

    def feed(self, source: str = "purses") -> DirectFeed:
        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(**self.address("feed"))

        feed = DirectFeed(source, connect)
        self.stack.push_async_callback(feed.close)
        return feed

    async def execute(self, *statements: str) -> None:
        """As the superuser, on a connection of its own."""
        connection = await asyncpg.connect(**self.address("admin"))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()


NewStore = Callable[..., Awaitable[LogStore]]


@pytest.fixture
async def new_store(templates: Templates) -> AsyncIterator[NewStore]:
    """`await new_store()`: a fresh store; `await new_store(other)`: a copy of another one."""
    cluster, made = templates.cluster, list[str]()
    async with AsyncExitStack() as stack:

        async def clone(of: LogStore | None = None) -> LogStore:
            name = f"log{os.getpid()}_{next(_numbers)}"
            admin = await asyncpg.connect(**cluster.address("postgres"))
            source = _OWNED.database if of is None else of.database
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" {COPIED}')
            made.append(name)
            await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{_OWNED.app}", "{FEED}"')
            await admin.close()
            return LogStore(cluster, templates.passwords, name, stack)

        yield clone
    admin = await asyncpg.connect(**cluster.address("postgres"))
    for name in made:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
async def store(new_store: NewStore) -> LogStore:
    """A fresh store."""
    return await new_store()


@pytest.fixture
async def log(store: LogStore) -> Log:
    """The log of a fresh store, with its writer and its loads running."""
    return await store.log()
