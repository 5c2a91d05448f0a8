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

from libs.events.errors import ReplacedError
from libs.events.group_commit import UNKNOWN_OUTCOME, unavailable
from libs.events.lease import Lease
from libs.events.loads import LiveStreams
from libs.events.log import Log

from ..errands import AskedServiceAwayError, Errands
from ..files.room import DiskNearlyFullError, require_room
from ..files.store import FileStore
from ..observe import beside
from ..sheets.book import Book, opened
from ..vault.vault import Vault
from . import store
from .columns import Setting
from .ending import Ending, why
from .header import Header
from .importer import Desk, Importer
from .job_rows import JobRows
from .outcome import Source
from .prepared import header_of, sheet_of
from .reading import Read, Reading
from .settings import day_of, places_of, setting_of
from .store import Job, Prepared
from .taking import GOES_ON, CancelledError, Sheet, Taking
from .tally import Tally

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
        self.ending = Ending(log_, files)

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
        try:
            if await rows.began() > STARTS:
                log.error("job_given_up", job=job.number)
                await self.ending.end(job, rows, "failed", f"{STARTS} 次都没有进展")
            else:
                await self._through(job, rows, lease)
        except (DiskNearlyFullError, AskedServiceAwayError) as error:
            await _wait(rows, str(error))
        except GOES_ON:
            raise
        except Exception as error:  # its sheet cannot be read at all
            await self.ending.end(job, rows, "failed", why(job, error))

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
                state, error = await _ended(taking)
            await self.ending.end(job, rows, state, error, Source(path, header, importer))

    async def _keep(self, lease: Lease) -> None:
        """Between two chunks. Raises: ReplacedError, DiskNearlyFullError."""
        self._require_room()
        await lease.take()

    def _require_room(self) -> None:
        require_room(self.files.folder, "导入暂停，腾出空间后自动继续")

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


async def _ended(taking: Taking) -> tuple[str, str | None]:
    """The state, and why it could not go on. Raises: what it goes on after."""
    try:
        return await taking.run(), None
    except CancelledError:
        return "cancelled", None
    except GOES_ON:
        raise
    except Exception as error:
        return "failed", why(taking.job, error)


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
