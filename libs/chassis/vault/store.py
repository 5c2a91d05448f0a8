"""The key database `suyuan_keys`: a fifth database with a role of its own; not a log, no service.

Every verb is a few round trips however many rows it takes, and each is one autocommit statement or
one transaction: what it wrote is on disk when it returns (`synchronous_commit` on).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from libs.chassis.migrate import Store, migrate, plan, prepare_store, read_sets

from .sealing import WRAPPED_BYTES
from .spelling import Kind

NAME = "keys"
ID_BYTES = 16
SQL = Path(__file__).parent / "sql"


class Home(NamedTuple):
    """The key of an area under which a person's is wrapped: the county's, and the year's."""

    area: UUID
    year: int


class Wrapped(NamedTuple):
    """Keys of persons under one key of an area, as they lie there: a person's id (16 bytes) and the
    wrapped key (60) again and again. A row each would take four times as long to read."""

    home: Home
    packed: bytes

    def each(self) -> Iterator[tuple[bytes, bytes]]:
        """(id, wrapped key) of each person."""
        size = ID_BYTES + WRAPPED_BYTES
        for at in range(0, len(self.packed), size):
            yield self.packed[at : at + ID_BYTES], self.packed[at + ID_BYTES : at + size]


async def set_up_keys(admin: Callable[[str], dict[str, Any]], passwords: Mapping[str, str]) -> None:
    """Make and migrate the key database. Safe to repeat. Raises: MigrationError."""
    store = await prepare_store(admin("postgres"), NAME, passwords, feed=False)
    connection = await asyncpg.connect(**admin(store.database))
    try:
        await migrate(connection, store, read_sets({NAME: SQL}))
    finally:
        await connection.close()


async def missing_migrations(address: dict[str, Any]) -> list[str]:
    """What it lacks of this release. Raises: NewerStoreError, EditedMigrationError."""
    connection = await asyncpg.connect(**address)
    try:
        return [str(file) for file in await plan(connection, read_sets({NAME: SQL}))]
    finally:
        await connection.close()


def role() -> str:
    """The role of the processes that open the vault."""
    return Store.of(NAME).app


@asynccontextmanager
async def open_store(address: dict[str, Any]) -> AsyncIterator[KeyStore]:
    pool = await asyncpg.create_pool(
        **address,
        min_size=1,
        max_size=4,
        server_settings={"jit": "off", "synchronous_commit": "on"},
        command_timeout=60,
    )
    async with pool:
        yield KeyStore(pool)


class KeyStore:
    """Rows of the key database; knows no key and no plain text."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def purposes(self) -> dict[str, bytes]:
        rows = await self.pool.fetch("SELECT name, wrapped FROM vault.purposes")
        return {row["name"]: row["wrapped"] for row in rows}

    async def keep_purpose(self, name: str, wrapped: bytes) -> None:
        """The first one stays."""
        await self.pool.execute(
            "INSERT INTO vault.purposes VALUES ($1, $2) ON CONFLICT DO NOTHING", name, wrapped
        )

    async def area(self, home: Home) -> bytes | None:
        query = "SELECT wrapped FROM vault.areas WHERE area = $1 AND year = $2"
        wrapped: bytes | None = await self.pool.fetchval(query, *home)
        return wrapped

    async def keep_area(self, home: Home, wrapped: bytes) -> None:
        """The first one stays."""
        await self.pool.execute(
            "INSERT INTO vault.areas VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", *home, wrapped
        )

    async def subjects(self, wanted: Collection[UUID]) -> list[Wrapped]:
        """The keys of those who have one."""
        rows = await self.pool.fetch(_SUBJECTS, list(wanted))
        return [Wrapped(Home(row[0], row[1]), row[2]) for row in rows]

    async def keep_subjects(self, home: Home, made: Mapping[UUID, bytes]) -> int:
        """How many were new; another's key for a person stays."""
        columns = list(made), list(made.values())
        return _counted(await self.pool.execute(_KEEP_SUBJECTS, *home, *columns))

    async def ids(self, kind: Kind, macs: Collection[bytes]) -> dict[bytes, UUID]:
        """Those that are there."""
        rows = await self.pool.fetch(_IDS, kind, list(macs))
        return {row[0]: row[1] for row in rows}

    async def keep_ids(self, kind: Kind, fresh: Mapping[bytes, UUID]) -> None:
        """The first id of each stays. In one order, so that no two of these wait for each other."""
        macs = sorted(fresh)
        await self.pool.execute(_KEEP_IDS, kind, macs, [fresh[mac] for mac in macs])

    async def holders(self, kind: Kind, macs: Collection[bytes]) -> list[tuple[bytes, UUID]]:
        rows = await self.pool.fetch(_HOLDERS, kind, list(macs))
        return [(row[0], row[1]) for row in rows]

    async def keep_holders(self, kind: Kind, held: Iterable[tuple[bytes, UUID]]) -> None:
        pairs = sorted(held)
        columns = [mac for mac, _ in pairs], [subject for _, subject in pairs]
        await self.pool.execute(_KEEP_HOLDERS, kind, *columns)

    async def keep_names(self, named: Iterable[tuple[UUID, bytes, UUID]]) -> None:
        """(village, HMAC of the name, person)."""
        rows = sorted(named)
        columns = [[row[n] for row in rows] for n in range(3)]
        await self.pool.execute(_KEEP_NAMES, *columns)

    async def named(self, asked: Iterable[tuple[UUID, bytes]]) -> list[UUID]:
        """Persons of these (village, HMAC) pairs."""
        pairs = list(asked)
        columns = [area for area, _ in pairs], [mac for _, mac in pairs]
        return [row[0] for row in await self.pool.fetch(_NAMED, *columns)]

    async def living_in(self, area: UUID) -> list[UUID]:
        """Everyone whose name is in the index of a village."""
        query = "SELECT DISTINCT subject FROM vault.names WHERE area = $1"
        return [row[0] for row in await self.pool.fetch(query, area)]

    async def renumber(self, subject: UUID, number: UUID) -> int:
        """The ID number whose random id was `number` is this person's, and the one before is
        nobody's; all or none. Once or many times, the same; how many numbers were moved. Needs no
        key: only ids are compared."""
        if number == subject:
            return 0
        async with self.pool.acquire() as connection, connection.transaction():
            taken = await connection.fetch(_TAKE_IDS, Kind.IDENTITY, number)
            if not taken:
                return 0
            await connection.execute(_LEAVE, Kind.IDENTITY, subject)
            macs = [row["mac"] for row in taken]
            await connection.execute(_KEEP_IDS, Kind.IDENTITY, macs, [subject] * len(macs))
            await connection.execute(_KEEP_HOLDERS, Kind.IDENTITY, macs, [subject] * len(macs))
            return len(macs)

    async def destroy(self, subjects: Collection[UUID]) -> int:
        """The keys and every map of these persons, all or none; how many keys there were."""
        gone = list(subjects)
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM vault.names WHERE subject = ANY ($1)", gone)
            await connection.execute(_LET_GO, gone)
            return _counted(await connection.execute(_DESTROY, gone))


def _counted(status: str) -> int:
    """How many rows a statement wrote: `INSERT 0 7`, `DELETE 7`."""
    return int(status.rpartition(" ")[2])


_SUBJECTS = """
SELECT area, year, string_agg(uuid_send(subject) || wrapped, '') FROM vault.subjects
 WHERE subject = ANY ($1::uuid[]) GROUP BY area, year
"""
_KEEP_SUBJECTS = """
INSERT INTO vault.subjects SELECT a, $1, $2, b FROM unnest($3::uuid[], $4::bytea[]) made(a, b)
 ORDER BY a ON CONFLICT DO NOTHING
"""
_IDS = """
SELECT i.mac, i.id FROM unnest($2::bytea[]) a(mac) JOIN vault.ids i ON i.kind = $1 AND i.mac = a.mac
"""
_KEEP_IDS = """
INSERT INTO vault.ids SELECT $1, m.a, m.b FROM unnest($2::bytea[], $3::uuid[]) m(a, b)
ON CONFLICT DO NOTHING
"""
_HOLDERS = """
SELECT h.mac, h.subject FROM unnest($2::bytea[]) a(mac)
  JOIN vault.holders h ON h.kind = $1 AND h.mac = a.mac
 ORDER BY h.subject
"""
_KEEP_HOLDERS = """
INSERT INTO vault.holders SELECT $1, m.a, m.b FROM unnest($2::bytea[], $3::uuid[]) m(a, b)
ON CONFLICT DO NOTHING
"""
_KEEP_NAMES = """
INSERT INTO vault.names SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) m(a, b, c)
ON CONFLICT DO NOTHING
"""
_NAMED = """
SELECT DISTINCT n.subject FROM unnest($1::uuid[], $2::bytea[]) a(area, mac)
  JOIN vault.names n ON n.area = a.area AND n.mac = a.mac
 ORDER BY n.subject
"""
_TAKE_IDS = "DELETE FROM vault.ids WHERE kind = $1 AND id = $2 RETURNING mac"
_LEAVE = """
WITH gone AS (DELETE FROM vault.ids WHERE kind = $1 AND id = $2 RETURNING mac)
DELETE FROM vault.holders h USING gone g
 WHERE h.kind = $1 AND h.mac = g.mac AND h.subject = $2
"""
# An id goes with the last who held it.
_LET_GO = """
WITH gone AS (DELETE FROM vault.holders WHERE subject = ANY ($1) RETURNING kind, mac)
DELETE FROM vault.ids i USING gone g
 WHERE i.kind = g.kind AND i.mac = g.mac
   AND NOT EXISTS (SELECT FROM vault.holders h
                    WHERE h.kind = i.kind AND h.mac = i.mac AND h.subject <> ALL ($1))
"""
_DESTROY = "DELETE FROM vault.subjects WHERE subject = ANY ($1)"
