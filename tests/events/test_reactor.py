"""A reactor on real stores: one effect a fact, order by key, four endings, loud limits.

The source and the reactor's own log are two stores, as two services would have them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from libs.events import every_log
from libs.events.acting import Deed, Sources
from libs.events.answer import Answer
from libs.events.cursor_row import CursorRow
from libs.events.decider import Ask, Decider, Reaction, Streams
from libs.events.errors import BusyError, HoleError, ParkedFullError, PoisonError, ReplacedError
from libs.events.log import Log
from libs.events.parking import MOST_KEYS, MOST_OF_KEY, hurry, listed, skipped
from libs.events.reactor import Chosen, React, Reacting, Reactor
from libs.events.reader import Reading
from libs.events.store import prepare
from libs.events.types import Event, Metadata, Recorded
from tests.events.conftest import LogStore, NewStore
from tests.events.planted import (
    CONTRACTS,
    FILL,
    HERE,
    SPEND,
    Meanwhile,
    PurseFilled,
    append,
    asking,
    deciders,
    fill,
    fill_with,
    part,
    purse,
    spend,
)

AnyDecider = Decider[Any, Any, Any]
LEFT, RIGHT = purse("left"), purse("right")


def policy(at: Recorded, fact: Event, _: Metadata) -> Reaction | None:
    """`fill <purse>` and `spend <purse>`: a note in the source says what to do with a purse here;
    the key is the purse."""
    if not isinstance(fact, PurseFilled) or " " not in fact.note:
        return None
    act, name = fact.note.split(" ")
    assert act in ("fill", "spend"), "a policy that fails is poison"
    command = fill_with(fact.fen) if act == "fill" else spend(1000)
    return Reaction(command, purse(name), HERE, target=purse(name), task_for="finance")


@dataclass
class Time:
    """A clock that stands until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class World:
    """A source, and a service that reacts to it with what `left` and `right` hold."""

    source: LogStore
    own: LogStore
    log: Log
    time: Time

    async def reacting(
        self,
        react: React = policy,
        kind: type[Reacting] = Reacting,
        known: Iterable[AnyDecider] = (FILL, SPEND),
        *,
        imports: bool = False,
    ) -> Reacting:
        """Another process with the reactor, when the lease of the one before has run out."""
        await self.own.execute("UPDATE es.leases SET until = clock_timestamp() - interval '1 s'")
        reactor = Reactor("planted", "purses", react, imports)
        sources = Sources.direct(self.source.feed())
        return kind(reactor, sources, self.log, CONTRACTS, known, clock=self.time)

    async def told(self, *notes: str) -> None:
        """The source says these, each on a stream of its own."""
        connection = await self.source.connect()
        for note in notes:
            await fill(connection, uuid4(), note)

    async def there(self, *purses: UUID) -> None:
        connection = await self.own.connect()
        for one in purses:
            await fill(connection, one, "there")

    async def facts(self, stream: UUID) -> list[str]:
        """What the own log holds of a stream after what was there."""
        rows = await self.log.pool.fetch(
            "SELECT type FROM es.events WHERE stream_id = $1 ORDER BY version OFFSET 1", stream
        )
        return [row["type"] for row in rows]

    async def causes(self, stream: UUID) -> list[str]:
        rows = await self.log.pool.fetch(
            "SELECT metadata->>'cause' AS cause FROM es.events WHERE stream_id = $1"
            " ORDER BY version OFFSET 1",
            stream,
        )
        return [row["cause"] for row in rows]

    async def parked(self) -> list[tuple[UUID, int, int]]:
        """(key, position, attempts), oldest first."""
        rows = await listed(await self.own.connect())
        return [(row.key, row.position, row.attempts) for row in rows]

    async def stopped(self) -> str | None:
        found: str | None = await self.log.pool.fetchval(
            "SELECT stopped FROM es.cursors WHERE reader = 'policy.planted'"
        )
        return found


async def run(reacting: Reacting) -> None:
    """Until it stops, which is soon or a failure."""
    async with asyncio.timeout(20):
        await reacting.run()


@pytest.fixture
async def world(new_store: NewStore) -> World:
    """Installed: what the source tells from here on is reacted to."""
    source, own = await new_store(), await new_store()
    made = World(source, own, await own.log(), Time())
    await (await made.reacting()).catch_up()
    return made


async def test_a_fact_becomes_one_command_that_says_what_caused_it(world: World) -> None:
    await world.there(LEFT)
    await world.told("nothing", "fill left")
    reacting = await world.reacting()
    await reacting.catch_up()
    assert await world.facts(LEFT) == ["PurseFilled"]
    assert reacting.outcomes == {"done": 1}
    stored = await world.log.pool.fetchval(
        "SELECT metadata::text FROM es.events WHERE stream_id = $1 AND version = 2", LEFT
    )
    metadata = msgspec.json.decode(stored, type=Metadata)
    foreign = await (await world.source.connect()).fetchval(
        "SELECT metadata->>'correlation' FROM es.events WHERE position = 3"
    )
    assert (metadata.actor.id, metadata.actor.role) == ("reactor:planted", "system")
    assert (metadata.cause, metadata.origin) == ("purses/1-3", "reaction")
    assert str(metadata.correlation) == foreign


async def set_back(world: World) -> None:
    """The cursor as it was before anything was told."""
    await world.own.execute(
        "UPDATE es.cursors SET epoch = 0, position = 0, leaf = NULL WHERE reader = 'policy.planted'"
    )


async def test_a_repeat_gets_the_first_answer_whatever_the_policy_says_now(world: World) -> None:
    await world.there(LEFT)
    await world.told("fill left", "spend left")
    await (await world.reacting()).catch_up()
    before = await world.log.pool.fetchval("SELECT max(position) FROM es.events")
    await set_back(world)

    def otherwise(at: Recorded, fact: Event, metadata: Metadata) -> Reaction | None:
        reaction = policy(at, fact, metadata)
        return None if reaction is None else replace(reaction, command=fill_with(77))

    again = await world.reacting(otherwise)
    await again.catch_up()
    assert again.outcomes == {"already done": 1, "refused": 1}
    assert await world.log.pool.fetchval("SELECT max(position) FROM es.events") == before


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class BeforeTask(Reacting):
    async def _open_task(self, deed: Deed[Chosen], answer: Answer) -> None:
        raise Killed


class AfterTask(Reacting):
    async def _open_task(self, deed: Deed[Chosen], answer: Answer) -> None:
        await super()._open_task(deed, answer)
        raise Killed


class BeforeCursor(Reacting):
    async def _passed(self, *_: Any, **__: Any) -> None:
        raise Killed


class DyingRow(CursorRow):
    async def move(self, *moved: Any) -> list[int]:
        await super().move(*moved)
        raise Killed


class InsideCursor(Reacting):
    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.row = DyingRow(self.reader.name, self.reader.source, self.pool)


def dies() -> AnyDecider:
    """A decider that dies after it has read and before anything is appended."""

    async def die() -> None:
        raise Killed

    return deciders(Meanwhile(die))[0]


DEATHS = [
    ("fill left", Reacting, (dies(), SPEND)),
    ("fill left", BeforeCursor, (FILL, SPEND)),
    ("fill left", InsideCursor, (FILL, SPEND)),
    ("spend left", BeforeTask, (FILL, SPEND)),
    ("spend left", AfterTask, (FILL, SPEND)),
    ("spend left", InsideCursor, (FILL, SPEND)),
]


@pytest.mark.parametrize(("note", "kind", "known"), DEATHS)
async def test_killed_at_any_step_it_has_one_effect(
    world: World, note: str, kind: type[Reacting], known: Iterable[AnyDecider]
) -> None:
    await world.there(LEFT)
    await world.told(note)
    with pytest.raises(Killed):
        await (await world.reacting(kind=kind, known=known)).catch_up()
    await (await world.reacting()).catch_up()
    rows = await world.log.pool.fetch("SELECT type FROM es.events WHERE position > 2")
    effect = ["PurseFilled"] if note == "fill left" else ["CommandRefused", "TaskOpened"]
    assert [row["type"] for row in rows] == effect
    cursor = "SELECT position FROM es.cursors WHERE reader = 'policy.planted'"
    assert await world.log.pool.fetchval(cursor) == 2


async def test_what_is_not_here_yet_waits_in_order_and_other_keys_go_on(world: World) -> None:
    await world.there(RIGHT)
    await world.told("fill left", "fill right", "spend left", "fill right")
    reacting = await world.reacting()
    await reacting.catch_up()
    assert await world.facts(RIGHT) == ["PurseFilled"] * 2
    assert await world.parked() == [(LEFT, 2, 1), (LEFT, 4, 0)]
    await world.there(LEFT)
    await world.told("fill left")
    await reacting.catch_up()
    assert await world.parked() == [(LEFT, 2, 1), (LEFT, 4, 0), (LEFT, 6, 0)], "not before its time"
    world.time.passes(seconds=1.1)
    await reacting.catch_up()
    assert await world.causes(LEFT) == ["purses/1-2", "purses/1-6"]
    assert await world.parked() == []
    assert reacting.outcomes == {"done": 4, "not yet": 1, "refused": 1}


async def test_the_pause_between_two_tries_grows_to_its_limit(world: World) -> None:
    await world.told("fill left")
    reacting = await world.reacting()
    await reacting.catch_up()
    pauses = []
    for _ in range(11):
        (row,) = await listed(await world.own.connect())
        pauses.append(round((row.next_at - world.time.now).total_seconds()))
        world.time.passes(seconds=pauses[-1])
        await reacting.catch_up()
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_too_many_of_one_key_stop_it_loudly(world: World) -> None:
    await world.told(*["fill left"] * (MOST_OF_KEY + 1))
    with pytest.raises(ParkedFullError, match=str(LEFT)):
        await run(await world.reacting())
    assert len(await world.parked()) == MOST_OF_KEY
    assert str(LEFT) in (await world.stopped() or "")


async def test_too_many_keys_stop_it_loudly(world: World) -> None:
    await world.told("fill left")
    await world.own.execute(
        "INSERT INTO es.parked SELECT 'policy.planted', 'purses', gen_random_uuid(), -n, 1,"  # noqa: S608 - of this test
        f" 'infinity', 'planted', now() FROM generate_series(1, {MOST_KEYS}) n"
    )
    with pytest.raises(ParkedFullError):
        await run(await world.reacting())
    assert len(await world.parked()) == MOST_KEYS


async def test_a_refusal_opens_one_task_and_the_others_go_on(world: World) -> None:
    await world.there(LEFT, RIGHT)
    await world.told("spend left", "fill right")
    await (await world.reacting()).catch_up()
    assert await world.facts(RIGHT) == ["PurseFilled"]
    reading = Reading(every_log.reader("purses"), world.own.feed(), world.log.pool, CONTRACTS)
    await reading.catch_up()
    (task,) = await world.log.pool.fetch("SELECT * FROM es.tasks")
    assert (task["kind"], task["waits_for"]) == ("reaction_refused", "finance")
    assert (task["about"], task["reason"]) == ("purses/1-2", "PurseEmpty")
    assert (task["target"], task["area"]) == (LEFT, HERE)


@pytest.mark.parametrize("epoch", [1, 2])
async def test_it_starts_at_the_head_when_it_is_installed(new_store: NewStore, epoch: int) -> None:
    """Also at an event of an earlier epoch, when nothing has happened in the new one yet."""
    source, own = await new_store(), await new_store()
    world = World(source, own, await own.log(), Time())
    await world.there(LEFT)
    await world.told("fill left")
    await source.execute(f"UPDATE es.store SET epoch = {epoch}")  # noqa: S608 - a number
    await (await world.reacting()).catch_up()
    assert await world.facts(LEFT) == []
    await source.execute("UPDATE es.store SET epoch = 1")
    await world.told("fill left")
    await (await world.reacting()).catch_up()
    assert await world.facts(LEFT) == ["PurseFilled"]


@pytest.mark.parametrize(("imports", "found"), [(False, []), (True, ["PurseFilled"])])
async def test_imported_history_is_passed_over_unless_it_is_live(
    world: World, imports: bool, found: list[str]
) -> None:
    await world.there(LEFT)
    request = asking(part(uuid4(), None, "fill left"))
    history = msgspec.structs.replace(request.metadata, origin="import")
    connection = await world.source.connect()
    await append(connection, prepare(replace(request, metadata=history), CONTRACTS))
    await (await world.reacting(imports=imports)).catch_up()
    assert await world.facts(LEFT) == found


async def test_it_never_runs_ahead_of_its_services_own_copy(world: World) -> None:
    await world.there(LEFT)
    await world.told("fill left", "fill left")
    await world.own.execute(
        "INSERT INTO es.cursors (reader, source, epoch, position) VALUES ('known', 'purses', 1, 2)"
    )
    await (await world.reacting()).catch_up()
    assert await world.causes(LEFT) == ["purses/1-2"]
    await world.own.execute("UPDATE es.cursors SET position = 3 WHERE reader = 'known'")
    await (await world.reacting()).catch_up()
    assert await world.causes(LEFT) == ["purses/1-2", "purses/1-3"]


async def test_a_store_that_cannot_now_parks_nothing(world: World) -> None:
    await world.there(LEFT)
    await world.told("fill left")

    async def busy() -> None:
        raise BusyError

    once: Callable[[Streams, Ask[Any]], Awaitable[Any]] = Meanwhile(busy, at_most=1)
    reacting = await world.reacting(known=deciders(once))
    await reacting.catch_up()
    assert (await world.facts(LEFT), await world.parked()) == ([], [])
    await reacting.catch_up()
    assert await world.facts(LEFT) == ["PurseFilled"]


@pytest.mark.parametrize("note", ["drop left", "fill left right"])
async def test_a_policy_that_fails_stops_it_in_front_of_the_event(world: World, note: str) -> None:
    await world.there(LEFT)
    await world.told("fill left", note, "fill left")
    with pytest.raises(PoisonError, match="1-3"):
        await run(await world.reacting())
    assert await world.causes(LEFT) == ["purses/1-2"]
    assert "1-3" in (await world.stopped() or "")


async def test_a_hole_stops_it(world: World) -> None:
    await world.there(LEFT)
    await world.told("fill left", "fill left")
    await world.source.execute(
        "ALTER TABLE es.events DISABLE TRIGGER never_changed",
        "DELETE FROM es.events WHERE position = 2",
    )
    with pytest.raises(HoleError):
        await run(await world.reacting())
    assert await world.facts(LEFT) == []


async def test_there_is_one_of_it(world: World) -> None:
    first, second = await world.reacting(), await world.reacting()
    await first.begin()
    with pytest.raises(ReplacedError):
        await second.begin()


async def test_a_skip_is_an_event_and_lets_the_next_of_its_key_pass(world: World) -> None:
    await world.told("spend left", "fill left")
    reacting = await world.reacting()
    await reacting.catch_up()
    await world.there(LEFT)
    connection = await world.own.connect()
    (first, _) = await listed(connection)
    await skipped(world.log, first, "测试：不再需要")
    await skipped(world.log, first, "测试：不再需要")
    await reacting.catch_up()
    assert await world.causes(LEFT) == ["purses/1-3"]
    rows = await world.log.pool.fetch(
        "SELECT payload->>'position' AS position, payload->>'reason' AS reason,"
        " metadata->'actor'->>'role' AS role FROM es.events WHERE type = 'ParkedSkipped'"
    )
    assert [tuple(row) for row in rows] == [("2", "测试：不再需要", "operator")]


async def test_a_retry_does_not_wait_for_its_time(world: World) -> None:
    await world.told("fill left")
    world.time.passes(hours=1)
    reacting = await world.reacting()
    await reacting.catch_up()
    await world.there(LEFT)
    connection = await world.own.connect()
    (row,) = await listed(connection)
    await hurry(connection, row)
    await reacting.catch_up()
    assert await world.facts(LEFT) == ["PurseFilled"]
