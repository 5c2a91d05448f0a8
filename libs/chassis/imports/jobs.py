"""The jobs of one service in a worker: one after another, each under a lease of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog

from libs.events.clock import today
from libs.events.decider import Ask
from libs.events.errors import ReplacedError
from libs.events.execute import Surroundings, execute
from libs.events.group_commit import UNKNOWN_OUTCOME, unavailable
from libs.events.imports import RECORD, RecordImport
from libs.events.lease import Lease
from libs.events.loads import LiveStreams
from libs.events.log import Log
from libs.events.types import request_id

from ..errands import AskedServiceAwayError, Errands
from ..files.room import DiskNearlyFullError, require_room
from ..files.store import FileNotIntactError, FileStore
from ..observe import beside
from ..sheets.book import Book, opened
from ..sheets.unreadable import UnreadableBook
from ..vault.vault import Vault
from . import store
from .columns import Setting
from .header import Header
from .importer import REASON, Desk, Importer
from .job_rows import JobRows
from .outcome import Source, write_outcome
from .prepared import header_of, sheet_of
from .reading import Read, Reading
from .settings import day_of, places_of, setting_of
from .store import Job, Prepared
from .taking import CancelledError, Sheet, Taking
from .tally import Tally, tally

LOOK_AGAIN_S = 0.5
LEASE = timedelta(seconds=4)
RENEWED_AFTER_S = 1
STARTS = 5
"""Begun so often without getting further: what kills its worker is not begun again."""

log = structlog.get_logger()


class Jobs:
    """Until cancelled. A job whose worker died is begun again by whoever gets its lease."""

    def __init__(
        self,
        importers: Sequence[Importer],
        log_: Log,
        files: FileStore,
        vault: Vault | None,
        errands: Errands | None = None,
    ) -> None:
        self.importers = {one.name: one for one in importers}
        self.store, self.files, self.vault, self.errands = log_, files, vault, errands
        self.pool = log_.pool

    async def once(self) -> None:
        """What waits now, or was left behind."""
        for id_ in await store.next_jobs(self.pool):
            await self._attempt(id_)

    async def run(self) -> None:
        while True:
            try:
                await self.once()
            except (asyncpg.PostgresError, *UNKNOWN_OUTCOME) as error:
                if not unavailable(error):
                    raise
                log.warning("jobs_unreachable", error=type(error).__name__)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _attempt(self, id_: UUID) -> None:
        lease = Lease(f"job.{id_}", self.pool, LEASE)
        with suppress(ReplacedError):  # another worker has it, or took it from us
            await lease.take()
            async with beside(_renewing(lease)):
                job = await store.waiting(self.pool, id_)
                if job is not None:
                    await self._take(job, lease)
            await lease.release()

    async def _take(self, job: Job, lease: Lease) -> None:
        rows = JobRows(self.pool, job)
        if job.same_as is not None:
            await rows.ended("done", Tally())
            return
        if await rows.began() > STARTS:
            await rows.ended("failed", error=f"{STARTS} 次都没有进展")
            log.error("job_given_up", job=job.number)
            return
        try:
            await self._through(job, rows, lease)
        except (DiskNearlyFullError, AskedServiceAwayError) as error:
            await _wait(rows, str(error))
        except CancelledError:
            reached = await store.waiting(self.pool, job.id)  # by now it may be taking
            await self._end(reached or job, rows, "cancelled")
        except (UnreadableBook, FileNotIntactError) as error:
            await rows.ended("failed", error=str(error))
        except (ReplacedError, asyncpg.PostgresError, *UNKNOWN_OUTCOME):
            raise  # it goes on when the store is there, or elsewhere
        except Exception as error:
            log.exception("job_failed", job=job.number)
            await rows.ended("failed", error=f"系统内部错误：{type(error).__name__}")

    async def _through(self, job: Job, rows: JobRows, lease: Lease) -> None:
        self._require_room()
        importer = self.importers[job.prepared.importer]
        prepared = job.prepared
        async with self.files.plain(prepared.digest) as path:
            with opened(path, prepared.name) as book:
                header = await asyncio.to_thread(header_of, book, prepared, importer)
                sheet = _sheet(
                    book,
                    importer,
                    prepared,
                    header,
                    await setting_of(self.store, prepared, importer),
                )
                desk = await self._desk(job)
                taking = Taking(job, sheet, desk, rows, partial(self._keep, lease))
                state = await taking.run()
            await self._end(taking.job, rows, state, Source(path, header, importer))

    async def _keep(self, lease: Lease) -> None:
        """Between two chunks. Raises: ReplacedError, DiskNearlyFullError."""
        self._require_room()
        await lease.take()

    def _require_room(self) -> None:
        require_room(self.files.folder, "导入暂停，腾出空间后自动继续")

    async def _end(
        self,
        job: Job,
        rows: JobRows,
        state: str,
        of: Source | None = None,
    ) -> None:
        results = await rows.rows(job.phase)
        counted = tally(results)
        made: tuple[str | None, str | None] = (None, None)
        if of is not None:
            made = await write_outcome(self.files, job, of, results, counted)
        if job.phase == "taking" and counted.read:
            await self._record(job, counted)
        await rows.ended(state, counted, made)

    async def _record(self, job: Job, counted: Tally) -> None:
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
        await execute(self.store, ask, around, RECORD)

    async def _desk(self, job: Job) -> Desk:
        prepared = job.prepared
        return Desk(
            log=self.store,
            streams=LiveStreams(self.store.loads),
            vault=self.vault,
            errands=self.errands,
            actor=prepared.actor,
            behalf=prepared.behalf,
            area=prepared.area,
            settings=prepared.settings,
            places=await places_of(self.pool, prepared.area),
            day=day_of(prepared),
            taking=False,
        )


async def _wait(rows: JobRows, why: str) -> None:
    if await rows.waits(why):
        log.warning("job_waits", job=rows.job.number, why=why)


async def _renewing(lease: Lease) -> None:
    """A chunk may take longer than the lease. Whoever lost it is told by the next chunk."""
    while True:
        await asyncio.sleep(RENEWED_AFTER_S)
        with suppress(ReplacedError, asyncpg.PostgresError, *UNKNOWN_OUTCOME):
            await lease.take()


def _sheet(
    book: Book, importer: Importer, prepared: Prepared, header: Header, setting: Setting
) -> Sheet:
    mapping = prepared.mapping or {}

    def reading() -> Reading:
        return Reading(importer, mapping, header, setting)

    def reads(one: Reading) -> Iterator[Read]:
        return one.rows(book.rows(sheet_of(book, prepared.sheet)))

    return Sheet(importer, reading, reads)
