"""How long after its 201 is a command seen in a figure, over the direct feed and over Kafka?

API and worker as they ship; for Kafka also a broker and the relays. 50 commands a second allocate
money of 50 lots, each to its project; one in five is followed: as soon as it is answered, the
figure that sums all allocations is asked for at the position that the answer named. The lag is the
time from the one answer to the other: it holds NOTIFY, the relay and the broker, the reader's
transaction, the waiting request's polls, the figure's query and HTTP.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx

from libs.chassis import broker

from .installation import (
    Installation,
    answering,
    installed,
    known_to,
    process,
    register_area,
)
from .rounds import Figure, Goal, percentile, show

A_SECOND = 50
FOLLOWED = 5
FOR_S = 60
LOTS = 50
FIGURE = "bench.allocated"
DAY = {"occurred_on": "2020-03-16"}
DOCUMENT = {"number": "测财农〔2020〕1号", "kind": "funding", "title": "bench", "level": "county"}
DEFINITION = {
    "measure": "sum",
    "over": "movements",
    "field": "amount_fen",
    "where": [{"field": "account", "values": ["allocated"]}],
    "unit": "元",
}


def yuan(text: str) -> dict[str, str]:
    return {"text": text, "unit": "元"}


@dataclass
class Office:
    """A clerk who allocates money, one yuan at a time, and looks at the figure that sums it."""

    client: httpx.AsyncClient
    area: UUID
    pairs: list[tuple[str, str]] = field(default_factory=list)
    commands: int = 0

    async def post(self, path: str, **body: Any) -> httpx.Response:
        self.commands += 1
        key = {"idempotency-key": f"bench-{self.commands}"}
        done = await self.client.post(path, json={**DAY, **body}, headers=key)
        done.raise_for_status()
        return done

    async def made(self, path: str, **body: Any) -> str:
        id_: str = (await self.post(path, area=str(self.area), **body)).json()["id"]
        return id_

    async def prepare(self) -> None:
        """The figure, and lots with their projects."""
        await self.made("/reporting/figures", figure=FIGURE, title="bench", definition=DEFINITION)
        document = await self.made("/funds/documents", issued_on="2020-01-05", **DOCUMENT)
        for number in range(LOTS):
            named = {"year": 2020, "fund_name": "bench", "batch": str(number), "level": "county"}
            money = {"amount": yuan("9999999"), "document": document}
            parts = [{"purpose": "relief", "amount": yuan("9999999")}]
            lot = await self.made("/funds/lots", purposes=parts, **named, **money)
            wanted = {"name": f"bench {number}", "kind": "relief", "purpose": "relief"}
            project = await self.made("/funds/projects", year=2020, **wanted)
            await self.post(f"/funds/projects/{project}/library-entries")
            self.pairs.append((lot, project))

    async def allocated_fen(self, **asked: str) -> int:
        """The figure, in fen; `min_position` waits for what stands there."""
        shown = await self.client.get(f"/reporting/figures/{FIGURE}/value", params=asked)
        shown.raise_for_status()
        fen: int = shown.json()["raw"]
        return fen

    async def lag_ms(self, number: int, at: float) -> float | None:
        """Allocate at that instant; if followed, milliseconds from the answer to the figure's."""
        await asyncio.sleep(at - time.perf_counter())
        lot, project = self.pairs[number % LOTS]
        body = {"project": project, "purpose": "relief", "amount": yuan("1")}
        done = await self.post(f"/funds/lots/{lot}/allocations", **body)
        answered = time.perf_counter()
        if number % FOLLOWED:
            return None
        await self.allocated_fen(min_position=done.headers["position"])
        return (time.perf_counter() - answered) * 1000

    async def run(self, seconds: int) -> list[float]:
        began, count = time.perf_counter(), seconds * A_SECOND
        lags = [self.lag_ms(number, began + number / A_SECOND) for number in range(count)]
        return [lag for lag in await asyncio.gather(*lags) if lag is not None]


async def lags(installation: Installation) -> list[float]:
    """Milliseconds. Raises: ValueError when the figure misses a command at the end."""
    origin = installation.settings.origin
    await answering(f"{origin}/api/v1/funds/health")
    bearer = {"authorization": f"Bearer {installation.token('clerk')}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"{origin}/api/v1", headers=bearer, limits=limits, timeout=60
    ) as client:
        area = await register_area(installation, client)
        await known_to(installation, area, "funds", "reporting")
        office = Office(client, area)
        await office.prepare()
        await office.run(2)  # warms plans and connections
        found = await office.run(FOR_S)
        last = await office.post("/funds/projects", area=str(area), year=2020, **LAST)
        wanted = (FOR_S + 2) * A_SECOND * 100
        if (fen := await office.allocated_fen(min_position=last.headers["position"])) != wanted:
            raise ValueError(f"{wanted} fen were allocated, the figure says {fen}")
    return found


LAST = {"name": "last", "kind": "relief", "purpose": "relief"}


async def direct() -> list[float]:
    async with installed() as installation:
        settings = installation.settings
        with process(settings, "services", "serve"), process(settings, "services", "work"):
            return await lags(installation)


async def by_kafka() -> list[float]:
    async with (
        installed() as installation,
        await broker.start(installation.settings.home / "kafka") as started,
    ):
        settings = replace(installation.settings, kafka=started.bootstrap)
        with (
            process(settings, "services", "serve"),
            process(settings, "services", "work"),
            process(settings, "services", "relay"),
        ):
            return await lags(installation)


async def measure() -> list[Goal]:
    goals = []
    for name, run, bound in (("direct", direct, 25), ("Kafka", by_kafka, 60)):
        found = await run()
        shown = {f"p{nth}": Figure((percentile(found, nth),)) for nth in (50, 90, 99)}
        show(f"lag from 201 to the figure, {name}, {A_SECOND} commands/s, {FOR_S} s", shown, "ms")
        goals.append(
            Goal(f"ms p99 from 201 to the figure, {name}", shown["p99"], bound, at_most=True)
        )
    return goals
