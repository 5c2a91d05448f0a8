"""One job: a sheet read in chunks, each chunk rehearsed, what passes done, all of it told.

What is to be done of a chunk is on disk before it is done, and every command's request id follows
from the job and from what it says: a worker that is killed anywhere and begins again does nothing
twice and decides nothing anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import asyncpg
from pydantic import ValidationError

from libs.events.canonical import canonical, sha256
from libs.events.decider import Ask
from libs.events.errors import EventsError, NotFoundError, Refused, ReplacedError
from libs.events.execute import Surroundings, execute
from libs.events.group_commit import UNKNOWN_OUTCOME
from libs.events.loads import LiveStreams
from libs.events.rehearsal import Rehearsal
from libs.events.types import Command, plain, request_id

from ..errands import AskedServiceAwayError
from ..files.room import DiskNearlyFullError
from .chunks import chunked, grouped
from .importer import Deed, Desk, Fault, Group, Importer, Plan
from .job_rows import JobRows, RowResult, Run
from .reading import Read, Reading
from .results import (
    AWAITS,
    acceptable,
    accepted,
    become,
    ignored,
    malformed,
    rejected,
    told,
    told_of,
    unchanged,
)
from .store import Job, Phase

T = TypeVar("T")
AGAIN_S = 1.0
UNAVAILABLE = (429, 503)
ASKED = 202
"""Of a command that waits for an approval (ADR 0019)."""
GOES_ON = (
    ReplacedError,
    DiskNearlyFullError,
    AskedServiceAwayError,
    asyncpg.PostgresError,
    *UNKNOWN_OUTCOME,
)
"""After these a job goes on by itself, when the store or room is there, or elsewhere."""


Keep = Callable[[], Awaitable[None]]


class CancelledError(Exception):
    """Somebody asked for it between two chunks."""


class RowsLostError(Exception):
    """Not of every row that was read it is known what became of it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What rows become, and how they are read from the beginning, as often as needed."""

    importer: Importer
    reading: Callable[[], Reading]
    reads: Callable[[Reading], Iterator[Read]]


class Taking:
    """A job at work. `keep`: renews the lease, or raises."""

    def __init__(self, job: Job, sheet: Sheet, desk: Desk, rows: JobRows, keep: Keep) -> None:
        self.job, self.importer, self.sheet = job, sheet.importer, sheet
        self.desk, self.rows, self.keep = desk, rows, keep
        self._rehearsal = Rehearsal(desk.log)

    async def run(self) -> str:
        """How it ends: done, or refused where not every row passed and all had to, or a total stops
        the file. Raises: CancelledError."""
        if self.job.phase == "checking":
            passed = await self._through("checking", 0)  # what came before is in no log
            if self.job.dry_run:
                return "done"
            if not passed:
                return "refused"
            await self.rows.next_phase()
            self.job = replace(self.job, phase="taking", reached=0)
        await self._through("taking", self.job.reached)
        return "done"

    async def _through(self, phase: Phase, reached: int) -> bool:
        """Whether the file may be taken."""
        reading = self.sheet.reading()
        self._rehearsal = Rehearsal(self.desk.log)
        with closing(chunked(self.sheet.reads(reading), reading, self.importer.together)) as chunks:
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                if chunk[-1].number > reached:
                    await self._reached(phase, chunk, reading)
        found, found_fen = await self.rows.counted(phase)
        if found != reading.read or (not reached and found_fen != reading.read_fen):
            raise RowsLostError(f"{found} of {reading.read} rows, {found_fen} fen")
        await self.rows.retold(phase, [ignored(read) for read in reading.totals.late])
        stops = self.importer.totals_block and reading.totals.differs
        return not stops and not (self.job.mode == "all" and await self.rows.rejected(phase))

    async def _reached(self, phase: Phase, chunk: Sequence[Read], reading: Reading) -> None:
        """Raises: CancelledError, what `keep` raises."""
        await self.keep()
        if await self.rows.cancelled():
            raise CancelledError
        await self.rows.through(phase, chunk[0].number, await self._chunk(phase, chunk, reading))

    async def _chunk(
        self, phase: Phase, chunk: Sequence[Read], reading: Reading
    ) -> list[RowResult]:
        groups, rest = grouped(chunk, reading)
        first, reads = chunk[0].number, {read.number: read for read in chunk}
        if phase == "checking":
            runs, told = await self._passing(groups, reads)
            passed = (row for run in runs for rows in run.groups for row in rows)
            return [*rest, *told, *map(acceptable, passed)]
        self._rehearsal = Rehearsal(self.desk.log)  # what came before is in the log by now
        intended = await self.rows.intended(first)
        if intended is None:
            runs, told = await self._passing(groups, reads)
            intended = await self.rows.intend(first, runs, [*rest, *told])
        runs, results = intended
        by_first = {group[0].number: group for group in groups}
        self.rows.fates.clear()
        for run in runs:
            await self._do([by_first[rows[0].number] for rows in run.groups])
        return [*results, *become(runs, self.rows.fates)]

    async def _passing(
        self, groups: Sequence[Group], reads: Mapping[int, Read]
    ) -> tuple[list[Run], list[RowResult]]:
        """The groups whose commands would be accepted, as runs that go together; what becomes of
        the others."""
        if not groups:
            return [], []
        seen = replace(self.desk, streams=self._rehearsal.streams(), taking=False)
        try:
            plan = await self._patiently(lambda: self.importer.plan(seen, groups))
            refusal = (
                await self._refusal(plan.deeds) if not (plan.unchanged or plan.faults) else None
            )
        except ValidationError as error:  # a command that its own words do not allow
            plan, refusal = Plan(), malformed(error)
        for at, warnings in plan.warnings.items():
            known = reads[groups[at][0].number].faults
            known.extend(warning for warning in warnings if warning not in known)
        told = [unchanged(reads[row.number]) for at in plan.unchanged for row in groups[at]]
        for at, faults in plan.faults.items():
            told += [rejected(reads[row.number], faults) for row in groups[at]]
        left = [g for at, g in enumerate(groups) if at not in {*plan.unchanged, *plan.faults}]
        if len(left) < len(groups):
            runs, more = await self._passing(left, reads)
            return runs, [*told, *more]
        if refusal is None:
            taken = (tuple(accepted(reads[row.number]) for row in group) for group in groups)
            return [Run(tuple(taken))], []
        if len(groups) == 1:
            return [], [rejected(reads[row.number], [refusal]) for row in groups[0]]
        middle = len(groups) // 2
        runs, told = await self._passing(groups[:middle], reads)
        more_runs, more = await self._passing(groups[middle:], reads)
        return [*runs, *more_runs], [*told, *more]

    async def _refusal(self, deeds: Iterable[Deed]) -> Fault | None:
        """Why the commands would not be accepted, one after the other; nothing is done."""
        tried = Rehearsal(self.desk.log)
        tried.pending = dict(self._rehearsal.pending)
        for deed in deeds:
            ask = self._ask(deed, deed.command)
            try:
                tried.keep(await self._patiently(partial(tried.decide, ask, deed.decider)))
            except (Refused, NotFoundError) as refusal:
                return told(refusal)
        self._rehearsal = tried
        return None

    async def _do(self, groups: Sequence[Group]) -> None:
        """The commands of a run, each once whatever happens, and what became of each group. What is
        refused now, though it passed, is halved until it is known which group a rival was quicker
        with; the same command again gets the answer that it got. So is what goes wrong, which ends
        the job. Raises: what goes wrong with one group alone."""
        await self.keep()
        left, fault = groups, None
        try:
            left, deeds = await self._undone(groups)
            fault = await self._done(deeds)
        except GOES_ON:
            raise
        except Exception:
            if len(groups) == 1:
                raise
        else:
            if fault is None or len(left) == 1:
                self.rows.fates.update((group[0].number, fault) for group in left)
                return
        middle = len(left) // 2
        await self._do(left[:middle])
        await self._do(left[middle:])

    async def _undone(self, groups: Sequence[Group]) -> tuple[list[Group], Sequence[Deed]]:
        """Those that are not there yet, with their commands. What is there was done by us before a
        kill, or by a rival; what is objected to now was not before him."""
        left = list(groups)
        while left:
            desk = replace(self.desk, streams=LiveStreams(self.desk.log.loads), taking=True)
            plan = await self._patiently(partial(self.importer.plan, desk, left))
            passed: dict[int, Fault | None] = dict.fromkeys(plan.unchanged)
            passed |= {at: faults[0] for at, faults in plan.faults.items()}
            if not passed:
                return left, plan.deeds
            self.rows.fates.update((left[at][0].number, fault) for at, fault in passed.items())
            left = [group for at, group in enumerate(left) if at not in passed]
        return [], ()

    async def _done(self, deeds: Iterable[Deed]) -> Fault | None:
        """The first refusal, behind which nothing is tried, or that a command waits for a yes: what
        is refused behind that one waits for it too."""
        waits = None
        for deed in deeds:
            ask = self._ask(deed, deed.command)
            around = Surroundings(
                body_hash=sha256(ask.request.bytes), correlation=self.job.id, origin="import"
            )
            try:
                answer = await self._patiently(
                    partial(execute, self.desk.log, ask, around, deed.decider)
                )
            except GOES_ON:
                raise
            except EventsError as error:
                return waits or told(error)
            if answer.status >= 400:
                return waits or told_of(answer)
            waits = AWAITS if answer.status == ASKED else waits
        return waits

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Again while the store cannot now, or a copy of another service is too old. Raises:
        AskedServiceAwayError, for which a job makes room for others."""
        while True:
            try:
                return await ask()
            except AskedServiceAwayError:
                raise
            except EventsError as error:
                if error.status not in UNAVAILABLE:
                    raise
            await asyncio.sleep(AGAIN_S)
            await self.keep()

    def _ask(self, deed: Deed, command: Command) -> Ask[Command]:
        said = canonical({"body": plain(command), "target": str(deed.target)})
        id_ = request_id(
            str(self.job.id), deed.key or sha256(deed.decider.name.encode(), said).hex()
        )
        return Ask(id_, deed.target, command, self.desk.actor, self.desk.behalf)
