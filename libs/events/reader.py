"""From a feed to read tables: fold, upsert and cursor in one transaction, under a fenced lease.

A reader applies position last + 1 and drops lower ones. A hole, another leaf or epoch at its
cursor, or an event that it cannot apply stops it: it says where and why in its cursor row, and
nothing is skipped. Design 4 and 5, ADR 0004.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from . import measures, spans
from .codec import Contracts, decode_metadata
from .cursor import Cursor, check
from .cursor_row import CursorRow
from .entries import Row, Table, write
from .errors import FeedStoppedError, ForkedError, PoisonError, ReplacedError
from .feed import Feed
from .generations import feed_generation
from .group_commit import UNKNOWN_OUTCOME, told, unavailable
from .leaf import leaf
from .types import Event, Metadata, Recorded

PAGE = 500
POLL_FIRST_S, POLL_LAST_S, CONFIRM_S = 0.25, 2.0, 1.0

Project = Callable[[Recorded, Event, Metadata], Iterable[tuple[Table, Row]]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reader:
    """What a service reads of one source. `name` is `known` for facts that its rules rely on
    (their positions stand in every event as `seen`), else the name of its read model. `of`: the
    facts that give rows, so that a rebuild need not read the others; None: any may."""

    name: str
    source: str
    project: Project
    of: tuple[type[Event], ...] | None = None

    @property
    def lease(self) -> str:
        return f"{self.name}:{self.source}"


class Reading:
    """One reader at work on its service's database. `replay`: it makes again what once was made,
    and its spans say so."""

    def __init__(
        self,
        reader: Reader,
        feed: Feed,
        pool: asyncpg.Pool,
        contracts: Contracts,
        *,
        service: str = "",
        replay: bool = False,
    ) -> None:
        self.reader, self.feed, self.pool, self.contracts = reader, feed, pool, contracts
        self.service, self.replay = service, replay
        self.named = {"service": service, "reader": reader.name, "source": reader.source}
        self.row = CursorRow(reader.name, reader.source, pool)
        self._ask_at = 0.0
        self._told: tuple[int, float] | None = None

    async def run(self) -> None:
        """Read until cancelled. Raises: FeedStoppedError, after writing it into the cursor row."""
        try:
            await self._keep_following()
        finally:
            await self.row.lease.release()

    async def _keep_following(self) -> None:
        pause_s = POLL_FIRST_S
        while True:
            try:
                await self._follow()
            except ReplacedError:  # told by the lease or the cursor row
                await asyncio.sleep(1)
            except FeedStoppedError as error:
                measures.STOPS.add(1, {**self.named, "error": type(error).__name__})
                await self.row.say_stopped(str(error))
                raise
            except (asyncpg.PostgresError, *UNKNOWN_OUTCOME) as error:
                if not unavailable(error):
                    raise
                log.warning(
                    "feed_unreachable", reader=self.reader.lease, error=type(error).__name__
                )
                await asyncio.sleep(pause_s)
                pause_s = min(POLL_LAST_S, pause_s * 2)

    async def _follow(self) -> None:
        cursor = await self.begin()
        idle_s = POLL_FIRST_S
        while True:
            moved = await self.step(cursor)
            await self._confirm(moved)
            if moved == cursor:
                await self.feed.wait(idle_s)
                idle_s = min(POLL_LAST_S, idle_s * 2)
            else:
                cursor, idle_s = moved, POLL_FIRST_S
            await self.row.lease.keep()

    async def begin(self) -> Cursor:
        """Take the lease; where to go on. Raises: ReplacedError while another holds it."""
        await self.row.lease.take()
        await self.prepare()
        cursor = await self.row.open()
        await self.feed.resume(cursor)
        return cursor

    async def prepare(self) -> None:
        """Called with the lease held, before the cursor is opened."""

    async def catch_up(self) -> Cursor:
        """Apply all there is now, and return."""
        cursor = await self.begin()
        while (moved := await self.step(cursor)) != cursor:
            cursor = moved
        self._ask_at = 0.0
        await self._confirm(cursor)
        return cursor

    async def step(self, cursor: Cursor) -> Cursor:
        """Apply one page behind the cursor; the same cursor when there is nothing new."""
        began = time.monotonic()
        page = await self.feed.read(max(0, cursor.position - 1), PAGE)
        fresh = check(self.reader.lease, cursor, page)
        if not fresh:
            return cursor
        self._took("read", began)
        with spans.page("project", fresh, replay=self.replay, **self.named):
            return await self._apply(cursor, fresh)

    async def _apply(self, cursor: Cursor, fresh: list[Recorded]) -> Cursor:
        began = time.monotonic()
        good, rows = self._projectable(fresh)
        began = self._took("project", began)
        last = good[-1]
        offsets = [self.feed.offset_of(event.position) for event in good]
        moved = Cursor(last.epoch, last.position, leaf(last), offsets[-1])
        taken = sum(offset is not None for offset in offsets)
        async with self.pool.acquire() as connection, connection.transaction():
            fed = await self.row.move(connection, cursor, moved, taken)
            await self._write(connection, rows, good)
            for generation in fed:
                await feed_generation(connection, generation, self.reader.lease, rows)
        self._took("write", began)
        measures.APPLIED.add(len(good), self.named)
        return moved

    def _took(self, stage: str, began: float) -> float:
        """How long a stage of a page took; when the next one begins."""
        now = time.monotonic()
        measures.PAGE_DURATION.record(now - began, {**self.named, "stage": stage})
        return now

    def _projectable(self, fresh: list[Recorded]) -> tuple[list[Recorded], list[tuple[Table, Row]]]:
        """The events up to a poisoned one, with their rows: what stands before it is applied, and
        the next step meets it first. Raises: PoisonError."""
        rows: list[tuple[Table, Row]] = []
        for count, event in enumerate(fresh):
            try:
                rows += self._projected(event)
            except PoisonError:
                if count == 0:
                    raise
                return fresh[:count], rows
        return fresh, rows

    async def _write(
        self, connection: Any, rows: list[tuple[Table, Row]], page: list[Recorded]
    ) -> None:
        try:
            await write(connection, rows)
        except Exception as error:
            if unavailable(error):
                raise
            raise PoisonError(
                f"{self.reader.lease}: {page[0].identity} … {page[-1].identity}: {told(error)}",
                position=page[0].position,
            ) from error

    def _projected(self, event: Recorded) -> list[tuple[Table, Row]]:
        try:
            fact = self.contracts.decode(event.type, event.schema_version, event.payload)
            if fact is None:
                return []  # a type of a newer release: a tolerant reader goes on
            return list(self.reader.project(event, fact, decode_metadata(event.metadata)))
        except Exception as error:
            raise self.poison(event, error) from error

    def poison(self, event: Recorded, error: Exception) -> PoisonError:
        return PoisonError(
            f"{self.reader.lease}: {event.type} at {event.identity}: {told(error)}",
            position=event.position,
        )

    async def _confirm(self, cursor: Cursor) -> None:
        """Say since when the reader has applied all there was: a copy's age is known on a quiet
        source and on a busy one, whose head is always a little further."""
        now = asyncio.get_running_loop().time()
        if now >= self._ask_at:
            self._ask_at = now + CONFIRM_S
            head = await self.feed.head()
            if head is not None:
                measures.FEED_AGE.told(source=self.reader.source)
                measures.LAG.tell(max(0, head.position - cursor.position), **self.named)
            if head is not None and head.position < cursor.position:
                raise ForkedError(
                    f"{self.reader.lease}: 来源止于 {head.position}，已读到 {cursor.position}",
                    position=cursor.position,
                )
            if head is not None and self._told is None:
                self._told = head.position, now - head.age.total_seconds()
        if self._told is not None and cursor.position >= self._told[0]:
            age_s = asyncio.get_running_loop().time() - self._told[1]
            self._told = None
            await self.row.confirm(age_s)
