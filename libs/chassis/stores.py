"""The stores of an installation: made, migrated, opened for their first epoch, reached by role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg

from libs.events.contracts.log import EpochOpened
from libs.events.housekeeping import of_store
from libs.events.reactor import Reactor, install
from libs.events.store import APPEND, arguments, head, prepare, read_after

from .migrate import (
    FEED,
    MigrationError,
    SqlFile,
    Store,
    migrate,
    plan,
    prepare_store,
    read_sets,
)
from .postgres import SUPERUSER
from .vault.store import NAME as KEYS
from .vault.store import missing_migrations, set_up_keys
from .vault.store import role as keys_role

if TYPE_CHECKING:  # whoever only asks for an address need not load what serves HTTP
    from .service import Service

Address = Callable[[str, str, str], dict[str, Any]]
"""(database, user, password) -> asyncpg keywords."""
LOG_SQL = Path(__file__).resolve().parents[1] / "events" / "sql"


@dataclass(frozen=True)
class Stores:
    """How the roles reach the stores. `prefix` names one installation's databases."""

    address: Address
    passwords: Mapping[str, str]
    prefix: str = "suyuan_"

    def app(self, service: str) -> dict[str, Any]:
        """As the service itself: append, read, write its own views."""
        role = Store.of(service).app
        return self.address(self.prefix + service, role, self.passwords[role])

    def admin(self, service: str) -> dict[str, Any]:
        """As the superuser, on the store of a service: what only an operator does."""
        return self.superuser(self.prefix + service)

    def superuser(self, database: str) -> dict[str, Any]:
        """The same on any database of the server."""
        return self.address(database, SUPERUSER, self.passwords[SUPERUSER])

    def keys(self) -> dict[str, Any]:
        """The key database, as the processes that open the vault."""
        return self.address(self.prefix + KEYS, keys_role(), self.passwords[keys_role()])

    def feed(self, service: str) -> dict[str, Any]:
        """As a reader of its log: SELECT on the events, nothing else."""
        return self.address(self.prefix + service, FEED, self.passwords[FEED])


def roles(services: Sequence[Service]) -> list[str]:
    """The roles that log in and so need a password."""
    return [FEED, *(role for service in services for role in roles_of(service))]


def roles_of(service: Service) -> list[str]:
    """Those that a service's own processes hold, beside the feed's."""
    return [Store.of(service.name).app, *([keys_role()] if service.vault else [])]


async def set_up(
    admin: Callable[[str], dict[str, Any]],
    passwords: Mapping[str, str],
    services: Sequence[Service],
) -> None:
    """Make every store that is missing, migrate it, open its first epoch. Safe to repeat.

    `admin` gives asyncpg keywords of a superuser for a database. Raises: MigrationError.
    """
    if any(service.vault for service in services):
        await set_up_keys(admin, passwords)
    for service in services:
        store = await prepare_store(admin("postgres"), service.name, passwords)
        connection = await asyncpg.connect(**admin(store.database))
        try:
            await migrate(connection, store, _files(service))
            await open_first_epoch(connection, service)
        finally:
            await connection.close()
    for service in services:
        for reactor in service.every_reactor:
            if reactor.source in {one.name for one in services}:
                await _install(admin, service.name, reactor)


async def _install(admin: Callable[[str], dict[str, Any]], service: str, reactor: Reactor) -> None:
    """Its cursor at the head of its source, before anything runs that could move that head; a
    reactor whose source is set up elsewhere finds the head itself when it first runs."""
    source = await asyncpg.connect(**admin(Store.of(reactor.source).database))
    own = await asyncpg.connect(**admin(Store.of(service).database))
    try:
        at = await head(source)
        (last,) = await read_after(source, at.store, at.position - 1, 1)
        await install(own, reactor.reader, last)
    finally:
        await source.close()
        await own.close()


class NotMigratedError(MigrationError):
    """The store is older than this release; the process that sets it up must run first."""


async def require_migrated(stores: Stores, services: Sequence[Service]) -> None:
    """Raises: NewerStoreError, EditedMigrationError, NotMigratedError naming the files."""
    for service in services:
        connection = await asyncpg.connect(**stores.app(service.name))
        try:
            missing = await plan(connection, _files(service))
        finally:
            await connection.close()
        if missing:
            raise NotMigratedError(f"{service.name}: {', '.join(map(str, missing))}")
        if service.vault and (lacks := await missing_migrations(stores.keys())):
            raise NotMigratedError(f"{KEYS}: {', '.join(lacks)}")


def _files(service: Service) -> list[SqlFile]:
    return read_sets({"log": LOG_SQL, service.name: service.sql})


async def open_first_epoch(connection: asyncpg.Connection, service: Service) -> None:
    """A new store says so itself: position 1 of every log is its EpochOpened."""
    async with connection.transaction():
        store_id = uuid4()
        made = await connection.fetchval(
            "INSERT INTO es.store (store_id, epoch) VALUES ($1, 1)"
            " ON CONFLICT DO NOTHING RETURNING store_id",
            store_id,
        )
        if made is not None:
            opened = EpochOpened(
                store=store_id, epoch=1, service=service.name, reason="created", previous=None
            )
            asked = of_store(service.name, opened, store_id, actor="system", expected=0)
            ready = prepare(asked, service.contracts)
            await connection.fetch(APPEND, *arguments(1, [ready]))
