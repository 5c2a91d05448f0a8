"""Deliveries: events of a service's own log, sent to whoever subscribed, signed, in order.

One cursor a subscription. An event that is not taken is parked with its stream's later ones, other
streams go on; a receiver that does not answer at all is left alone for a growing pause. After 72
hours of trying, the subscription is paused and an operator's task opened. A repeat bears the same
`webhook-id`. Product 3, ADR 0011.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import httpx
import msgspec
import structlog

from libs.events import subscriptions, tasks
from libs.events.acting import Acting, Clock, Deed, Sources, utc_now
from libs.events.canonical import canonical
from libs.events.clock import today
from libs.events.codec import Contracts, decode_metadata
from libs.events.errors import FeedStoppedError, ForkedError
from libs.events.group_commit import UNKNOWN_OUTCOME, unavailable
from libs.events.leaf import leaf
from libs.events.log import Log
from libs.events.parking import Parked, pause
from libs.events.reader import Reader
from libs.events.subscriptions import GiveUpSubscription
from libs.events.tasks import OpenTask
from libs.events.types import Recorded
from libs.events.unattended import Machine, commanded

from .common_routes import cloud_event
from .webhook import ANSWER_WITHIN_S, client, is_listed, post, secrets_of, signature

TRIED_FOR = timedelta(hours=72)
LOOK_AGAIN_S = 1.0

log = structlog.get_logger()


class GaveUpError(Exception):
    """The subscription was paused: nothing more is sent for it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A subscription that is sent to: `since` its last opening or resumption, at `position`;
    `asked`: position of the last redelivery asked for, from `again_from` on (0: none)."""

    id: UUID
    area: UUID | None
    url: str
    types: frozenset[str] | None
    from_position: int
    position: int
    since: datetime
    asked: int
    again_from: int

    @property
    def name(self) -> str:
        return f"subscription.{self.id}"


async def opened(pool: asyncpg.Pool) -> list[Opened]:
    """All that are active and have a secret."""
    rows = await pool.fetch(_OPENED)
    return [
        Opened(
            row["id"],
            row["area"],
            row["url"],
            None if row["types"] is None else frozenset(row["types"]),
            *list(row.values())[4:],
        )
        for row in rows
    ]


class Delivering(Acting[None]):
    """One subscription at work."""

    longest_pause = timedelta(hours=1)
    stops_when_full = False

    def __init__(
        self,
        subscription: Opened,
        sources: Sources,
        store: Log,
        contracts: Contracts,
        *,
        sender: httpx.AsyncClient,
        listed: Sequence[str],
        clock: Clock = utc_now,
    ) -> None:
        reader = Reader(subscription.name, store.service, lambda *_: ())
        super().__init__(reader, sources, store, contracts, clock)
        self.subscription, self.sender, self.listed = subscription, sender, listed
        self._unanswered, self.left_alone_until = 0, clock()

    async def deed(self, event: Recorded) -> Deed[None] | None:
        """Whether the subscription is for this event: by type, and by area as GET /events cuts."""
        wanted = self.subscription
        if wanted.types is not None and event.type not in wanted.types:
            return None
        if wanted.area is not None:
            area = self._area(event)
            if area is None or wanted.area not in await self.store.known.path(area):
                return None
        return Deed(event, event.stream, None)

    def _area(self, event: Recorded) -> UUID | None:
        try:
            area = msgspec.json.decode(event.payload).get("area")
            return None if area is None else UUID(area)
        except Exception as error:
            raise self.poison(event, error) from error

    async def act(self, deed: Deed[None]) -> str | None:
        """Send it once. Why it was not taken: a status, or that nobody answered."""
        if not is_listed(self.subscription.url, self.listed):
            return self._left_alone("not listed")
        body = canonical(cloud_event(self.store.service, deed.event))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                status = await self._post(deed.event, body)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError) as error:
            return self._left_alone(type(error).__name__)
        self._unanswered = 0
        return None if 200 <= status < 300 else f"status {status}"

    def _left_alone(self, reason: str) -> str:
        self._unanswered += 1
        self.left_alone_until = self.clock() + pause(self._unanswered, self.longest_pause)
        return reason

    async def _post(self, event: Recorded, body: bytes) -> int:
        id_, now = f"{self.store.service}-{event.identity}", self.clock()
        timestamp = int(now.timestamp())
        secrets = await secrets_of(self.pool, self.subscription.id, now)
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": id_,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(one, id_, timestamp, body) for one in secrets),
        }
        traceparent = decode_metadata(event.metadata).traceparent
        if traceparent is not None:
            headers["traceparent"] = traceparent
        return await post(self.sender, self.subscription.url, headers, body)

    def held(self) -> bool:
        return self.clock() < self.left_alone_until

    async def waits(self, row: Parked) -> None:
        """Raises: GaveUpError when it was tried for long enough since the last resumption."""
        if self.clock() - max(row.parked_at, self.subscription.since) < TRIED_FOR:
            return
        this = self.subscription
        machine, key = Machine(f"delivery:{this.id}"), f"given up since {this.position}"
        task = OpenTask(
            occurred_on=today(),
            area=this.area,
            kind="deliveries_paused",
            waits_for="operator",
            target=this.id,
            about=f"{self.store.service}/{this.name}/{this.position}",
            reason=row.reason,
            numbers={"position": row.position, "attempts": row.attempts + 1},
        )
        # The task first: once it is paused nobody comes here again.
        await commanded(self.store, machine, f"{key}/task", tasks.OPEN, task)
        paused = GiveUpSubscription(occurred_on=today())
        await commanded(self.store, machine, key, subscriptions.GIVE_UP, paused, target=this.id)
        log.warning("subscription_paused", reader=self.reader.lease, position=row.position)
        raise GaveUpError(this.name)

    async def prepare(self) -> None:
        """From where it was opened, from where it stood, or once from where it is to go again."""
        this = self.subscription
        applied = await self.pool.fetchval(_REDELIVERED, this.id)
        if applied is None:
            await self._set_back(this.from_position - 1, 0)
        if this.asked > (applied or 0):
            await self._set_back(this.again_from - 1, this.asked)
        await self.parking.hurry(self.clock())

    async def _set_back(self, position: int, asked: int) -> None:
        """The cursor behind an event that was sent before, once for what was asked. What waits
        from there on comes again in its place."""
        event = await self.owner.at(position) if position else None
        if position and event is None:
            raise ForkedError(f"{self.reader.lease}: 来源在 {position} 没有事件", position=position)
        where = (0, 0, None) if event is None else (event.epoch, position, leaf(event))
        async with self.pool.acquire() as connection, connection.transaction():
            done = await connection.execute(
                _SET_BACK, self.reader.name, self.reader.source, *where, self.row.lease.token
            )
            if done != "INSERT 0 1":
                raise self.row.taken("a later holder has opened the cursor")
            await connection.execute(_UNPARK, self.reader.name, position)
            await connection.execute(_APPLIED, self.subscription.id, asked)


class Deliveries:
    """Every subscription of one service: started, ended and started anew as it changes."""

    def __init__(
        self, sources: Sources, store: Log, contracts: Contracts, listed: Sequence[str]
    ) -> None:
        self.sources, self.store, self.contracts, self.listed = sources, store, contracts, listed
        self.pool = store.pool

    async def run(self) -> None:
        """Until cancelled; what fails otherwise than by a stop ends it, as in every reader."""
        running: dict[Opened, asyncio.Task[None]] = {}
        async with client() as sender, asyncio.TaskGroup() as group:
            while True:
                wanted = await self._wanted()
                for gone in running.keys() - set(wanted):
                    running.pop(gone).cancel()
                for new in set(wanted) - running.keys():
                    running[new] = group.create_task(self._deliver(new, sender))
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _wanted(self) -> list[Opened]:
        while True:
            try:
                return await opened(self.store.pool)
            except (asyncpg.PostgresError, *UNKNOWN_OUTCOME) as error:
                if not unavailable(error):
                    raise
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _deliver(self, subscription: Opened, sender: httpx.AsyncClient) -> None:
        delivering = Delivering(
            subscription,
            self.sources,
            self.store,
            self.contracts,
            sender=sender,
            listed=self.listed,
        )
        try:
            await delivering.run()
        except (GaveUpError, FeedStoppedError):
            return  # written where an operator looks: the log, the cursor row


_OPENED = """
SELECT s.id, s.area, s.url, s.types, s.from_position, t.position, t.since,
       coalesce(r.position, 0) AS asked, coalesce(r.from_position, 0) AS again_from
  FROM es.subscriptions s
  JOIN es.subscription_states t ON t.subscription = s.id AND t.state = 'active'
  LEFT JOIN es.redeliveries r ON r.subscription = s.id
 WHERE EXISTS (SELECT FROM es.secrets WHERE subscription = s.id)
"""
_REDELIVERED = "SELECT redelivered FROM es.deliveries WHERE subscription = $1"
_SET_BACK = """
INSERT INTO es.cursors AS c (reader, source, epoch, position, leaf, token)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (reader, source) DO UPDATE
   SET epoch = $3, position = $4, leaf = $5, token = $6, topic_offset = NULL WHERE c.token <= $6
"""
_UNPARK = "DELETE FROM es.parked WHERE reader = $1 AND position > $2"
_APPLIED = """
INSERT INTO es.deliveries (subscription, redelivered) VALUES ($1, $2)
ON CONFLICT (subscription) DO UPDATE SET redelivered = $2
"""
