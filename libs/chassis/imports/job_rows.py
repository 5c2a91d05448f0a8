"""What becomes of the rows of a job, kept as it goes on: a killed worker goes on with that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from ..version import version
from .importer import Fault
from .store import Job, Phase, as_json
from .tally import Tally

Result = Literal["accepted", "acceptable", "rejected", "ignored"]
"""Acceptable: checked, and not taken."""
ROWS_AT_ONCE = 1_000


class RowResult(msgspec.Struct, frozen=True, array_like=True):
    """What became of one row; `why` it was ignored. Kept before it is done, for a killed worker."""

    number: int
    result: Result
    fen: int | None = None
    why: str | None = None
    faults: tuple[Fault, ...] = ()
    key: str | None = None


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Groups of a chunk of which the commands are to be done, and what their rows then become."""

    groups: tuple[tuple[RowResult, ...], ...]


class JobRows:
    """What a worker writes of a job; everything under the token of its lease. `fates`: what became
    of groups of the chunk in hand, by first row, as far as this process saw it."""

    def __init__(self, pool: asyncpg.Pool, job: Job) -> None:
        self.pool, self.job = pool, job
        self.fates: dict[int, Fault | None] = {}

    async def began(self) -> int:
        """How often by now."""
        starts: int = await self.pool.fetchval(
            "UPDATE es.jobs SET state = 'running', starts = starts + 1 WHERE id = $1"
            " RETURNING starts",
            self.job.id,
        )
        return starts

    async def cancelled(self) -> bool:
        asked: bool = await self.pool.fetchval(
            "SELECT cancel FROM es.jobs WHERE id = $1", self.job.id
        )
        return asked

    async def intended(self, first: int) -> tuple[list[Run], list[RowResult]] | None:
        """What of a chunk was to be done when a worker was killed."""
        runs = await self.pool.fetchval(
            "SELECT runs FROM es.job_chunks WHERE job = $1 AND first = $2", self.job.id, first
        )
        if runs is None:
            return None
        return _INTENT.decode(runs)

    async def in_hand(self) -> list[tuple[int, list[Run], list[RowResult]]]:
        """Chunks that were begun and not ended, by first row; at most one."""
        rows = await self.pool.fetch(
            "SELECT first, runs FROM es.job_chunks WHERE job = $1 ORDER BY first", self.job.id
        )
        return [(row["first"], *_INTENT.decode(row["runs"])) for row in rows]

    async def intend(
        self, first: int, runs: list[Run], rest: list[RowResult]
    ) -> tuple[list[Run], list[RowResult]]:
        """What is to be done now: this, unless somebody else said it before."""
        await self.pool.execute(_INTEND, self.job.id, first, as_json((runs, rest)))
        return await self.intended(first) or (runs, rest)

    async def through(self, phase: Phase, first: int, rows: Sequence[RowResult]) -> None:
        """A chunk is done: what became of its rows, and how far the phase is."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.executemany(
                _KEEP_ROW,
                [
                    (self.job.id, phase, r.number, r.result, r.fen, r.why, as_json(r.faults), r.key)
                    for r in rows
                ],
            )
            reached = max(row.number for row in rows)
            await connection.execute(
                "UPDATE es.jobs SET reached = $2, starts = 1, error = NULL WHERE id = $1",
                self.job.id,
                reached,
            )
            await connection.execute(
                "DELETE FROM es.job_chunks WHERE job = $1 AND first = $2", self.job.id, first
            )

    async def retold(self, phase: Phase, rows: Sequence[RowResult]) -> None:
        """Of rows that are kept already more is known by now."""
        for row in rows:
            told = self.job.id, phase, row.number, as_json(row.faults)
            await self.pool.execute(_RETELL, *told)

    async def next_phase(self) -> None:
        """The check let everything through: take it from the first row on."""
        await self.pool.execute(
            "UPDATE es.jobs SET phase = 'taking', reached = 0 WHERE id = $1", self.job.id
        )

    async def waits(self, why: str) -> bool:
        """It goes on by itself; that it began was in vain, and counts for nothing. Whether it did
        not wait before."""
        new: bool = await self.pool.fetchval(_WAITS, self.job.id, why)
        return new

    async def ended(
        self,
        state: str,
        tally: Tally | None = None,
        outcome: tuple[str | None, str | None] = (None, None),
        error: str | None = None,
    ) -> None:
        """`outcome`: digests of the error workbook and of that with the rejected rows alone."""
        counts = None if tally is None else as_json(tally)
        await self.pool.execute(_ENDED, self.job.id, state, counts, *outcome, error, version())

    async def counted(self, phase: Phase) -> tuple[int, int]:
        """Of how many rows it is known what became of them, and of how much money."""
        (row,) = await self.pool.fetch(_COUNTED, self.job.id, phase)
        return row["rows"], row["fen"]

    async def rejected(self, phase: Phase) -> bool:
        """Whether any row was."""
        found: bool = await self.pool.fetchval(
            "SELECT EXISTS (SELECT FROM es.job_rows"
            " WHERE job = $1 AND phase = $2 AND result = 'rejected')",
            self.job.id,
            phase,
        )
        return found

    async def rows(self, phase: Phase) -> list[RowResult]:
        return await results_of(self.pool, self.job.id, phase)


async def results_of(pool: asyncpg.Pool, job: UUID, phase: Phase) -> list[RowResult]:
    """In the order of the sheet."""
    return [_row(row) for row in await pool.fetch(_ROWS, job, phase)]


async def pages_of(pool: asyncpg.Pool, job: UUID, phase: Phase) -> AsyncIterator[list[RowResult]]:
    """The same, so many at once."""
    last = 0
    while rows := await pool.fetch(_PAGE, job, phase, last, ROWS_AT_ONCE):
        yield [_row(row) for row in rows]
        last = rows[-1]["number"]


_INTENT = msgspec.json.Decoder(tuple[list[Run], list[RowResult]])


def _row(row: asyncpg.Record) -> RowResult:
    faults = msgspec.json.decode(row["faults"], type=tuple[Fault, ...])
    return RowResult(row["number"], row["result"], row["fen"], row["why"], faults, row["key"])


_INTEND = """
INSERT INTO es.job_chunks (job, first, runs) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_KEEP_ROW = """
INSERT INTO es.job_rows (job, phase, number, result, fen, why, faults, key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
_COUNTED = """
SELECT count(*) AS rows, coalesce(sum(fen), 0)::bigint AS fen FROM es.job_rows
 WHERE job = $1 AND phase = $2
"""
_RETELL = """
UPDATE es.job_rows SET faults = $4 WHERE job = $1 AND phase = $2 AND number = $3
"""
_ROWS = """
SELECT number, result, fen, why, faults, key FROM es.job_rows
 WHERE job = $1 AND phase = $2 ORDER BY number
"""
_PAGE = """
SELECT number, result, fen, why, faults, key FROM es.job_rows
 WHERE job = $1 AND phase = $2 AND number > $3 ORDER BY number LIMIT $4
"""
_WAITS = """
  WITH was AS (SELECT error FROM es.jobs WHERE id = $1)
UPDATE es.jobs SET error = $2, starts = starts - 1 FROM was WHERE id = $1
RETURNING was.error IS NULL
"""
_ENDED = """
UPDATE es.jobs SET state = $2, counts = $3, outcome = $4, rejected = $5, error = $6, release = $7,
       ended_at = clock_timestamp() WHERE id = $1
"""
