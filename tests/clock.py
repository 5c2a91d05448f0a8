"""A clock that stands until it is moved, over whole services: their deadlines and their lists."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from httpx import AsyncClient

from libs.chassis.service import Service
from libs.events.clock import CHINA
from libs.events.scheduler import Scheduling
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.registry import post

ANY_CLOCK = "UPDATE es.store SET ahead = '1000 days'"


async def ruled(installation: Installation, service: Service, deadline: str, **values: Any) -> None:
    """A row that makes it a deadline, and a store that is live since long ago."""
    steward = await installation.client(service, "steward", subject="keeper")
    for of, key, said in (
        ("deadline", deadline, {"basis": "测试", **values}),
        ("live", "live", {"note": "启用"}),
    ):
        row = {"key": key, "valid_from": "2010-01-01", "values": said}
        body = {"set": of, "area": None, "row": row}
        answer = await post(steward, "/reference/rows", body)
        assert answer.status_code in (200, 201), answer.text


async def ticked(installation: Installation, service: Service, on: date, hour: int = 9) -> None:
    """The scheduler of a service looks once on that day; then everybody reads what came of it."""
    await installation.plant(service, ANY_CLOCK)
    await installation.catch_up(service)
    log = await installation.log(service)
    now = datetime(on.year, on.month, on.day, hour, tzinfo=CHINA)
    scheduling = Scheduling(log, service.every_deadline, service.every_decider, clock=lambda: now)
    assert await scheduling.sweep() is not None
    await scheduling.row.lease.release()
    await installation.catch_up(service, reporting)


def on_day(client: AsyncClient, day: date) -> AsyncClient:
    """The client's service reckons as of that day."""
    transport: Any = client._transport
    transport.app.state.today = lambda: day
    return client


async def kinds(installation: Installation, role: str) -> list[tuple[str, str, str | None]]:
    """(kind, reason, due day) of what waits for a role."""
    client = await installation.client(reporting, role)
    items = (await client.get("/my-tasks")).json()["items"]
    return [(item["kind"], item["reason"], item["due_on"]) for item in items]
