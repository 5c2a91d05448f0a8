"""Deadlines by an injected clock on a real store: once each, in due order, on their own days.

The log believes no clock that is behind it, so all days here lie ahead of the day of the run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from libs.chassis.worker import follow
from libs.events import every_log, reference, tasks
from libs.events.calendar import CALENDARS
from libs.events.clock import CHINA, today
from libs.events.contracts.rules import ReferenceRow, ReferenceSet
from libs.events.dated_rows import RowTyped
from libs.events.deadline import HAPPENED, LAPSED, MOVED, Deadline, Due, Matter
from libs.events.decider import Reaction
from libs.events.errors import ClockError, PoisonError, ReplacedError
from libs.events.log import Log
from libs.events.reader import Reading
from libs.events.reference import SetReference, WithdrawReference
from libs.events.scheduler import Scheduling
from libs.events.unattended import Machine, commanded
from tests.events.conftest import LogStore
from tests.events.planted import CONTRACTS, FILL, HERE, SPEND, fill, fill_with, purse, spend

DAY = timedelta(days=1)
ANSWER = Deadline(
    "answer",
    "答复",
    "SELECT id AS subject, NULL::uuid AS area, '{}'::uuid[] AS path, since, 'planted' AS reason,"
    " '{\"fen\": 3}' AS numbers FROM view.planted",
    "finance",
    lambda matter: f"/purses/{matter.subject}/answers",
)
NEXT_YEAR = today().year + 1
MONDAY = next(d for n in range(7) if not (d := date(NEXT_YEAR, 2, 12) + n * DAY).weekday())
"""Of the week of the spring festival; all of it is free, the Sunday before is worked."""


@dataclass
class Time:
    """A clock that stands until it is moved; it begins as it is."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def to(self, day: date, hour: int = 9) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, tzinfo=CHINA)


@dataclass
class World:
    """A store with things that wait since a day."""

    store: LogStore
    log: Log
    time: Time

    async def scheduling(
        self, kind: type[Scheduling] = Scheduling, of: Deadline = ANSWER
    ) -> Scheduling:
        """Another process with the deadlines, when the lease of the one before has run out."""
        await self.store.execute("UPDATE es.leases SET until = clock_timestamp() - interval '1 s'")
        known = (*every_log.DECIDERS, FILL, SPEND)
        return kind(self.log, (of,), known, clock=self.time)

    async def sweep(self, scheduling: Scheduling | None = None) -> int:
        """How many are late."""
        await self.read()
        swept = await (scheduling or await self.scheduling()).sweep()
        assert swept is not None
        await self.read()
        return swept.late

    async def read(self) -> None:
        await self.store.execute("UPDATE es.leases SET until = now() WHERE name LIKE 'common:%'")
        of = every_log.reader("purses")
        await Reading(of, self.store.feed(), self.log.pool, CONTRACTS).catch_up()

    async def waits(self, *since: date) -> list[UUID]:
        ids = [uuid4() for _ in since]
        for id_, day in zip(ids, since, strict=True):
            await self.store.execute(f"INSERT INTO view.planted VALUES ('{id_}', '{day}')")  # noqa: S608 - of this test
        return ids

    async def answered(self, *ids: UUID) -> None:
        for id_ in ids:
            await self.store.execute(f"DELETE FROM view.planted WHERE id = '{id_}'")  # noqa: S608 - of this test

    async def row(self, of: str, key: str, since: date, **values: Any) -> None:
        row = RowTyped(key=key, valid_from=since, values=values)
        command = SetReference(occurred_on=since, set=of, area=None, row=row)
        answer = await commanded(self.log, Machine("test"), str(uuid4()), reference.SET, command)
        assert answer.status == 201

    async def term(self, since: date = date(2020, 1, 1), **values: Any) -> None:
        await self.row("deadline", "answer", since, basis="测试", **values)

    async def live(self, since: date = date(2020, 1, 1)) -> None:
        await self.row("live", "live", since, note="启用")

    async def facts(self, kind: str = "TaskOpened") -> list[dict[str, Any]]:
        """In order: the payload, its business day and who did it."""
        rows = await self.log.pool.fetch(
            "SELECT payload::text AS payload, metadata->>'occurred_on' AS day,"
            " metadata->'actor'->>'id' AS actor FROM es.events WHERE type = $1 ORDER BY position",
            kind,
        )
        return [
            {**msgspec.json.decode(r["payload"]), "day": r["day"], "by": r["actor"]} for r in rows
        ]


def told(*ids: UUID) -> list[str]:
    return [str(one) for one in ids]


@pytest.fixture
async def world(store: LogStore) -> World:
    """A store that any clock may be years ahead of."""
    await store.execute(
        "CREATE TABLE view.planted (id uuid PRIMARY KEY, since date NOT NULL)",
        "GRANT SELECT ON view.planted TO PUBLIC",
        "UPDATE es.store SET ahead = '1000 days'",
    )
    return World(store, await store.log(), Time())


async def spring_festival(world: World) -> None:
    free = tuple((MONDAY + n * DAY).isoformat() for n in range(5))
    values: dict[str, Any] = {"holidays": free, "workdays": ((MONDAY - DAY).isoformat(),)}
    first = date(NEXT_YEAR, 1, 1)
    row = ReferenceRow(key=str(NEXT_YEAR), valid_from=first, valid_until=None, values=values)
    fact = ReferenceSet(set=CALENDARS.name, area=None, origin="local", document=None, rows=(row,))
    connection = await world.store.connect("admin")
    await connection.execute(
        "INSERT INTO known.calendar_facts VALUES (1, 'ReferenceSet', 1, $1)",
        CONTRACTS.encode(fact).decode(),
    )


async def test_a_holiday_does_not_count_and_the_day_itself_does_not_either(world: World) -> None:
    await spring_festival(world)
    await world.term(days=3, unit="working_day")
    await world.live()
    (id_,) = await world.waits(MONDAY - 4 * DAY)  # a Thursday; Friday, the Sunday, then Monday week
    for day in (MONDAY - DAY, MONDAY, MONDAY + 6 * DAY):
        world.time.to(day, 23)
        await world.sweep()
        assert await world.facts() == []
    world.time.to(MONDAY + 7 * DAY, 0)
    assert await world.sweep() == 0
    (task,) = await world.facts()
    due = (MONDAY + 7 * DAY).isoformat()
    assert (task["target"], task["due_on"], task["day"]) == (str(id_), due, due)
    assert (task["waits_for"], task["reason"], task["by"]) == (
        "finance",
        "planted",
        "deadline:answer",
    )
    assert task["form"] == {"method": "POST", "path": f"/purses/{id_}/answers"}
    assert "assumed" not in task


async def test_a_year_without_a_calendar_is_said_to_be_assumed(world: World) -> None:
    await world.term(days=1, unit="working_day")
    await world.live()
    await world.waits(MONDAY)
    world.time.to(MONDAY + DAY)
    await world.sweep()
    (task,) = await world.facts()
    assert (task["due_on"], task["assumed"]) == ((MONDAY + DAY).isoformat(), True)


async def test_a_last_day_on_a_holiday_rolls_where_the_row_says_so(world: World) -> None:
    await spring_festival(world)
    await world.term(days=30, rolls=True)
    await world.live()
    await world.waits(MONDAY - 28 * DAY)
    world.time.to(MONDAY + 7 * DAY)
    await world.sweep()
    assert [task["due_on"] for task in await world.facts()] == [(MONDAY + 7 * DAY).isoformat()]


async def test_after_an_outage_of_a_month_all_come_in_due_order_on_their_own_days(
    world: World,
) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    late, first, middle, not_yet = await world.waits(
        start + 25 * DAY, start, start + 9 * DAY, start + 40 * DAY
    )
    world.time.to(start)
    await world.sweep()
    assert await world.facts() == []
    world.time.to(start + 31 * DAY)
    await world.sweep()
    opened = await world.facts()
    assert [task["target"] for task in opened] == told(first, middle, late)
    days = [(start + n * DAY).isoformat() for n in (3, 12, 28)]
    assert [task["day"] for task in opened] == [task["due_on"] for task in opened] == days
    assert str(not_yet) not in [task["target"] for task in opened]


async def test_a_clock_put_back_fires_nothing_twice(world: World) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    await world.waits(start)
    world.time.to(start + 3 * DAY, 0)
    scheduling = await world.scheduling()
    await world.sweep(scheduling)
    for hours in (-1, 1, -1, 2):
        world.time.now += timedelta(hours=hours)
        await world.sweep(scheduling)
    assert (len(await world.facts()), scheduling.outcomes) == (1, {"done": 1})
    world.time.now = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(ClockError, match="不可信"):
        await scheduling.sweep()


async def test_fault_19_a_clock_that_jumped_far_ahead_is_refused_until_it_is_confirmed(
    world: World,
) -> None:
    await world.term(days=3)
    await world.live()
    await world.waits(today())
    await world.store.execute("UPDATE es.store SET ahead = '30 days'")
    world.time.to(date(today().year + 70, 1, 1))
    with pytest.raises(ClockError):
        await world.sweep()
    assert await world.facts() == []
    world.time.now = datetime.now(UTC) + 31 * DAY
    with pytest.raises(ClockError):
        await world.sweep()
    await world.store.execute("UPDATE es.store SET ahead = '40 days'")
    await world.sweep()
    assert len(await world.facts()) == 1


async def test_nothing_comes_of_what_fell_due_before_the_store_was_live(world: World) -> None:
    start = today() + 10 * DAY
    await world.term(days=30)
    (before, straddling) = await world.waits(start - 31 * DAY, start - 30 * DAY)
    world.time.to(start + 5 * DAY)
    await world.sweep()
    assert await world.facts() == [], "not live at all"
    await world.live(start)
    await world.sweep()
    assert [task["target"] for task in await world.facts()] == told(straddling)
    assert str(before) not in str(await world.facts())


async def test_a_reminder_before_the_store_was_live_comes_on_its_first_day(world: World) -> None:
    start = today() + 10 * DAY
    await world.term(days=15, remind=10)
    await world.live(start)
    await world.waits(start - 12 * DAY)
    world.time.to(start)
    await world.sweep()
    (task,) = await world.facts()
    assert (task["day"], task["due_on"]) == (start.isoformat(), (start + 3 * DAY).isoformat())


async def test_without_a_row_there_is_no_deadline(world: World) -> None:
    await world.live()
    await world.waits(today() - DAY)
    assert await world.sweep() == 0
    await world.term(since=today(), days=1)
    assert await world.sweep() == 0, "the row of its first day decides, and there was none"
    assert await world.facts() == []


async def test_what_was_answered_closes_by_itself_once(world: World) -> None:
    await world.term(days=15, remind=2)
    await world.live()
    start = today() + 10 * DAY
    (id_,) = await world.waits(start)
    world.time.to(start + 12 * DAY)
    await world.sweep()
    assert await world.facts() == []
    world.time.to(start + 13 * DAY)
    await world.sweep()
    (task,) = await world.facts()
    assert (task["day"], task["due_on"]) == (
        (start + 13 * DAY).isoformat(),
        (start + 15 * DAY).isoformat(),
    )
    await world.answered(id_)
    world.time.to(start + 14 * DAY)
    for _ in range(2):
        await world.sweep()
    (closed,) = await world.facts("TaskClosed")
    assert (closed["task"], closed["note"]) == (task["task"], HAPPENED)
    assert (closed["by"], closed["day"]) == ("deadline:answer", (start + 14 * DAY).isoformat())


async def test_a_deadline_that_moved_is_told_anew_and_the_old_one_goes(world: World) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    (id_,) = await world.waits(start)
    world.time.to(start + 4 * DAY)
    await world.sweep()
    await world.answered(id_)
    await world.store.execute(
        f"INSERT INTO view.planted VALUES ('{id_}', '{start + 10 * DAY}')"  # noqa: S608 - of this test
    )
    await world.sweep()
    assert [one["note"] for one in await world.facts("TaskClosed")] == [MOVED]
    world.time.to(start + 13 * DAY)
    await world.sweep()
    days = [(start + n * DAY).isoformat() for n in (3, 13)]
    assert [task["due_on"] for task in await world.facts()] == days


async def test_a_deadline_that_moved_back_is_told_again_unless_a_person_closed_it(
    world: World,
) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    (id_,) = await world.waits(start)
    world.time.to(start + 20 * DAY)

    async def waits_since(*days: int) -> list[tuple[str, bool]]:
        for since in days:
            await world.store.execute(
                f"UPDATE view.planted SET since = '{start + since * DAY}' WHERE id = '{id_}'"  # noqa: S608 - of this test
            )
            for _ in range(2):
                await world.sweep()
        closed = {one["task"] for one in await world.facts("TaskClosed")}
        return [(task["due_on"], task["task"] not in closed) for task in await world.facts()]

    a, b = ((start + n * DAY).isoformat() for n in (3, 8))
    assert await waits_since(0, 5, 0) == [(a, False), (b, False), (a, True)]
    assert (await waits_since(5, 0))[3:] == [(b, False), (a, True)]
    await world.answered(id_)
    await world.sweep()
    await world.store.execute(f"INSERT INTO view.planted VALUES ('{id_}', '{start}')")  # noqa: S608 - of this test
    assert (await waits_since(0))[5:] == [(a, True)]
    *_, task = await world.facts()
    assert task["about"] == f"deadline:answer/{id_}/{a}/3"
    by_hand = tasks.CloseTask(occurred_on=today(), note="已办")
    person = Machine("person")
    await commanded(world.log, person, "x", tasks.CLOSE, by_hand, target=UUID(task["task"]))
    await world.read()
    assert (await waits_since(5, 0))[6:] == [(b, False)]


async def test_a_task_that_is_told_again_comes_once_though_it_is_killed(world: World) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    (id_,) = await world.waits(start)
    world.time.to(start + 9 * DAY)
    await world.sweep()
    await world.answered(id_)
    await world.sweep()
    await world.store.execute(f"INSERT INTO view.planted VALUES ('{id_}', '{start}')")  # noqa: S608 - of this test
    for _ in range(2):
        with pytest.raises(Killed):
            await world.sweep(await world.scheduling(BeforeMark))
    again = await world.scheduling()
    await world.sweep(again)
    await world.sweep(again)
    assert again.outcomes == {"already done": 1}
    assert len(await world.facts()) == 2


async def test_where_only_the_term_ended_nothing_is_said_to_have_happened(world: World) -> None:
    since = date(2020, 1, 1)
    await world.term(since, days=3)
    await world.live()
    start = today() + 10 * DAY
    await world.waits(start)
    world.time.to(start + 4 * DAY)
    await world.sweep()
    command = WithdrawReference(
        occurred_on=since, set="deadline", area=None, key="answer", valid_from=since, reason="误登"
    )
    answer = await commanded(world.log, Machine("test"), "x", reference.WITHDRAW, command)
    assert answer.status == 201
    await world.sweep()
    assert [one["note"] for one in await world.facts("TaskClosed")] == [LAPSED]


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class BeforeMark(Scheduling):
    """Dies between deed and mark."""

    async def _given(self, *given: Any) -> Any:
        await super()._given(*given)
        raise Killed


class BeforeDeed(Scheduling):
    async def _commanded(self, *_: Any) -> Any:
        raise Killed


class Midway(Scheduling):
    """Dies after its first mark."""

    async def _done(self, *given: Any) -> Any:
        if self.outcomes["done"] == 1:
            raise Killed
        return await super()._done(*given)


@pytest.mark.parametrize("kind", [BeforeMark, BeforeDeed, Midway])
async def test_killed_anywhere_each_comes_once(world: World, kind: type[Scheduling]) -> None:
    await world.term(days=3)
    await world.live()
    start = today() + 10 * DAY
    ids = await world.waits(*(start + n * DAY for n in range(4)))
    world.time.to(start + 20 * DAY)
    for _ in range(2):
        with pytest.raises(Killed):
            await world.sweep(await world.scheduling(kind))
    await world.sweep()
    assert [task["target"] for task in await world.facts()] == told(*ids)
    marks = await world.log.pool.fetch("SELECT outcome FROM es.deadlines")
    assert len(marks) == 4


async def test_a_command_that_would_do_it_twice_is_given_once(world: World) -> None:
    """Whatever the rule itself would let pass: the request id alone holds it."""
    await world.term(days=3)
    await world.live()
    one = purse("one")
    await fill(await world.store.connect(), one, "there")
    await world.waits(today())
    world.time.to(today() + 9 * DAY)
    given = Reaction(fill_with(7), one, HERE, target=one)
    with pytest.raises(Killed):
        await world.sweep(await world.scheduling(BeforeMark, acting(given)))
    again = await world.scheduling(of=acting(given))
    await world.sweep(again)
    assert again.outcomes == {"already done": 1}
    assert [fact["fen"] for fact in await world.facts("PurseFilled")] == [1, 7]


async def test_there_is_one_of_it_and_who_slept_marks_nothing(world: World) -> None:
    await world.term(days=3)
    await world.live()
    await world.waits(today())
    world.time.to(today() + 5 * DAY)
    await world.read()

    class Sleeping(Scheduling):
        async def _given(self, *given: Any) -> Any:
            awake = await world.scheduling()
            await awake.sweep()
            assert awake.outcomes == {"done": 1}
            return await super()._given(*given)

    slept = await world.scheduling(Sleeping)
    with pytest.raises(ReplacedError):
        await slept.sweep()
    assert len(await world.facts()) == 1
    outcomes = await world.log.pool.fetch("SELECT outcome FROM es.deadlines")
    assert [row["outcome"] for row in outcomes] == ["done"]
    with pytest.raises(ReplacedError):
        await slept.sweep()


def acting(*commands: Reaction) -> Deadline:
    """A deadline whose command is another one."""
    rest = iter(commands)
    return replace(ANSWER, act=lambda _, __, ___: next(rest))


def spending(fen: int, target: UUID) -> Reaction:
    return Reaction(spend(fen), target, HERE, target=target, task_for="finance")


async def test_what_a_rule_refuses_becomes_a_task_and_the_next_goes_on(world: World) -> None:
    await world.term(days=3)
    await world.live()
    one, other = purse("one"), purse("other")
    connection = await world.store.connect()
    for stream in (one, other):
        await fill(connection, stream, "there")
    first, _ = await world.waits(today(), today() + DAY)
    world.time.to(today() + 9 * DAY)
    scheduling = await world.scheduling(of=acting(spending(1000, one), spending(1, other)))
    assert await world.sweep(scheduling) == 0
    assert scheduling.outcomes["refused"] == scheduling.outcomes["done"] == 1
    (task,) = await world.facts()
    assert (task["kind"], task["reason"]) == ("deadline_refused", "PurseEmpty")
    assert (task["target"], task["waits_for"]) == (str(one), "finance")
    assert task["about"].startswith(f"deadline:answer/{first}/")
    await world.sweep(scheduling)
    assert len(await world.facts()) == 1


async def test_what_is_not_possible_yet_waits_a_growing_pause_and_is_told_as_late(
    world: World,
) -> None:
    await world.term(days=3)
    await world.live()
    await world.waits(today())
    world.time.to(today() + 9 * DAY)
    nowhere = purse("nowhere")
    scheduling = await world.scheduling(of=acting(*[spending(1, nowhere)] * 9))
    assert await world.sweep(scheduling) == 1
    assert await world.sweep(scheduling) == 1
    assert scheduling.outcomes == {"not yet": 1}, "not before its pause is over"
    world.time.now += timedelta(seconds=1.1)
    await world.sweep(scheduling)
    assert scheduling.outcomes == {"not yet": 2}
    row = await world.log.pool.fetchrow("SELECT late, stopped FROM es.clocks")
    assert row is not None
    assert tuple(row) == (1, None)
    await fill(await world.store.connect(), nowhere, "there")
    world.time.now += timedelta(seconds=2.1)
    assert await world.sweep(scheduling) == 0
    assert scheduling.outcomes == {"not yet": 2, "done": 1}


async def test_a_fault_stops_it_loudly(world: World) -> None:
    await world.term(days=3)
    await world.live()
    await world.waits(today())
    world.time.to(today() + 9 * DAY)

    def wrong(_: Deadline, __: Matter, ___: Due) -> Reaction:
        raise ValueError("planted")

    await world.read()
    scheduling = await world.scheduling(of=replace(ANSWER, act=wrong))
    with pytest.raises(PoisonError, match="deadline:answer"):
        async with asyncio.timeout(20):
            await scheduling.run()
    stopped = await world.log.pool.fetchval("SELECT stopped FROM es.clocks")
    assert "deadline:answer" in stopped


async def test_a_day_from_which_none_can_be_reckoned_is_never_due_and_counted(world: World) -> None:
    """Of before days were bounded: a slip in one letter is not the end of the others."""
    await world.term(days=3, unit="working_day", rolls=True)
    await world.live()
    _, due = await world.waits(date.max, today())
    world.time.to(today() + 9 * DAY)
    await world.read()
    swept = await (await world.scheduling()).sweep()
    assert swept is not None
    assert (swept.late, swept.beyond) == (0, 1)
    assert [task["target"] for task in await world.facts()] == told(due)


@pytest.mark.parametrize("raised", [OverflowError("planted"), ValueError("planted")])
async def test_whatever_it_stumbles_over_ends_it_alone(world: World, raised: Exception) -> None:
    class Stumbling(Scheduling):
        async def _believe(self, _: datetime) -> None:
            raise raised

    class Other:
        """Any other run of the worker."""

        ended = False

        async def run(self) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                self.ended = not stop.is_set()

    await world.read()
    stop, other = asyncio.Event(), Other()
    runs: Any = [await world.scheduling(Stumbling), other]
    following = asyncio.create_task(follow(runs, stop))
    async with asyncio.timeout(20):
        while await world.log.pool.fetchval("SELECT stopped FROM es.clocks") is None:
            assert not following.done()
            await asyncio.sleep(0.02)
    stop.set()
    await following
    assert not other.ended
    stopped = await world.log.pool.fetchval("SELECT stopped FROM es.clocks")
    assert stopped == type(raised).__name__


async def test_it_looks_at_nothing_while_the_tables_are_behind_the_log(world: World) -> None:
    await world.term(days=3)
    await world.live()
    await world.waits(today())
    world.time.to(today() + 9 * DAY)
    scheduling = await world.scheduling()
    assert await scheduling.sweep() is None
    await world.read()
    await fill(await world.store.connect(), purse("more"), "more")
    assert await scheduling.sweep() is None
    assert await world.facts() == []
    await world.sweep(scheduling)
    assert len(await world.facts()) == 1
