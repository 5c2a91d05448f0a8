"""One job: a sheet read in chunks, each chunk rehearsed, what passes done, all of it told.

What is to be done of a chunk is on disk before it is done, and every command's request id follows
from the job and from what it says: a worker that is killed anywhere and begins again does nothing
twice and decides nothing anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pydantic import ValidationError

from libs.events.canonical import canonical, sha256
from libs.events.decider import Ask
from libs.events.errors import EventsError, NotFoundError, Refused
from libs.events.execute import Surroundings, execute
from libs.events.loads import LiveStreams
from libs.events.rehearsal import Rehearsal
from libs.events.types import Command, plain, request_id

from ..errands import AskedServiceAwayError
from .importer import Deed, Desk, Fault, Group, Importer, Plan
from .job_rows import JobRows, RowResult, Run
from .reading import Read, Reading
from .results import accepted, ignored, malformed, rejected, told, told_of, unchanged
from .store import Job, Phase

T = TypeVar("T")
ROWS_AT_ONCE = 1_000
AGAIN_S = 1.0
UNAVAILABLE = (429, 503)


Keep = Callable[[], Awaitable[None]]


class CancelledError(Exception):
    """Somebody asked for it between two chunks."""


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
        """How it ends: done, or refused where not every row passed and all had to. Raises:
        CancelledError."""
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
        """Whether every row passed."""
        reading = self.sheet.reading()
        self._rehearsal = Rehearsal(self.desk.log)
        chunks = _chunks(self.sheet.reads(reading), reading, self.importer.together)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            if chunk[-1].number <= reached:
                continue
            await self.keep()
            if await self.rows.cancelled():
                raise CancelledError
            await self.rows.through(
                phase, chunk[0].number, await self._chunk(phase, chunk, reading)
            )
        stops = self.importer.totals_block and reading.total_differs
        return not stops and not await self.rows.rejected(phase)

    async def _chunk(
        self, phase: Phase, chunk: Sequence[Read], reading: Reading
    ) -> list[RowResult]:
        groups, rest = grouped(chunk, reading)
        first, reads = chunk[0].number, {read.number: read for read in chunk}
        if phase == "checking":
            runs, told = await self._passing(groups, reads)
            passed = [number for run in runs for number in _numbers(run, reads)]
            return [*rest, *told, *(accepted(reads[number]) for number in passed)]
        self._rehearsal = Rehearsal(self.desk.log)  # what came before is in the log by now
        intended = await self.rows.intended(first)
        if intended is None:
            runs, told = await self._passing(groups, reads)
            intended = await self.rows.intend(first, runs, [*rest, *told])
        runs, results = intended
        by_first = {group[0].number: group for group in groups}
        for run in runs:
            faults = await self._do([by_first[first] for first, _ in run.groups])
            for span in run.groups:
                fault = faults.get(span[0])
                for number in _numbers(Run((span,)), reads):
                    read = reads[number]
                    results.append(accepted(read) if fault is None else rejected(read, [fault]))
        return results

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
            return [Run(tuple((group[0].number, group[-1].number) for group in groups))], []
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

    async def _do(self, groups: Sequence[Group]) -> dict[int, Fault]:
        """The commands of a run, each once whatever happens; by first row the groups that are not
        taken. What is refused now, though it passed, is halved until it is known which group a
        rival was quicker with; the same command again gets the answer that it got."""
        await self.keep()
        left, deeds, told = await self._undone(groups)
        fault = await self._done(deeds)
        if fault is None:
            return told
        if len(left) == 1:
            return told | {left[0][0].number: fault}
        middle = len(left) // 2
        return told | await self._do(left[:middle]) | await self._do(left[middle:])

    async def _undone(
        self, groups: Sequence[Group]
    ) -> tuple[list[Group], Sequence[Deed], dict[int, Fault]]:
        """Those that are not there yet, with their commands; what is objected to in others by now.
        What is there was done by us before a kill, or by a rival."""
        left, told = list(groups), dict[int, Fault]()
        while left:
            desk = replace(self.desk, streams=LiveStreams(self.desk.log.loads), taking=True)
            plan = await self._patiently(partial(self.importer.plan, desk, left))
            told |= {left[at][0].number: faults[0] for at, faults in plan.faults.items()}
            passed = {*plan.unchanged, *plan.faults}
            if not passed:
                return left, plan.deeds, told
            left = [group for at, group in enumerate(left) if at not in passed]
        return [], (), told

    async def _done(self, deeds: Iterable[Deed]) -> Fault | None:
        """The first refusal, behind which nothing is tried."""
        for deed in deeds:
            ask = self._ask(deed, deed.command)
            around = Surroundings(
                body_hash=sha256(ask.request.bytes), correlation=self.job.id, origin="import"
            )
            try:
                answer = await self._patiently(
                    partial(execute, self.desk.log, ask, around, deed.decider)
                )
            except EventsError as error:
                return told(error)
            if answer.status >= 400:
                return told_of(answer)
        return None

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


def _chunks(reads: Iterator[Read], reading: Reading, together: int) -> Iterator[list[Read]]:
    """Whole groups, so many of them or as many rows as go at once."""
    chunk: list[Read] = []
    groups, last = 0, None
    for read in reads:
        key = reading.group_of(read) if reading.importer.group else read.number
        if key is None or key != last:
            if groups >= together or len(chunk) >= ROWS_AT_ONCE:
                yield chunk
                chunk, groups = [], 0
            groups += 1
        last = key
        chunk.append(read)
    if chunk:
        yield chunk


def grouped(chunk: Sequence[Read], reading: Reading) -> tuple[list[Group], list[RowResult]]:
    """Groups of which every row was read well; what becomes of the others already."""
    rest = [ignored(read) for read in chunk if read.ignored is not None]
    members: dict[object, list[Read]] = {}
    for read in chunk:
        if read.ignored is None:
            key = reading.group_of(read) if reading.importer.group else None
            members.setdefault(read.number if key is None else key, []).append(read)
    groups: list[Group] = []
    for reads in members.values():
        wrong = [read for read in reads if read.blocked]
        if not wrong:
            groups.append(tuple(read.taken for read in reads))
            continue
        others = Fault("its_group", f"同组的第 {wrong[0].number} 行有误", "改正后同组一起导入")
        rest += [rejected(read, () if read.blocked else (others,)) for read in reads]
    return groups, rest


def _numbers(run: Run, reads: Mapping[int, Read]) -> Iterator[int]:
    """The rows of its groups that are data."""
    for first, last in run.groups:
        yield from (n for n in range(first, last + 1) if n in reads and reads[n].ignored is None)
