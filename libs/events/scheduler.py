"""The scheduler of one service: what is due by the clock becomes a command, once, in due order.

One holds the lease; its token fences what it marks. The request id of a command follows from
deadline, subject and due day, so a repeat gets the first answer, whoever asks: after a crash
between deed and mark, beside a holder that slept, with a clock that was put back. The clock says
which day it is and nothing else; a command carries the business day on which it fell due. A clock
that the log would not believe is not believed here. ADR 0022.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec
import structlog

from . import tasks
from .acting import NOT_NOW, Clock, utc_now
from .answer import Answer
from .clock import CHINA
from .clocks import ClockRow, Waiting
from .deadline import BEYOND, HAPPENED, MOVED, Deadline, Found, about
from .decider import AnyDecider, Reaction
from .errors import ClockError, EpochError, FeedStoppedError, PoisonError, ReplacedError
from .group_commit import told, unavailable
from .log import Log
from .matters import Waits, look
from .reactor import NOT_YET
from .tasks import CloseTask, OpenTask
from .unattended import Machine, commanded

PAUSE_S, IDLE_S = 5.0, 60.0
"""Between two looks at a log that moves; and at one that stands, where only the day can change."""
POLL_S = 1.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swept:
    """What one look found: by which day, how many are due and not yet done, and of how many no
    day can be reckoned."""

    on: date
    late: int
    beyond: int


class Scheduling:
    """The deadlines of one service at work on its log."""

    def __init__(
        self,
        store: Log,
        deadlines: Sequence[Deadline],
        deciders: Iterable[AnyDecider],
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.store, self.pool, self.clock = store, store.pool, clock
        self.deadlines = deadlines
        self.deciders = {decider.command: decider for decider in deciders}
        self.row = ClockRow(store.pool)
        self.outcomes: Counter[str] = Counter()
        self.beyond = 0

    async def run(self) -> None:
        """Look again and again until cancelled. Raises: FeedStoppedError, once it is written."""
        try:
            while True:
                await self._looked()
        finally:
            await self.row.lease.release()

    async def _looked(self) -> None:
        try:
            head = await self._head()
            if await self.sweep() is None:
                await asyncio.sleep(POLL_S)
            else:
                await self._pause(head)
        except ReplacedError:
            await asyncio.sleep(POLL_S)
        except (*NOT_NOW, *NOT_YET) as error:
            log.warning("deadlines_wait", service=self.store.service, error=type(error).__name__)
            await self.row.say_waiting(str(error))
            await asyncio.sleep(PAUSE_S)
        except EpochError:
            raise
        except Exception as error:
            if not unavailable(error):
                raise await self._stopped(error) from error
            log.warning("deadlines_wait", service=self.store.service, error=type(error).__name__)
            await asyncio.sleep(PAUSE_S)

    async def _stopped(self, error: Exception) -> FeedStoppedError:
        """Whatever was not foreseen ends the deadlines of this service alone."""
        stopped = error if isinstance(error, FeedStoppedError) else PoisonError(told(error))
        await self.row.say_stopped(str(stopped))
        log.error("deadlines_stopped", service=self.store.service, reason=str(stopped))
        return stopped

    async def _pause(self, head: int) -> None:
        """Until the log has moved or the day may have changed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (passed := loop.time() - began) < IDLE_S:
            await asyncio.sleep(POLL_S)
            await self.row.lease.keep()
            if passed >= PAUSE_S and await self._head() != head:
                return

    async def sweep(self) -> Swept | None:
        """Do all that is due by the clock, in due order, and close what waits no longer; None while
        the service's own tables are behind its log.

        Raises: ReplacedError while another holds the lease, ClockError, BusyError, PoisonError.
        """
        await self.row.open()
        now = self.clock()
        await self._believe(now)
        if not await self._caught_up():
            return None
        today = now.astimezone(CHINA).date()
        found, gone = await look(self.store, self.deadlines, today)
        late = await self._act(found, now, today)
        await self._close(found, gone, today)
        await self.row.swept(today, late)
        beyond = sum(one.due == BEYOND for one in found)
        if beyond != self.beyond:
            log.warning("deadlines_beyond", service=self.store.service, matters=beyond)
        self.beyond = beyond
        return Swept(today, late, beyond)

    async def _believe(self, now: datetime) -> None:
        """By the bounds of the log. Raises: ClockError."""
        row = await self.pool.fetchrow(_CLOCK)
        assert row is not None, "the store has its row"
        head_at, ahead = row
        if head_at is not None and not head_at - BEHIND <= now <= head_at + ahead:
            raise ClockError(f"时钟 {now.isoformat()} 不可信：最后的事件在 {head_at.isoformat()}")

    async def _caught_up(self) -> bool:
        """Whether the tables show what the log holds: else something is taken for waiting that was
        answered meanwhile."""
        head = await self._head()
        behind: bool = await self.pool.fetchval(_BEHIND, self.store.service, head)
        return not behind

    async def _head(self) -> int:
        head: int = await self.pool.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
        return head

    async def _act(self, found: Sequence[Found], now: datetime, today: date) -> int:
        """In due order, whatever is not marked as done; how many must wait."""
        order = [one for one in found if one.due.acts_on <= today]
        if not order:
            return 0
        order.sort(key=lambda one: (one.due.acts_on, *one.key[:2]))
        keys = [one.key for one in order]
        (done, waiting), closed = await self.row.marked(keys, now), await self.row.closed(keys)
        late = 0
        for first in order:
            one = first._replace(due=first.due._replace(again=closed[first.key]))
            if done.get(one.key, -1) >= one.due.again:
                continue
            waits = waiting.get(one.key)
            if waits is not None and waits.next_at > now:
                late += 1
                continue
            late += not await self._done(one, waits, now)
        return late

    async def _done(self, one: Found, waits: Waiting | None, now: datetime) -> bool:
        """Give the command and mark it. Raises: ReplacedError, NOT_NOW, PoisonError."""
        await self.row.lease.keep()
        attempts = 1 + (0 if waits is None else waits.attempts)
        try:
            outcome, reason = await self._given(one)
        except NOT_YET as error:
            outcome, reason = "not yet", type(error).__name__.removesuffix("Error")
        self.outcomes[outcome] += 1
        due = (one.due.acts_on, one.due.again)
        await self.row.mark(one.key, due, (outcome, reason), attempts, now)
        log.info("deadline_acted_on", deadline=one.deadline.name, outcome=outcome)
        return outcome != "not yet"

    async def _given(self, one: Found) -> tuple[str, str | None]:
        machine, cause = _machine(one.deadline.name), about(*one.key, one.due.again)
        try:
            reaction = one.deadline.act(one.deadline, one.matter, one.due)
            answer = await self._commanded(machine, cause, reaction)
            if answer.status < 400:
                nothing_new = answer.replay or answer.status == 200
                return ("already done" if nothing_new else "done"), None
            reason = await self._open_task(machine, cause, reaction, answer)
        except (EpochError, ReplacedError, *NOT_NOW, *NOT_YET):
            raise
        except Exception as error:
            if unavailable(error):
                raise
            raise PoisonError(f"{cause}: {told(error)}") from error
        return "refused", reason

    async def _commanded(self, machine: Machine, key: str, reaction: Reaction) -> Answer:
        decider = self.deciders[type(reaction.command)]
        return await commanded(
            self.store,
            machine,
            key,
            decider,
            reaction.command,
            target=reaction.target,
            cause=key,
        )

    async def _open_task(
        self, machine: Machine, cause: str, reaction: Reaction, answer: Answer
    ) -> str:
        """What a rule refused waits for a person, as a reactor's does; the refusal's name."""
        said = msgspec.json.decode(answer.body)
        reason: str = said["type"].rsplit("/", 1)[-1]
        task = OpenTask(
            occurred_on=reaction.command.occurred_on,
            area=reaction.area,
            kind="deadline_refused",
            title="到期事项被拒",
            waits_for=reaction.task_for,
            target=reaction.target,
            about=cause,
            reason=reason,
            numbers=said["numbers"],
        )
        key = f"{cause}/task"
        await commanded(self.store, machine, key, tasks.OPEN, task, cause=cause)
        return reason

    async def _close(self, found: Sequence[Found], gone: Mapping[Waits, str], today: date) -> None:
        """Tasks of deadlines whose matter waits no longer, or is due on another day now or none."""
        due = {one.key for one in found}
        subjects = {key[:2] for key in due}
        names = [deadline.name for deadline in self.deadlines]
        for row in await self.pool.fetch(_OPEN, names):
            if (row["kind"], row["target"], row["due_on"]) not in due:
                await self.row.lease.keep()
                what = (row["kind"], row["target"])
                note = MOVED if what in subjects else gone.get(what, HAPPENED)
                machine = _machine(row["kind"])
                command = CloseTask(occurred_on=today, note=note)
                key = f"{row['about']}/close"
                target = row["id"]
                await commanded(
                    self.store, machine, key, tasks.CLOSE, command, target=target, cause=key
                )
                self.outcomes["closed"] += 1


def _machine(name: str) -> Machine:
    return Machine(f"deadline:{name}", origin="deadline")


BEHIND = timedelta(seconds=60)
"""As the log: within it the clock may lag behind the last event."""
_CLOCK = """
SELECT (SELECT recorded_at FROM es.events ORDER BY position DESC LIMIT 1), ahead FROM es.store
"""
_BEHIND = """
SELECT EXISTS (SELECT FROM es.cursors
                WHERE source = $1 AND reader IN ('common', 'view') AND position < $2)
    OR NOT EXISTS (SELECT FROM es.cursors WHERE source = $1 AND reader = 'common')
"""
_OPEN = """
SELECT t.id, t.kind, t.target, t.due_on, t.about FROM es.tasks t
 WHERE t.kind = ANY ($1) AND NOT EXISTS (SELECT FROM es.closed_tasks c WHERE c.task = t.id)
 ORDER BY t.due_on, t.id
"""
