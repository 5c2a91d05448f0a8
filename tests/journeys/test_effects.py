"""Reactors and webhooks in a whole installation whose worker is killed: one effect, no loss."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from starlette.responses import Response

from libs.chassis.cases import read_case
from libs.chassis.cli.status import measured
from libs.chassis.loader import Door, Load
from libs.events.redecide import redecide
from services.__main__ import SERVICES
from services.assets.domain.expectation import FORMING_KINDS
from services.assets.service import service as assets
from tests.chassis.receiver import Got, receiving
from tests.journeys.loaded import CASES, different
from tests.journeys.tree import Tree, running
from tests.registry import area, made, post

KILLS = 3
PAID = """
SELECT DISTINCT m->>'project' AS project
  FROM es.events e, json_array_elements(e.payload->'movements') m
  JOIN es.events p ON p.type = 'ProjectProposed' AND p.payload->>'project' = m->>'project'
 WHERE e.type = 'FundPaid' AND p.payload->>'kind' = ANY ($1)
"""


@asynccontextmanager
async def connected(address: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**address)
    try:
        yield connection
    finally:
        await connection.close()


async def killed_at_each_reaction(tree: Tree) -> None:
    """Kill the worker as soon as a further reaction is seen: after its effect, and perhaps before
    its cursor."""
    seen, count = 0, "SELECT count(*) FROM es.requests WHERE facts->'actor'->>'role' = 'system'"
    async with connected(tree.stores.app("assets")) as connection:
        for _ in range(KILLS):
            while (now := await connection.fetchval(count)) <= seen:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.002)
            seen = now
            tree.kill("work")


async def settled(tree: Tree) -> None:
    async with asyncio.timeout(60):
        while any(lag.behind > 0 for lag in await measured(tree.stores, SERVICES)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)


async def test_a_worker_killed_at_its_reactions_reacts_once_and_the_case_stays_whole() -> None:
    case = read_case(CASES / "004")
    with tempfile.TemporaryDirectory(prefix="suyuan-react-") as name:
        async with running(Path(name)) as tree, tree.client() as client:
            sources = {service.name: service.sources for service in SERVICES}
            load = Load(case, Door(client, tree.token, sources))
            killing = asyncio.create_task(killed_at_each_reaction(tree))
            await load.run()
            await killing
            await settled(tree)
            await load.count()
            assert different(case, await load.statement()) == []
            async with connected(tree.stores.app("funds")) as connection:
                paid = {row["project"] for row in await connection.fetch(PAID, list(FORMING_KINDS))}
            async with connected(tree.stores.app("assets")) as connection:
                rows = await connection.fetch(
                    "SELECT payload->>'project' AS project FROM es.events"
                    " WHERE type = 'FormationExpected'"
                )
                again = [
                    one
                    async for one in redecide(connection, assets.contracts, assets.every_decider)
                ]
    assert sorted(row["project"] for row in rows) == sorted(paid)
    assert len(paid) == 4
    assert [one for one in again if one is not None] == []


async def test_a_worker_killed_while_it_delivers_repeats_an_id_and_loses_none() -> None:
    """Killed when the receiver has the event and before it has answered: the event comes again
    under the same id, and every stream in its order."""
    deaths: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(prefix="suyuan-hook-") as name:
        async with receiving() as receiver:
            file = Path(name) / "webhooks"
            file.write_text(receiver.url)
            async with running(Path(name), webhooks=file) as tree:

                def dies_now_and_then(got: Got) -> Response:
                    if len(deaths) < KILLS and len(receiver.got) % 8 == 0:
                        deaths[got.position] += tree.kill("work")
                    return Response(status_code=204)

                receiver.answer = dies_now_and_then
                areas = await subscribed(tree, receiver.url)
                await aliases(tree, areas)
                await receiver.has(30, timeout_s=120)
    times = Counter(got.id for got in receiver.got)
    again = {got.position for got in receiver.got if times[got.id] > 1}
    assert len(times) == 30
    assert again <= set(deaths)
    assert sum(deaths.values()) == KILLS
    for area_ in areas:
        first = [g.position for g in receiver.got if g.event["data"]["area"] == area_]
        assert sorted(set(first)) == list(dict.fromkeys(first))


async def subscribed(tree: Tree, url: str) -> list[str]:
    """Three areas, and a subscription to their aliases."""
    async with tree.client("steward", "operator") as client:
        client.base_url = client.base_url.join("/api/v1/households")
        found = [
            await made(client, "/areas", area(f"90000{n}", f"测试区{n}", "county", None))
            for n in range(3)
        ]
        body = {"url": url, "types": ["AreaAliasAdded"]}
        assert (await post(client, "/subscriptions", body)).status_code == 201
    return [str(one) for one in found]


async def aliases(tree: Tree, areas: list[str]) -> None:
    async with tree.client("steward") as client:
        for number in range(30):
            path = f"/api/v1/households/areas/{areas[number % 3]}/aliases"
            await made(client, path, {"alias": f"别名{number}"})
