"""Generations: builds of a service's read model, one of which serves (design 5, ADR 0010).

The serving one is the schemas `known` and `view`; another stands beside it as `known__g<n>` and
`view__g<n>`. Queries name no generation: schemas are renamed under them. Whoever makes, swaps or
drops one holds `alone`, as a superuser that becomes the owner of the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import structlog
from asyncpg import Connection
from asyncpg.exceptions import DeadlockDetectedError, LockNotAvailableError

from .entries import Row, Table, write
from .errors import EventsError
from .group_commit import told, unavailable
from .retry import jitter_s

SCHEMAS = ("known", "view")
State = Literal["building", "fed", "serving", "failed", "dropped"]
T = TypeVar("T")
TRIES = 20
LOCK_WITHIN = "SET LOCAL lock_timeout = '200ms'"

log = structlog.get_logger()


class GenerationError(EventsError):
    """It cannot be built, swapped or dropped as things stand; the message says why."""

    title = "读表世代不可用"


@dataclass(frozen=True, slots=True)
class Generation:
    """One build of the read model and what became of it."""

    number: int
    state: State
    reason: str | None


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[None]:
    """One build, swap or drop a store at a time. A session's lock and not a lease: it ends with the
    session that does the work, and neither before nor after. Raises: GenerationError."""
    if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_ALONE})"):
        raise GenerationError("另有一次重建正在进行")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(f"SELECT pg_advisory_unlock({_ALONE})")


_ALONE = "hashtextextended('suyuan generations', 0)"


async def generations(connection: Connection) -> list[Generation]:
    """Those that were not dropped, oldest first."""
    rows = await connection.fetch(
        "SELECT number, state, reason FROM es.generations WHERE state <> 'dropped' ORDER BY number"
    )
    return [Generation(**row) for row in rows]


async def serving(connection: Connection) -> int:
    """The generation that answers."""
    number: int = await connection.fetchval(
        "SELECT number FROM es.generations WHERE state = 'serving'"
    )
    return number


async def beside(connection: Connection, *, even_failed: bool = False) -> int:
    """The generation that is fed beside the serving one. Raises: GenerationError."""
    for one in await generations(connection):
        if one.state == "fed" or (even_failed and one.state != "serving"):
            return one.number
        if one.state != "serving":
            raise GenerationError(f"第 {one.number} 代 {one.state}：{one.reason or '未建成'}")
    raise GenerationError("没有另一代读表：先运行 rebuild")


async def create(connection: Connection) -> int:
    """Empty tables for the next generation. Entries (source, position) have no index yet: COPY and
    then CREATE INDEX is faster; the others have theirs, since rows of one key meet in them."""
    async with connection.transaction():
        number: int = await connection.fetchval(
            "INSERT INTO es.generations (number, state)"
            " SELECT max(number) + 1, 'building' FROM es.generations RETURNING number"
        )
        await _each(connection, _MAKE_SCHEMAS, list(SCHEMAS), f"__g{number}")
        await _become_owner(connection)
        await _each(connection, _MAKE_TABLES, list(SCHEMAS), f"__g{number}")
    return number


async def index(connection: Connection, number: int) -> None:
    """The keys and indexes that `create` left out, and statistics, so that the first query after a
    swap is planned as well as the last one before it."""
    for schema in SCHEMAS:
        async with connection.transaction():
            await _become_owner(connection)
            # PostgreSQL's pretty form leaves out the schema that is searched: read in the one and
            # run in the other, a definition makes the same index there.
            await connection.execute(f"SET LOCAL search_path = {schema}")
            made = await connection.fetch(_MAKE_INDEXES, schema, f"{schema}__g{number}")
            await connection.execute(f"SET LOCAL search_path = {schema}__g{number}")
            for (statement,) in made:
                await connection.execute(statement)
            for (table,) in await connection.fetch(_TABLES, f"{schema}__g{number}"):
                await connection.execute(f"ANALYZE {table}")


async def drop(connection: Connection, number: int, reason: str) -> None:
    """No reader writes into it from here on; then its tables go. Raises: GenerationError when they
    are in use for long."""
    async with connection.transaction():
        await connection.execute("UPDATE es.cursors SET fed = array_remove(fed, $1)", number)
        await _becomes(connection, number, "failed", reason)

    async def remove() -> None:
        async with connection.transaction():
            await connection.execute(LOCK_WITHIN)
            names = ", ".join(f"{schema}__g{number}" for schema in SCHEMAS)
            await connection.execute(f"DROP SCHEMA IF EXISTS {names} CASCADE")
            await _becomes(connection, number, "dropped", reason)

    await locking(remove)


async def fed(connection: Connection, number: int) -> None:
    """Every reader writes into it. Raises: GenerationError when a reader failed to, meanwhile."""
    done = await connection.execute(
        "UPDATE es.generations SET state = 'fed', since = clock_timestamp(), reason = NULL"
        " WHERE number = $1 AND state = 'building'",
        number,
    )
    if done != "UPDATE 1":
        raise GenerationError(f"第 {number} 代在建成之前失败")


async def fail(connection: Any, number: int, reason: str) -> None:
    """It can no longer be put in service."""
    await connection.execute(
        "UPDATE es.generations SET state = 'failed', since = clock_timestamp(), reason = $2"
        " WHERE number = $1 AND state IN ('building', 'fed')",
        number,
        reason,
    )


async def feed_generation(
    connection: Any, number: int, reader: str, rows: Sequence[tuple[Table, Row]]
) -> None:
    """Write a reader's rows into a generation beside the serving one, in the reader's transaction.
    What fails there is that generation's end and not the reader's."""
    try:
        async with connection.transaction():
            await write(connection, rows, number)
    except Exception as error:
        if unavailable(error):
            raise
        reason = f"{reader}: {told(error)}"
        log.error("generation_failed", generation=number, reason=reason)
        await fail(connection, number, reason)
        await connection.execute(
            "UPDATE es.cursors SET fed = array_remove(fed, $1) WHERE reader || ':' || source = $2",
            number,
            reader,
        )


async def locking(work: Callable[[], Awaitable[T]]) -> T:
    """Do it under a short lock_timeout, again and again: whoever waits for a lock makes all that
    come after it wait too. Raises: GenerationError."""
    for attempt in range(1, TRIES + 1):
        try:
            return await work()
        except (LockNotAvailableError, DeadlockDetectedError):
            await asyncio.sleep(jitter_s(attempt))
    raise GenerationError("读表被长时间占用，稍后再试")


async def _becomes(connection: Connection, number: int, state: State, reason: str | None) -> None:
    await connection.execute(
        "UPDATE es.generations SET state = $2, since = clock_timestamp(), reason = $3"
        " WHERE number = $1",
        number,
        state,
        reason,
    )


async def _become_owner(connection: Connection) -> None:
    """What is made from here to the end of the transaction belongs to whom the tables belong."""
    owner = await connection.fetchval(
        "SELECT quote_ident(pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = 'view'"
    )
    await connection.execute(f"SET LOCAL ROLE {owner}")


async def _each(connection: Connection, spelled: str, *arguments: Any) -> None:
    """Run every statement that the query spells."""
    for (statement,) in await connection.fetch(spelled, *arguments):
        await connection.execute(statement)


_TABLES = """
SELECT quote_ident(relname) FROM pg_class
 WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY 1
"""
_MAKE_SCHEMAS = """
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', nspname || $2, pg_get_userbyid(nspowner))
  FROM pg_namespace WHERE nspname = ANY ($1)
UNION ALL
SELECT format('GRANT %s ON SCHEMA %I TO %I',
              privilege_type, nspname || $2, pg_get_userbyid(grantee))
  FROM pg_namespace, aclexplode(nspacl) WHERE nspname = ANY ($1) AND grantee <> nspowner
"""
_MAKE_TABLES = """
WITH t AS (
    SELECT c.*, nspname, format('%I.%I', nspname || $2, relname) AS made,
           (SELECT count(*) FROM pg_attribute
             WHERE attrelid = c.oid AND attname IN ('source', 'position')) = 2 AS entries
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname = ANY ($1) AND relkind = 'r')
SELECT format('CREATE TABLE %s (LIKE %I.%I INCLUDING ALL%s)%s', made, nspname, relname,
              CASE WHEN entries THEN ' EXCLUDING INDEXES' END,
              ' WITH (' || array_to_string(reloptions, ', ') || ')')
  FROM t
UNION ALL
SELECT format('COMMENT ON TABLE %s IS %L', made, obj_description(oid, 'pg_class'))
  FROM t WHERE obj_description(oid, 'pg_class') IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON %s TO %I', privilege_type, made, pg_get_userbyid(grantee))
  FROM t, aclexplode(relacl) WHERE grantee <> relowner
"""
_MAKE_INDEXES = """
SELECT CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid, 0, true)
            ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname,
                        pg_get_constraintdef(k.oid)) END
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = $1::regnamespace
  JOIN pg_class made ON made.relname = c.relname AND made.relnamespace = $2::regnamespace
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
 WHERE NOT made.relhasindex ORDER BY c.relname, i.indexrelid
"""
