"""Cases loaded into stores of a test: the four services under one origin, their readers running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount

from libs.chassis.auth import LocalIssuer
from libs.chassis.cases import Case, compare
from libs.chassis.checking import examined
from libs.chassis.cli.events import digest_of
from libs.chassis.http import application
from libs.chassis.loader import Door, Load
from libs.chassis.migrate import Store
from libs.chassis.second_factor import SecondFactors
from libs.chassis.service import Service
from libs.chassis.stores import Stores
from libs.chassis.vault.keys import kept_keys
from services.__main__ import SERVICES
from tests.conftest import Installation, Templates, drop
from tests.packs import BELIEVED

CASES = Path(__file__).resolve().parents[1] / "cases"
LISTED = "https://receiver.example/hooks"
"""The one address that webhooks may be sent to."""
MIGRATED = ""
"""As the prefix to copy from: the empty stores, migrated and nothing more."""


@asynccontextmanager
async def copy(templates: Templates, of: str, prefix: str) -> AsyncIterator[Installation]:
    """Four stores copied from those of another prefix, which nobody uses meanwhile; at the end all
    that must be so is, and they are dropped."""
    await make(templates, of, prefix)
    try:
        async with opened(templates, prefix) as installation:
            yield installation
            assert await broken(installation.stores) == []
    finally:
        await drop(templates.cluster, prefix)


@asynccontextmanager
async def opened(templates: Templates, prefix: str) -> AsyncIterator[Installation]:
    """The four stores of a prefix."""
    async with AsyncExitStack() as stack:
        yield Installation(
            Stores(templates.cluster.address, templates.passwords, prefix),
            templates.cluster.address,
            LocalIssuer(templates.home / "issuer.pem", "http://127.0.0.1/issuer"),
            templates.home,
            stack,
        )


async def make(templates: Templates, of: str, prefix: str) -> None:
    """Four stores from those of another prefix."""
    admin = await asyncpg.connect(**templates.cluster.address("postgres"))
    for service in SERVICES:
        store = Store.of(service.name)
        original, name = f"{of}{service.name}" if of else store.database, prefix + service.name
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
        await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{store.app}", feed')
    await admin.close()


@asynccontextmanager
async def served(installation: Installation, *, readers: bool = True) -> AsyncIterator[Door]:
    """The door of an installation whose readers run, unless others do; they end with it."""
    folder = TemporaryDirectory(prefix="suyuan-factors-")
    keys = kept_keys(Path(folder.name) / "key", may_make=True)
    mounts = []
    for service in SERVICES:
        log, vault = await installation.log(service), await installation.vault_of(service)
        believed = installation.verifier(log)
        files = installation.files(service)
        app = application(
            service, log, believed, [LISTED], pack_keys=BELIEVED, vault=vault, files=files
        )
        app.state.second_factors = SecondFactors(log.pool, keys)
        app.state.feeds = {source: installation.feed(source) for source in service.sources}
        mounts.append(Mount(service.prefix, app))
    running = [
        asyncio.create_task((await installation.reading(service, reader)).run())
        for service in (SERVICES if readers else ())
        for reader in service.every_reader
    ]

    @cache
    def token(role: str) -> str:
        return installation.issuer.token(f"demo-{role}", (role,), "demo", None, timedelta(hours=1))

    transport = ASGITransport(Starlette(routes=mounts), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://case", timeout=60) as client:
        try:
            yield Door(client, token, {service.name: service.sources for service in SERVICES})
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            folder.cleanup()


async def load(case: Case, installation: Installation) -> tuple[Load, dict[str, Any]]:
    """Load a case and print its statement."""
    async with served(installation) as door:
        done = Load(case, door)
        await done.run()
        return done, await done.statement()


async def digests(installation: Installation) -> dict[str, tuple[int, str]]:
    """(events, digest) of each log."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(**installation.stores.feed(service.name))
        found[service.name] = await digest_of(connection)
        await connection.close()
    return found


async def broken(stores: Stores) -> list[str]:
    """What `check` finds in each service of an installation, and what its running checker, if it
    has one, has found; in words."""
    return [f"kept: {row}" for service in SERVICES for row in await kept(service, stores)] + [
        f"{service.name} {finding.check.name} {breach.event} {breach.numbers}"
        for service in SERVICES
        for finding in await examined(service, stores)
        for breach in finding.breaches
    ]


async def kept(service: Service, stores: Stores) -> list[asyncpg.Record]:
    """The counterexamples that the running checker keeps."""
    connection = await asyncpg.connect(**stores.app(service.name))
    query = "SELECT invariant, counterexample FROM es.checks WHERE counterexample IS NOT NULL"
    rows: list[asyncpg.Record] = await connection.fetch(query)
    await connection.close()
    return rows


async def asked(door: Door, path: str, **params: str | int) -> dict[str, Any]:
    """A question to reporting or funds, as the auditor asks it."""
    answer = await door.ask("GET", f"/api/v1/{path}", "auditor", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def different(case: Case, statement: dict[str, Any]) -> list[str]:
    """Lines that are not as published, in words."""
    return [
        f"{line.label}: {line.text} {line.unit}, published {line.published}"
        for line in compare(case, statement)
        if not line.equal
    ]
