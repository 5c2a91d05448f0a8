"""A reader whose effect lies outside the transaction of its cursor: a command, a delivery.

It applies position last + 1 with the checks of every reader, never runs ahead of its service's own
copy of the source, and moves its cursor after each effect, so that a crash repeats one effect at
most: whoever gets it knows the repeat by its id. What cannot be done yet is parked (parking.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog

from .codec import Contracts
from .cursor import Cursor, check
from .cuts import Past
from .errors import BusyError, ClockError, HoleError, ParkedFullError
from .feed import DirectFeed, Feed
from .leaf import leaf
from .log import Log
from .parking import BEHIND, Parked, Parking, pause
from .reader import PAGE, Reader, Reading
from .types import Head, Recorded

T = TypeVar("T")
NOT_NOW = (BusyError, ClockError)
"""The store cannot now, whatever is asked of it: no fault of the event."""

Clock = Callable[[], datetime]
log = structlog.get_logger()


class Owner(Past, Protocol):
    """The owner's own log, where any position can be read again."""

    async def head(self) -> Head | None: ...


@dataclass(frozen=True, slots=True)
class Deed(Generic[T]):
    """What an event asks for. Deeds of one key keep their order."""

    event: Recorded
    key: UUID
    what: T


@dataclass(frozen=True, slots=True)
class Sources:
    """The feed to follow, and the owner's log to read parked events from again."""

    feed: Feed
    owner: Owner

    @classmethod
    def direct(cls, feed: DirectFeed) -> Sources:
        """Both are the same where the owner's log itself is followed."""
        return cls(feed, feed)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Acting(Reading, ABC, Generic[T]):
    """One such reader at work. `longest_pause`: between two tries of a parked event.
    `stops_when_full`: too many parked events are a fault; else it waits until there is room."""

    longest_pause = timedelta(minutes=5)
    stops_when_full = True

    def __init__(
        self,
        reader: Reader,
        sources: Sources,
        store: Log,
        contracts: Contracts,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(reader, sources.feed, store.pool, contracts, service=store.service)
        self.owner, self.store, self.clock = sources.owner, store, clock
        self.parking = Parking(store.pool, reader.name, reader.source)
        self._at = Cursor(0, 0, None)

    @abstractmethod
    async def deed(self, event: Recorded) -> Deed[T] | None:
        """What the event asks for, or nothing. Raises: PoisonError."""

    @abstractmethod
    async def act(self, deed: Deed[T]) -> str | None:
        """Do it, once however often it is asked: None when it is done, else why it must wait.
        Raises: PoisonError, and NOT_NOW while the store cannot."""

    def held(self) -> bool:
        """Nothing at all can be done at present."""
        return False

    async def waits(self, row: Parked) -> None:
        """Called when a parked event failed again."""

    async def step(self, cursor: Cursor) -> Cursor:
        """Try what is due, then one page behind the cursor; how far it was moved."""
        self._at = cursor
        try:
            while not self.held() and await self._retried():
                await self.row.lease.keep()
            if not self.held():
                page = await self.feed.read(max(0, cursor.position - 1), PAGE)
                await self._through(check(self.reader.lease, cursor, page))
        except NOT_NOW as error:
            log.warning("effect_waits", reader=self.reader.lease, error=type(error).__name__)
        return self._at

    async def _through(self, fresh: list[Recorded]) -> None:
        """Deed by deed, up to what can be done."""
        known = await self._known_to() if fresh else 0
        counts, passed = await self.parking.counts() if fresh else {}, None
        for event in fresh:
            if event.position > known or self.held():
                break
            deed = await self.deed(event)
            if deed is not None:
                await self._passed(event, await self._tried(deed, counts), deed.key)
                await self.row.lease.keep()
            passed = event
        if passed is not None and passed.position > self._at.position:
            await self._passed(passed)

    async def _tried(self, deed: Deed[T], counts: dict[UUID, int]) -> tuple[int, str] | None:
        """(attempts, reason) of one that must wait. Raises: ParkedFullError, or BusyError where it
        is enough to wait for room."""
        behind, full = deed.key in counts, self.parking.full(counts, deed.key)
        if full is not None and not self.stops_when_full:
            raise BusyError(full)  # not asked again and again while there is no room to wait
        reason = BEHIND if behind else await self.act(deed)
        if reason is None:
            return None
        if full is not None:
            raise ParkedFullError(full)
        counts[deed.key] = counts.get(deed.key, 0) + 1
        return (0 if behind else 1, reason)

    async def _passed(
        self, event: Recorded, tried: tuple[int, str] | None = None, key: UUID | None = None
    ) -> None:
        """Move the cursor behind an event, and park it where its effect must wait."""
        offset = self.feed.offset_of(event.position)
        moved = Cursor(event.epoch, event.position, leaf(event), offset)
        async with self.pool.acquire() as connection, connection.transaction():
            await self.row.move(connection, self._at, moved, int(offset is not None))
            if key is not None and tried is not None:
                now = self.clock()
                after = now + pause(tried[0], self.longest_pause) if tried[0] else now
                await self.parking.park(connection, (key, event.position), tried, (now, after))
                log.info("event_parked", reader=self.reader.lease, position=event.position)
        self._at = moved

    async def _retried(self) -> bool:
        """Try the oldest of each key that is due; whether any was done."""
        done = False
        for row in await self.parking.due(self.clock()):
            event = await self.owner.at(row.position)
            if event is None:
                raise HoleError(
                    f"{self.reader.lease}: 位置 {row.position} 缺失", position=row.position
                )
            deed = await self.deed(event)
            reason = None if deed is None else await self.act(deed)
            if reason is None:
                await self.parking.done(row.position)
                done = True
            else:
                after = self.clock() + pause(row.attempts + 1, self.longest_pause)
                await self.parking.again(row, reason, after)
                await self.waits(row)
            await self.row.lease.keep()
            if self.held():
                break
        return done

    async def _known_to(self) -> int:
        """Up to where this service's own copy of the source holds; a rule must find there what
        the event is about."""
        position: int | None = await self.pool.fetchval(
            "SELECT position FROM es.cursors WHERE reader = 'known' AND source = $1",
            self.reader.source,
        )
        return 2**63 - 1 if position is None else position
