"""Putting a generation in service, and the way back: two renames and an event, in one transaction.

A rename takes no lock on tables: what runs goes on with the tables it has found, what comes next
finds the others, and both hold the same. PostgreSQL plans prepared statements anew after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from uuid import uuid4

from asyncpg import Connection

from .canonical import canonical
from .compare import Comparison
from .contracts.log import CONTRACTS, GenerationSwapped
from .generations import LOCK_WITHIN, SCHEMAS, GenerationError, locking, serving
from .housekeeping import of_store
from .reader import Reader
from .store import APPEND, arguments, identity, prepare


class DifferentError(GenerationError):
    """The generations do not hold the same, and nobody accepted this difference."""

    title = "两代读表不同"


@dataclass(frozen=True, slots=True)
class Swapped:
    """What answers now, what did before, and how long readers could have been held up."""

    generation: int
    previous: int
    took_ms: int


def agreed(comparison: Comparison, accept: str | None, reason: str | None) -> bool:
    """True when a difference was accepted: by its own digest, and with a reason.

    Raises: DifferentError naming a bucket and a row.
    """
    if comparison.equal:
        return False
    if accept == comparison.digest and reason:
        return True
    bucket = comparison.different[0]
    row = next((d for d in comparison.differences if d.bucket == bucket.name), None)
    at = "" if row is None else f"，行 {canonical(dict(row.key)).decode()}"
    raise DifferentError(
        f"{bucket.table} 的桶「{bucket.name}」{at}；差异 {comparison.digest}",
        digest=comparison.digest,
    )


async def swap(
    connection: Connection,
    service: str,
    readers: Sequence[Reader],
    generation: int,
    *,
    digest: str | None,
    accepted: bool,
    reason: str | None,
) -> Swapped:
    """The generation serves; the one that did is fed beside it. Recorded in the log.

    Raises: GenerationError when it may not serve or the tables' names are held for long.
    """

    async def rename() -> Swapped:
        began = perf_counter_ns()
        async with connection.transaction():
            await connection.execute(LOCK_WITHIN)
            previous = await _change_places(connection, readers, generation, reason)
            fact = GenerationSwapped(
                generation=generation,
                previous=previous,
                digest=digest,
                accepted=accepted,
                reason=reason,
            )
            await _record(connection, service, fact)
        return Swapped(generation, previous, (perf_counter_ns() - began) // 10**6)

    return await locking(rename)


async def _change_places(
    connection: Connection, readers: Sequence[Reader], generation: int, reason: str | None
) -> int:
    """Readers first: each has written its page into both, or will read which is which now."""
    previous = await serving(connection)
    feeding = await connection.fetch(
        "UPDATE es.cursors SET fed = array_append(array_remove(fed, $1), $2)"
        " WHERE $1 = ANY (fed) RETURNING reader || ':' || source AS lease",
        generation,
        previous,
    )
    if missing := {r.lease for r in readers} - {row["lease"] for row in feeding}:
        raise GenerationError(f"第 {generation} 代缺少 {sorted(missing)}：须重新建")
    await connection.execute(
        "UPDATE es.generations SET state = 'fed', since = clock_timestamp() WHERE number = $1",
        previous,
    )
    serves = await connection.execute(
        "UPDATE es.generations SET state = 'serving', since = clock_timestamp(), reason = $2"
        " WHERE number = $1 AND state = 'fed'",
        generation,
        reason,
    )
    if serves != "UPDATE 1":
        raise GenerationError(f"第 {generation} 代不可用")
    for schema in SCHEMAS:
        await connection.execute(f"ALTER SCHEMA {schema} RENAME TO {schema}__g{previous}")
        await connection.execute(f"ALTER SCHEMA {schema}__g{generation} RENAME TO {schema}")
    return previous


async def _record(connection: Connection, service: str, fact: GenerationSwapped) -> None:
    """The swap in the service's own log, by an operator."""
    asked = of_store(service, fact, uuid4(), actor="operator", expected=None)
    _, epoch = await identity(connection)
    await connection.fetch(APPEND, *arguments(epoch, [prepare(asked, CONTRACTS)]))
