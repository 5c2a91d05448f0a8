"""A real PostgreSQL for all tests; each test gets its own databases, cloned from migrated ones."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient

from libs.chassis import postgres
from libs.chassis.auth import LocalIssuer, OwnTokens, Verifier
from libs.chassis.erasing import Erasing
from libs.chassis.errand_tokens import ErrandTokens
from libs.chassis.files.store import FileStore, open_store
from libs.chassis.http import application
from libs.chassis.migrate import Store, passwords
from libs.chassis.service import Service
from libs.chassis.stores import Stores, roles, set_up
from libs.chassis.system_tokens import SystemTokens
from libs.chassis.vault.store import NAME as KEYS
from libs.chassis.vault.vault import Vault, open_vault
from libs.events.acting import Sources
from libs.events.feed import DirectFeed
from libs.events.log import Log, open_log
from libs.events.reactor import Reacting
from libs.events.reader import Reader, Reading
from services.__main__ import SERVICES
from tests.kafka import kafka, one_broker, own
from tests.loop import run_in_thread

__all__ = ["kafka", "one_broker", "own"]

_numbers = itertools.count(1)
# Nothing here outlives the session, and what must outlive a crash is tested on servers of its own.
SETTINGS = {"max_connections": "300", "fsync": "off", "full_page_writes": "off"}

ROOM = 4 << 30
"""Bytes: what the stores of a session may come to, write-ahead log and all."""
COPIED = "STRATEGY file_copy"
"""Of a clone: twice as fast as through the log where nothing waits for the disk."""


@dataclass
class Templates:
    """The running cluster with one migrated database a service, to be cloned."""

    cluster: postgres.Cluster
    passwords: dict[str, str]
    home: Path


def in_memory() -> Path | None:
    """A folder that lies in memory, where there is one with room: a clone takes a tenth of the time
    that it takes on a disk others write to."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of an unguessable name is made below it
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < ROOM:
        return None
    return memory


@pytest.fixture(scope="session")
def templates() -> Iterator[Templates]:
    """Started on a thread that lives as long as the session: the server goes down with it."""
    where = in_memory()
    with (
        tempfile.TemporaryDirectory(prefix="suyuan-test-", dir=where) as name,
        run_in_thread() as run,
    ):
        home = Path(name)
        home.chmod(0o711)
        cluster = run(postgres.start(home / "pg", port=0, settings=SETTINGS))
        known = passwords(home, *roles(SERVICES))
        run(set_up(cluster.address, known, SERVICES))
        yield Templates(cluster, known | {postgres.SUPERUSER: cluster.password}, home)
        run(cluster.stop())


@dataclass
class Installation:
    """Four stores of one test, and what is needed to use them."""

    stores: Stores
    admin: Callable[[str], dict[str, Any]]
    issuer: LocalIssuer
    folder: Path
    _stack: AsyncExitStack
    _vault: Vault | None = None
    _logs: dict[str, Log] = field(default_factory=dict)
    _files: dict[str, FileStore] = field(default_factory=dict)
    _feeds: dict[str, DirectFeed] = field(default_factory=dict)
    _readings: dict[tuple[str, str], Reading] = field(default_factory=dict)

    async def log(self, service: Service) -> Log:
        """The open log of a service, one a test."""
        if service.name not in self._logs:
            opened = open_log(service.name, self.stores.app(service.name), service.contracts)
            self._logs[service.name] = await self._stack.enter_async_context(opened)
        return self._logs[service.name]

    async def client(
        self,
        service: Service,
        *held: str,
        area: UUID | None = None,
        subject: str = "u1",
        webhooks: Sequence[str] = (),
    ) -> AsyncClient:
        """An HTTP client of one service, in process, with a token of the roles `held`."""
        log = await self.log(service)
        verifier = self.verifier(log)
        vault = await self.vault_of(service)
        files = self.files(service)
        app = application(service, log, verifier, webhooks, vault=vault, files=files)
        headers = {}
        if held:
            token = self.issuer.token(subject, held, "bureau", area, timedelta(hours=1))
            headers["authorization"] = f"Bearer {token}"
        transport = ASGITransport(app, raise_app_exceptions=False)
        client = AsyncClient(transport=transport, base_url="http://test", headers=headers)
        return await self._stack.enter_async_context(client)

    def verifier(self, log: Log) -> Verifier:
        """Whom a service of this installation believes."""
        people = OwnTokens(self.issuer.key_set, self.issuer.url)
        return Verifier(people, SystemTokens(log), ErrandTokens(self.services_key))

    @property
    def services_key(self) -> Path:
        return self.folder / "services.key"

    def files(self, service: Service) -> FileStore:
        """The files of a service, one store a test."""
        if service.name not in self._files:
            folder = self.folder / f"{self.stores.prefix}files"
            opened = open_store(folder, service.name, self.folder / "files.key")
            self._files[service.name] = opened
            self._stack.callback(opened.close)
        return self._files[service.name]

    async def vault_of(self, service: Service) -> Vault | None:
        """The vault of a service that has one."""
        return await self.vault() if service.vault else None

    async def vault(self) -> Vault:
        """The open vault, one a test; its database is made when it is first asked for."""
        if self._vault is None:
            await self._make_keys()
            opened = open_vault(self.stores.keys(), self.vault_folder)
            self._vault = await self._stack.enter_async_context(opened)
        return self._vault

    @property
    def vault_folder(self) -> Path:
        return self.folder / f"{self.stores.prefix}vault"

    async def _make_keys(self) -> None:
        store, name = Store.of(KEYS), self.stores.prefix + KEYS
        connection = await asyncpg.connect(**self.admin("postgres"))
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            made = f'CREATE DATABASE "{name}" TEMPLATE "{store.database}" {COPIED}'
            await connection.execute(made)
            await connection.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
            await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{store.app}"')
        await connection.close()

    async def erase(self, service: Service) -> None:
        """Let the erasing reader of a service do all there is."""
        log, own = await self.log(service), Sources.direct(self.feed(service.name))
        keys = (await self.vault()).store
        erasing = Erasing(own, log, service.contracts, keys, self.vault_folder)
        await erasing.catch_up()
        await erasing.row.lease.release()

    async def plant(self, service: Service, statement: str, *values: Any) -> None:
        """As the superuser, on a connection of its own: what the service itself may not do."""
        connection = await asyncpg.connect(**self.admin(self.stores.prefix + service.name))
        await connection.execute(statement, *values)
        await connection.close()

    def feed(self, source: str) -> DirectFeed:
        """The direct feed of a service's log."""

        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(**self.stores.feed(source))

        feed = DirectFeed(source, connect)
        self._stack.push_async_callback(feed.close)
        return feed

    async def reading(self, service: Service, reader: Reader) -> Reading:
        """One reader of a service, to be stepped or run."""
        source = next(s for s in SERVICES if s.name == reader.source)
        log = await self.log(service)
        if reader.source not in self._feeds:
            self._feeds[reader.source] = self.feed(reader.source)
        return Reading(reader, self._feeds[reader.source], log.pool, source.contracts)

    async def catch_up(self, *services: Service) -> None:
        """Let every reader of these services apply all there is; may be asked again."""
        for service in services or SERVICES:
            for reader in service.every_reader:
                key = (service.name, reader.lease)
                if key not in self._readings:
                    self._readings[key] = await self.reading(service, reader)
                await self._readings[key].catch_up()

    async def react(self, service: Service) -> None:
        """Let every reactor of a service answer all there is; one process at a time."""
        for reactor in service.every_reactor:
            source = next(s for s in SERVICES if s.name == reactor.source)
            sources, log = Sources.direct(self.feed(source.name)), await self.log(service)
            reacting = Reacting(reactor, sources, log, source.contracts, service.every_decider)
            await reacting.catch_up()
            await reacting.row.lease.release()


@pytest.fixture
async def installation(templates: Templates) -> AsyncIterator[Installation]:
    """Four fresh stores: databases cloned from the migrated templates."""
    prefix = f"t{os.getpid()}_{next(_numbers)}_"
    cluster = templates.cluster
    await clone(cluster, prefix)
    issuer = LocalIssuer(templates.home / "issuer.pem", "http://127.0.0.1/issuer")
    async with AsyncExitStack() as stack:
        stores = Stores(cluster.address, templates.passwords, prefix)
        yield Installation(stores, cluster.address, issuer, templates.home, stack)
    await drop(cluster, prefix)


async def clone(cluster: postgres.Cluster, prefix: str) -> None:
    admin = await asyncpg.connect(**cluster.address("postgres"))
    for service in SERVICES:
        store = Store.of(service.name)
        name = prefix + service.name
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{store.database}" {COPIED}')
        await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{store.app}", feed')
    await admin.close()


async def drop(cluster: postgres.Cluster, prefix: str) -> None:
    admin = await asyncpg.connect(**cluster.address("postgres"))
    for service in SERVICES:
        await admin.execute(f'DROP DATABASE "{prefix}{service.name}" WITH (FORCE)')
    await admin.execute(f'DROP DATABASE IF EXISTS "{prefix}{KEYS}" WITH (FORCE)')
    await admin.close()


Post = Callable[..., Awaitable[Any]]
