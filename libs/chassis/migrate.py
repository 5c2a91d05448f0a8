"""Stores and their tables: databases, roles, and numbered SQL files that only go forward.

A set is a folder of `0001_name.sql`, `0002_…` without a gap, and of `functions/*.sql` (CREATE OR
REPLACE). Sets apply in the order given: "log", then the service's own. A numbered file never
changes once a store has applied it; a change is a new file. A file leaves its transaction open and
writes `{{app}}` and `{{feed}}` for the roles that it grants to. Functions are replayed when their
text changes, and all of them after a numbered file, since its DROP … CASCADE may have taken them;
so a numbered file may use functions of earlier sets only.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
import pwd
import re
import secrets
import stat
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import structlog

if TYPE_CHECKING:
    from asyncpg import Connection, Record

log = structlog.get_logger(__name__)

FEED = "feed"
NUMBERED = re.compile(r"(\d{4})_\w+\.sql")
SERVICE = re.compile(r"[a-z][a-z0-9_]{0,40}")

# A function's row has no number. The app may read them, to know whether it fits its store.
RECORDS = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    set text, number int, name text, sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (set, name), UNIQUE (set, number));
COMMENT ON TABLE migrations.applied IS 'SQL files as this store applied them last';
GRANT USAGE ON SCHEMA migrations TO {{app}};
GRANT SELECT ON migrations.applied TO {{app}};
"""
RECORD = """
INSERT INTO migrations.applied (set, number, name, sha256) VALUES ($1, $2, $3, $4)
ON CONFLICT (set, name) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()
"""
ALONE = "hashtextextended('suyuan migrations', 0)"


class MigrationError(Exception):
    """The files and the store do not fit together, or a file is not what it must be."""


class EditedMigrationError(MigrationError):
    """A file was changed after this store had applied it."""


class NewerStoreError(MigrationError):
    """Newer code has migrated this store; older code would misread or corrupt it."""


class Store(NamedTuple):
    """The names that follow from a service's name."""

    database: str
    owner: str
    app: str

    @classmethod
    def of(cls, service: str) -> Store:
        if not SERVICE.fullmatch(service):  # it goes into SQL as it is
            raise MigrationError(f"{service!r} cannot name a store")
        return cls(f"suyuan_{service}", f"{service}_owner", f"{service}_app")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file of a set; `number` is None for functions."""

    set: str
    number: int | None
    name: str
    text: str = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.set}/{self.name}"


def read_sets(folders: Mapping[str, Path]) -> list[SqlFile]:
    """All files in the order in which an empty store applies them."""
    return [file for name, folder in folders.items() for file in _read_set(name, folder)]


def _read_set(name: str, folder: Path) -> list[SqlFile]:
    files = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        found = NUMBERED.fullmatch(path.name)
        if not found or int(found[1]) != number:  # two alike, or a gap that could be filled late
            raise MigrationError(f"{name}/{path.name} is not the {number:04}_….sql expected here")
        files.append(SqlFile(name, number, path.name, path.read_text("utf-8")))
    for path in sorted(folder.glob("functions/*.sql")):
        text = path.read_text("utf-8")
        files.append(SqlFile(name, None, f"functions/{path.name}", text))
    return files


async def plan(connection: Connection[Any], files: Iterable[SqlFile]) -> list[SqlFile]:
    """What `migrate` would apply now, in order; refuses a store that the files do not fit.

    Enough for a process that only uses the store: it may start when this is empty.
    """
    present = {(file.set, file.name): file for file in files}
    applied: dict[tuple[str, str], str] = {}
    if await connection.fetchval("SELECT to_regclass('migrations.applied')"):
        for row in await connection.fetch("SELECT * FROM migrations.applied"):
            applied[row["set"], row["name"]] = row["sha256"]
            if row["number"] is not None:
                _check(row, present.get((row["set"], row["name"])))
    missing = [file for key, file in present.items() if key not in applied]
    if any(file.number for file in missing):
        return [file for file in present.values() if file.number is None or file in missing]
    return [file for key, file in present.items() if applied.get(key) != file.sha256]


def _check(row: Record, file: SqlFile | None) -> None:
    path, sha256 = f"{row['set']}/{row['name']}", row["sha256"]
    if file is None:
        raise NewerStoreError(f"this store has applied {path}, which this code does not know")
    if file.sha256 != sha256:
        raise EditedMigrationError(f"{path} was applied as {sha256} and now reads {file.sha256}")


async def migrate(
    connection: Connection[Any], store: Store, files: Iterable[SqlFile]
) -> list[SqlFile]:
    """Apply what is missing, each file in a transaction as the owner role; what was applied.

    Of several at once one works and the others wait, then find nothing to do.
    """
    async with _alone(connection):
        async with connection.transaction():
            await _execute(connection, store, RECORDS)
        todo = await plan(connection, files)
        for file in todo:
            await _apply(connection, store, file)
    return todo


async def _apply(connection: Connection[Any], store: Store, file: SqlFile) -> None:
    async with connection.transaction():
        try:
            await _execute(connection, store, file.text)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{file}: {error}") from error
        if not connection.is_in_transaction():
            raise MigrationError(f"{file} ends the transaction that should undo it when it fails")
        await connection.execute(RECORD, file.set, file.number, file.name, file.sha256)
    log.info("migration_applied", file=str(file), sha256=file.sha256)


async def _execute(connection: Connection[Any], store: Store, sql: str) -> None:
    """As the owner role, to which all that it creates then belongs."""
    sql = sql.replace("{{app}}", f'"{store.app}"').replace("{{feed}}", f'"{FEED}"')
    await connection.execute(f'SET LOCAL ROLE "{store.owner}"')
    await connection.execute(sql)


@asynccontextmanager
async def _alone(connection: Connection[Any]) -> AsyncIterator[None]:
    """The lock of this database's migrations; a connection that dies gives it back."""
    await connection.execute(f"SELECT pg_advisory_lock({ALONE})")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(f"SELECT pg_advisory_unlock({ALONE})")


async def prepare_store(
    admin: Mapping[str, Any], service: str, passwords: Mapping[str, str], *, feed: bool = True
) -> Store:
    """The database of a service and the roles that may enter it, made once and mended after.

    `admin` are asyncpg's keywords for a superuser; `passwords` holds those of `<service>_app` and
    `feed`. The owner cannot log in: migrations become it, so no password ever owns the log. Text
    sorts by its bytes in every installation, whatever the machine's language. Without `feed` no
    reader of other services may enter.
    """
    store = Store.of(service)
    connection = await asyncpg.connect(**admin)
    try:
        async with _alone(connection):
            await _role(connection, store.owner, "NOLOGIN")
            for role in (store.app, FEED) if feed else (store.app,):
                secret = scram_secret(passwords[role])
                await _role(connection, role, f"LOGIN PASSWORD '{secret}'")
            await _database(connection, store, feed=feed)
    finally:
        await connection.close()
    return store


async def _role(connection: Connection[Any], role: str, options: str) -> None:
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    await connection.execute(f'{"ALTER" if exists else "CREATE"} ROLE "{role}" {options}')
    await connection.execute(
        f"ALTER ROLE \"{role}\" SET idle_in_transaction_session_timeout = '30s'"
    )


async def _database(connection: Connection[Any], store: Store, *, feed: bool) -> None:
    name, found = store.database, "SELECT 1 FROM pg_database WHERE datname = $1"
    if not await connection.fetchval(found, name):
        how = "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{store.owner}" {how}')
    await connection.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
    who = f'"{store.app}", "{FEED}"' if feed else f'"{store.app}"'
    await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {who}')


def scram_secret(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that it never travels in a statement."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256$4096:{}${}:{}".format(*parts)


def passwords(home: Path, *roles: str) -> dict[str, str]:
    """A generated password for each role, the same ever after, in a 0600 file of the home."""
    file, lock = home / "passwords.json", locked(home / "passwords.lock")
    assert lock is not None, "it waits"
    try:
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        new = {role: secrets.token_urlsafe(24) for role in roles if role not in known}
        if new:
            write_private(file, json.dumps(known | new, indent=1))
        return {role: (known | new)[role] for role in roles}
    finally:
        os.close(lock)


def write_private(file: Path, text: str) -> None:
    """0600 from its first byte on, and after a crash either the old text or the new."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix="new.", delete=False) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).rename(file)
    sync_directory(file.parent)


def sync_directory(directory: Path) -> None:
    """Make a rename in it outlive a power cut."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def locked(file: Path, *, wait: bool = True) -> int | None:
    """A descriptor that holds the lock until it is closed or its process dies; None if not free."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def own_directory(directory: Path, user: pwd.struct_passwd | None, mode: int) -> Path:
    """Made by us, never changed by us: one that is there may be a stranger's, or a link of his."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
        if user:
            os.chown(directory, user.pw_uid, user.pw_gid)
        directory.chmod(mode)
    found, uid = directory.lstat(), user.pw_uid if user else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise PermissionError(f"{directory} must be a directory that only uid {uid} may change")
    return directory
