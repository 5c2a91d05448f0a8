"""Deliveries to a real receiver over real sockets: each event, in order by stream, signed, and to
nobody whom the operator did not list."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from httpx import AsyncClient
from starlette.responses import Response

from libs.chassis.deliveries import Deliveries, Delivering, GaveUpError, opened
from libs.chassis.webhook import client, signature
from libs.events.acting import Sources
from libs.events.errors import PoisonError
from libs.events.log import Log
from services.households.service import service as households
from tests.chassis.receiver import Got, Receiver, receiving
from tests.conftest import Installation
from tests.registry import County, made, post, register_county

ALIAS = "AreaAliasAdded"


@dataclass
class Time:
    """A clock that is right until it is moved."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def passes(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class World:
    """The register of a county, told to one receiver."""

    installation: Installation
    county: County
    log: Log
    receiver: Receiver
    operator: AsyncClient
    steward: AsyncClient
    time: Time = field(default_factory=Time)

    async def subscribe(self, **body: Any) -> tuple[UUID, bytes]:
        answer = await post(self.operator, "/subscriptions", {"url": self.receiver.url, **body})
        assert answer.status_code == 201, answer.text
        await self.installation.catch_up(households)
        told = answer.json()
        secret = base64.b64decode(told["secret"].removeprefix("whsec_"))
        return UUID(told["id"]), secret

    async def ask(self, id_: UUID, act: str, **body: Any) -> dict[str, Any]:
        answer = await post(self.operator, f"/subscriptions/{id_}/{act}", body)
        assert answer.status_code == 201, answer.text
        await self.installation.catch_up(households)
        told: dict[str, Any] = answer.json()
        return told

    async def alias(self, of: UUID, *names: str) -> None:
        for name in names:
            await made(self.steward, f"/areas/{of}/aliases", {"alias": name})
        await self.installation.catch_up(households)

    async def state(self, id_: UUID) -> dict[str, Any]:
        answer = await self.operator.get(f"/subscriptions/{id_}")
        found: dict[str, Any] = answer.json()
        return found

    def sources(self) -> Sources:
        return Sources.direct(self.installation.feed("households"))

    @asynccontextmanager
    async def delivering(self, allowed: Sequence[str] | None = None) -> AsyncIterator[Delivering]:
        """The one subscription, in the hands of another process than before."""
        (subscription,) = await opened(self.log.pool)
        async with client() as sender:
            delivering = Delivering(
                subscription,
                self.sources(),
                self.log,
                households.contracts,
                sender=sender,
                listed=[self.receiver.url] if allowed is None else allowed,
                clock=self.time,
            )
            try:
                yield delivering
            finally:
                await delivering.row.lease.release()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The deliveries of the service as the worker runs them, beside their reader."""
        deliveries = Deliveries(self.sources(), self.log, households.contracts, [self.receiver.url])
        tasks = [asyncio.create_task(deliveries.run()), asyncio.create_task(self._reading())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reading(self) -> None:
        while True:
            await self.installation.catch_up(households)
            await asyncio.sleep(0.2)


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    county = await register_county(installation)
    await installation.catch_up(households)
    async with receiving() as receiver:
        yield World(
            installation,
            county,
            await installation.log(households),
            receiver,
            await installation.client(households, "operator", webhooks=[receiver.url]),
            await installation.client(households, "steward"),
        )


async def test_events_are_sent_signed_as_cloud_events(world: World) -> None:
    _, secret = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "东乡")
    async with world.delivering() as delivering:
        await delivering.catch_up()
    (got,) = world.receiver.got
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.id == f"households-{got.event['id']}"
    assert (got.event["type"], got.event["data"]["alias"]) == (ALIAS, "东乡")
    timestamp = int(got.headers["webhook-timestamp"])
    assert abs(timestamp - datetime.now(UTC).timestamp()) < 60
    assert got.headers["webhook-signature"] == signature(secret, got.id, timestamp, got.body)


async def test_types_and_area_cut_what_is_sent_as_they_cut_the_feed(world: World) -> None:
    await world.subscribe(types=[ALIAS], area=str(world.county.east), from_position=1)
    await world.alias(world.county.east_village, "东村旧名")
    await world.alias(world.county.west, "西乡")
    async with world.delivering() as delivering:
        await delivering.catch_up()
    asked = {"types": ALIAS, "area": str(world.county.east)}
    feed = (await world.operator.get("/events", params=asked)).json()["events"]
    assert [got.event["id"] for got in world.receiver.got] == [event["id"] for event in feed]
    assert len(feed) == 1


async def test_a_rotation_signs_with_both_for_a_day(world: World) -> None:
    id_, old = await world.subscribe(types=[ALIAS])
    told = await world.ask(id_, "secret-rotations")
    new = base64.b64decode(told["secret"].removeprefix("whsec_"))
    await world.alias(world.county.east, "东乡", "东区")
    async with world.delivering() as delivering:
        await delivering.catch_up()
        world.time.passes(hours=25)
        await world.alias(world.county.east, "东镇区")
        await delivering.catch_up()
    expected = [[new, old], [new, old], [new]]
    for got, secrets in zip(world.receiver.got, expected, strict=True):
        timestamp = int(got.headers["webhook-timestamp"])
        signed = [signature(one, got.id, timestamp, got.body) for one in secrets]
        assert got.headers["webhook-signature"].split(" ") == signed


async def test_a_stream_that_fails_waits_in_order_and_others_go_on(world: World) -> None:
    broken = True

    def answer(got: Got) -> Response:
        east = got.event["data"]["area"] == str(world.county.east)
        return Response(status_code=500 if broken and east else 200)

    world.receiver.answer = answer
    id_, _ = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲", "乙")
    await world.alias(world.county.west, "丙", "丁")
    await world.alias(world.county.east, "戊")
    async with world.delivering() as delivering:
        await delivering.catch_up()
        first, *_, last = [got.position for got in world.receiver.got]
        assert len(world.receiver.taken) == 2
        state = await world.state(id_)
        assert (state["waiting"], state["attempts"]) == (3, 1)
        assert state["waiting_since"] is not None
        assert state["delivered_to"] == last + 1 == first + 4
        broken = False
        world.time.passes(seconds=2)
        await delivering.catch_up()
    by_stream = defaultdict(list)
    for position in world.receiver.taken:
        stream = next(g.event["subject"] for g in world.receiver.got if g.position == position)
        by_stream[stream].append(position)
    assert all(positions == sorted(positions) for positions in by_stream.values())
    assert sorted(world.receiver.taken) == list(range(first, first + 5))
    assert (await world.state(id_))["waiting"] == 0


async def test_a_receiver_that_is_away_gets_everything_once_when_it_is_back(world: World) -> None:
    await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲", "乙")
    async with world.running():
        await world.receiver.has(2)
        await world.receiver.stop()
        for area_, name in ((world.county.east, "丙"), (world.county.west, "丁")):
            await made(world.steward, f"/areas/{area_}/aliases", {"alias": name})
        await asyncio.sleep(1.5)
        await made(world.steward, f"/areas/{world.county.east}/aliases", {"alias": "戊"})
        await world.receiver.start()
        await world.receiver.has(5)
    ids = [got.id for got in world.receiver.got]
    assert len(ids) == len(set(ids)) == 5
    east = [
        g.position for g in world.receiver.got if g.event["data"]["area"] == str(world.county.east)
    ]
    assert east == sorted(east)


async def test_a_silent_receiver_is_left_alone_for_a_growing_pause(world: World) -> None:
    """One try a pause, whatever waits; from 1 s to an hour."""
    await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲", "乙")
    await world.alias(world.county.west, "丙")
    await world.receiver.stop()
    pauses = []
    async with world.delivering() as delivering:
        for _ in range(14):
            await delivering.catch_up()
            assert delivering.held()
            pauses.append(round((delivering.left_alone_until - world.time()).total_seconds()))
            world.time.passes(seconds=pauses[-1] + 0.5)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]


async def test_after_three_days_it_is_paused_with_a_task_and_goes_on_when_resumed(
    world: World,
) -> None:
    id_, _ = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲")
    world.receiver.answer = lambda _: Response(status_code=503)
    async with world.delivering() as delivering:
        await delivering.catch_up()
        world.time.passes(hours=71)
        await delivering.catch_up()
        world.time.passes(hours=1.1)
        with pytest.raises(GaveUpError):
            await delivering.catch_up()
    await world.installation.catch_up(households)
    state = await world.state(id_)
    assert (state["state"], state["reason"]) == ("paused", "undelivered")
    assert await opened(world.log.pool) == []
    (task,) = (await world.operator.get("/tasks")).json()["items"]
    assert (task["kind"], task["waits_for"]) == ("deliveries_paused", "operator")
    assert (task["target"], task["reason"]) == (str(id_), "status 503")
    world.receiver.answer = lambda _: Response(status_code=200)
    world.time.ahead = timedelta()
    await world.ask(id_, "resumes")
    async with world.delivering() as delivering:
        await delivering.catch_up()
    assert len(world.receiver.taken) == 1
    assert (await world.state(id_))["state"] == "active"


async def test_a_pause_that_was_asked_for_stops_it_and_a_resume_loses_nothing(world: World) -> None:
    id_, _ = await world.subscribe(types=[ALIAS])
    async with world.running():
        await made(world.steward, f"/areas/{world.county.east}/aliases", {"alias": "甲"})
        await world.receiver.has(1)
        assert (await post(world.operator, f"/subscriptions/{id_}/pauses", {})).is_success
        await asyncio.sleep(2.5)
        await made(world.steward, f"/areas/{world.county.east}/aliases", {"alias": "乙"})
        await asyncio.sleep(1.5)
        assert len(world.receiver.got) == 1
        assert (await post(world.operator, f"/subscriptions/{id_}/resumes", {})).is_success
        await world.receiver.has(2)
    assert len(world.receiver.got) == 2


async def test_a_redelivery_sends_from_its_position_once_more(world: World) -> None:
    id_, _ = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲", "乙", "丙")
    async with world.delivering() as delivering:
        await delivering.catch_up()
    first, second, third = world.receiver.taken
    await world.ask(id_, "redeliveries", from_position=second)
    for _ in range(2):  # asked once, sent again once
        async with world.delivering() as delivering:
            await delivering.catch_up()
    assert world.receiver.taken == [first, second, third, second, third]
    assert world.receiver.got[1].id == world.receiver.got[3].id
    assert world.receiver.got[1].body == world.receiver.got[3].body


async def test_what_waited_in_front_of_a_redelivery_still_waits(world: World) -> None:
    world.receiver.answer = lambda _: Response(status_code=500)
    id_, _ = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲")
    await world.alias(world.county.west, "乙")
    async with world.delivering() as delivering:
        await delivering.catch_up()
    east, west = (got.position for got in world.receiver.got)
    await world.ask(id_, "redeliveries", from_position=west)
    world.receiver.answer = lambda _: Response(status_code=200)
    async with world.delivering() as delivering:
        await delivering.catch_up()
    assert world.receiver.taken == [east, west]


async def test_a_redirect_is_followed_nowhere(world: World) -> None:
    async with receiving() as inner:
        world.receiver.answer = lambda _: Response(status_code=307, headers={"location": inner.url})
        await world.subscribe(types=[ALIAS])
        await world.alias(world.county.east, "甲")
        async with world.delivering(allowed=[world.receiver.url, inner.url]) as delivering:
            await delivering.catch_up()
        assert (len(world.receiver.got), inner.got) == (1, [])
    assert await world.log.pool.fetchval("SELECT reason FROM es.parked") == "status 307"


async def test_an_address_that_left_the_list_is_sent_nothing(world: World) -> None:
    await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲")
    async with world.delivering(allowed=["https://receiver.example/"]) as delivering:
        await delivering.catch_up()
        assert delivering.held()
    assert world.receiver.got == []
    async with world.delivering() as delivering:
        await delivering.catch_up()
    assert len(world.receiver.taken) == 1


@pytest.mark.parametrize("payload", [b'{"area":5}', b'{"area":"east"}', b"[]", b"{"])
async def test_an_event_that_cannot_be_cut_by_area_is_poison_for_its_subscription_alone(
    world: World, payload: bytes
) -> None:
    await world.subscribe(area=str(world.county.east))
    event = await world.sources().owner.at(1)
    assert event is not None
    async with world.delivering() as delivering:
        with pytest.raises(PoisonError, match=event.identity):
            await delivering.deed(msgspec.structs.replace(event, payload=payload))


async def test_an_answer_that_never_ends_is_given_up_in_time(world: World) -> None:
    """Six seconds for all of it, however slowly it drips."""
    ended = asyncio.Event()

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        ended.set()  # it was hung up on

    await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲")
    port = world.receiver.port
    await world.receiver.stop()
    server = await asyncio.start_server(drips, "127.0.0.1", port)
    async with server, world.delivering() as delivering:
        async with asyncio.timeout(20):
            await delivering.catch_up()
            assert delivering.held()
            await ended.wait()


async def test_too_many_waiting_streams_wait_for_room_and_stop_nothing(world: World) -> None:
    world.receiver.answer = lambda _: Response(status_code=500)
    id_, _ = await world.subscribe(types=[ALIAS])
    await world.alias(world.county.east, "甲")
    async with world.delivering() as delivering:
        cursor = await delivering.begin()
        await world.log.pool.execute(
            "INSERT INTO es.parked SELECT $1, 'households', gen_random_uuid(), -n, 1, 'infinity',"
            " 'planted', now() FROM generate_series(1, 1000) n",
            f"subscription.{id_}",
        )
        stood = await delivering.step(cursor)
        assert await delivering.step(stood) == stood
        await world.log.pool.execute("DELETE FROM es.parked WHERE position = -1")
        assert (await delivering.step(stood)).position > stood.position
    assert (await world.state(id_))["waiting"] == 1000
