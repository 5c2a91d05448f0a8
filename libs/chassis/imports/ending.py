"""How a job ends: what it took is counted, recorded and told, also where it ends in the middle."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import structlog

from libs.events.answer import Answer
from libs.events.clock import today
from libs.events.decider import Ask
from libs.events.errors import Refused
from libs.events.execute import Surroundings, execute
from libs.events.imports import RECORD, RecordImport
from libs.events.log import Log
from libs.events.types import request_id

from ..files.store import FileNotIntactError, FileStore
from .importer import REASON
from .job_rows import JobRows
from .outcome import Books, Source, write_outcome
from .results import become
from .store import Job, waiting
from .taking import GOES_ON
from .tally import Tally, tally

T = TypeVar("T")
EARLY = ("cancelled", "failed")
NO_BOOKS: Books = (None, None)
UNWRITTEN = "结果表没有写成，请取 csv 或 json"
UNRECORDED = "没有记入账册：已收下的行照旧有效，请联系维护人员"

log = structlog.get_logger()


class Ending:
    """Of the jobs of one service. Whatever cannot be told is no reason not to tell the rest."""

    def __init__(self, log_: Log, files: FileStore) -> None:
        self.store, self.files = log_, files

    async def end(
        self,
        job: Job,
        rows: JobRows,
        state: str,
        error: str | None = None,
        of: Source | None = None,
    ) -> None:
        """`of`: the sheet, where it can be marked. Raises: what the job goes on after."""
        early = state in EARLY
        job = await waiting(self.store.pool, job.id) or job  # by now it may be taking
        for first, runs, rest in await rows.in_hand():
            await rows.through(job.phase, first, [*rest, *become(runs, rows.fates)])
        results = await rows.rows(job.phase)
        counted = tally(results)
        if job.phase == "taking" and counted.read:
            recorded = await _safely(self._record(job, counted), "import_unrecorded", job)
            if recorded is None or recorded.status >= 400:
                state, error = "failed", error or UNRECORDED
        books: Books | None = NO_BOOKS
        if of is not None:
            writing = write_outcome(self.files, job, of, results, counted, early=early)
            books = await _safely(writing, "outcome_unwritten", job)
        told = error if books else error or UNWRITTEN
        await rows.ended(state, counted, books or NO_BOOKS, told)

    async def _record(self, job: Job, counted: Tally) -> Answer:
        command = RecordImport(
            occurred_on=today(),
            area=job.prepared.area,
            job=job.id,
            number=job.number,
            importer=job.prepared.importer,
            digest=job.prepared.digest,
            mode=job.mode,
            read=counted.read,
            accepted=counted.accepted,
            rejected=counted.rejected,
            ignored=counted.ignored,
            accepted_fen=counted.accepted_fen,
            rejected_fen=counted.rejected_fen,
            reason=job.prepared.settings.get(REASON),
        )
        id_ = request_id(str(job.id), "record")
        ask = Ask(id_, None, command, job.prepared.actor, job.prepared.behalf)
        around = Surroundings(body_hash=id_.bytes, correlation=job.id, origin="import")
        return await execute(self.store, ask, around, RECORD)


def why(job: Job, error: Exception) -> str:
    """In words for whoever sent the sheet; what nobody foresaw is told in the log."""
    if isinstance(error, (Refused, FileNotIntactError)):
        return str(error)
    log.exception("job_failed", job=job.number)
    return f"系统内部错误：{type(error).__name__}"


async def _safely(doing: Awaitable[T], failed: str, job: Job) -> T | None:
    """None, and told in the log, where it cannot be done."""
    try:
        return await doing
    except GOES_ON:
        raise
    except Exception:
        log.exception(failed, job=job.number)
        return None
