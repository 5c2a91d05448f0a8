"""Money before and after a merger, a change of name and a split: figures as then and as of today,
scope that follows, old papers that open, tables that a rebuild gives again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from libs.chassis.read_model import opened
from libs.events.known import REMEMBERED_S
from services.__main__ import SERVICES
from services.funds.service import service as funds
from services.households.domain.area import area_stream
from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.registry import County, area, decided_again, made, post, register_county
from tests.reporting.definitions import money

LETTER = "某政发〔2020〕12号"
SPLIT_ON = date(2023, 1, 1)
MERGED, RENAMED, SPLIT = "2021-01-01", "2022-01-01", "2023-01-01"


@dataclass
class Township:
    """A county whose east is merged into the west, which is renamed and then split."""

    installation: Installation
    county: County
    steward: AsyncClient
    clerk: AsyncClient
    south: UUID

    async def scoped(self, service: Any, area_: UUID) -> AsyncClient:
        return await self.installation.client(service, "clerk", "finance", area=area_)

    async def settle(self) -> None:
        """Applied everywhere, and what was remembered of areas forgotten."""
        await self.installation.catch_up()
        await asyncio.sleep(REMEMBERED_S * 1.1)

    async def lot(self, area_: UUID, yuan: str, on: str, client: AsyncClient | None = None) -> UUID:
        letter = {
            "number": f"测财农〔2020〕{yuan}号",
            "kind": "funding",
            "title": "下达资金",
            "level": "county",
            "area": str(area_),
            "issued_on": "2020-03-01",
        }
        clerk = client or self.clerk
        amount = {"text": yuan, "unit": "元"}
        body = {
            "area": str(area_),
            "level": "county",
            "year": 2020,
            "fund_name": "测试资金",
            "batch": yuan,
            "document": str(await made(clerk, "/documents", {**letter, "occurred_on": on})),
            "amount": amount,
            "purposes": [{"purpose": "relief", "amount": amount}],
        }
        return await made(clerk, "/lots", {**body, "occurred_on": on})

    async def project(self, name: str, on: str, client: AsyncClient | None = None) -> UUID:
        """A project in the village of the east, in the library."""
        village = str(self.county.east_village)
        body = {"area": village, "year": 2020, "name": name, "kind": "relief", "purpose": "relief"}
        clerk = client or self.clerk
        found = await made(clerk, "/projects", {**body, "occurred_on": on})
        await made(clerk, f"/projects/{found}/library-entries", {"occurred_on": on})
        return found

    async def merge(self) -> None:
        merger = {"successor": str(self.county.west), "valid_from": MERGED, "document": LETTER}
        await made(self.steward, f"/areas/{self.county.east}/mergers", merger)
        await self.settle()

    async def divide(self) -> None:
        """The new name, and the split that gives the village of the east away."""
        west, village, letter = self.county.west, self.county.east_village, {"document": LETTER}
        code = {"code": "370112001", "name": "西街道", "valid_from": RENAMED, **letter}
        await made(self.steward, f"/areas/{west}/codes", code)
        south = area("370112102", "南镇", "township", self.county.id)
        await made(self.steward, "/areas", {**south, "valid_from": SPLIT})
        parts = [{"area": str(self.south), "takes": [str(village)]}]
        split = {"parts": parts, "ends": False, "valid_from": SPLIT, **letter}
        await made(self.steward, f"/areas/{west}/splits", split)
        await self.settle()


@pytest.fixture
async def township(installation: Installation) -> Township:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    clerk = await installation.client(funds, "clerk", "finance")
    found = Township(installation, county, steward, clerk, area_stream("370112102", SPLIT_ON))
    await installation.catch_up()
    return found


def allocation(project: UUID, yuan: str, on: str) -> dict[str, Any]:
    amount = {"text": yuan, "unit": "元"}
    return {"project": str(project), "purpose": "relief", "amount": amount, "occurred_on": on}


async def figures(township: Township) -> AsyncClient:
    """What each area received, and what projects in it were given."""
    county = township.county
    clerk = await township.installation.client(reporting, "clerk")
    for name, area_ in (("east", county.east), ("west", county.west), ("south", township.south)):
        for what, definition in (
            ("received", money("received", sign=-1, lot__area=str(area_))),
            ("given", money("allocated", project__area=str(area_))),
        ):
            said = {"figure": f"{what}.{name}", "title": name, "area": str(county.id)}
            body = {**said, "definition": {**definition, "unit": "元"}}
            answer = await post(clerk, "/figures", body)
            assert answer.status_code == 201, answer.text
    await township.settle()
    return clerk


async def printed(clerk: AsyncClient, what: str, **asked: str) -> dict[str, str]:
    found = {}
    for name in ("east", "west", "south"):
        answer = await clerk.get(f"/figures/{what}.{name}/value", params=asked)
        assert answer.status_code == 200, answer.text
        found[name] = answer.json()["printed"]
    return found


async def test_a_merger_a_name_and_a_split_leave_every_figure_right(township: Township) -> None:
    """100 in the east before; 5 in the west and 30 of the 100 after; 2 in the south at last."""
    lot = await township.lot(township.county.east, "100", "2020-03-16")
    await township.lot(township.county.west, "10", "2020-03-16")
    first = await township.project("修路", "2020-03-16")
    await made(township.clerk, f"/lots/{lot}/allocations", allocation(first, "40", "2020-03-20"))
    await township.merge()
    west = await township.scoped(funds, township.county.west)
    await township.lot(township.county.west, "5", "2021-06-01", west)
    second = await township.project("建渠", "2021-06-01", west)
    await made(west, f"/lots/{lot}/allocations", allocation(second, "30", "2021-06-02"))
    await township.divide()
    await township.lot(township.south, "2", "2023-06-01")
    clerk = await figures(township)

    assert await printed(clerk, "received") == {"east": "100", "west": "15", "south": "2"}
    assert await printed(clerk, "received", basis="today") == {
        "east": "100",  # what stood in it is shown beside its successor, which counts it too
        "west": "115",
        "south": "2",  # a split gives away what moved, and nothing that is guessed
    }
    assert await printed(clerk, "given") == {"east": "40", "west": "30", "south": "0"}
    assert await printed(clerk, "given", basis="today") == {"east": "0", "west": "0", "south": "70"}
    on_merger = {"basis": "today", "areas_on": "2021-12-31"}
    assert await printed(clerk, "given", **on_merger) == {"east": "0", "west": "70", "south": "0"}
    assert await decided_again(township.installation, funds) > 0


async def test_scope_follows_money_and_papers_of_before(township: Township) -> None:
    county = township.county
    lot = await township.lot(county.east, "100", "2020-03-16")
    project = await township.project("修路", "2020-03-16")
    await township.installation.catch_up()
    west, east = [await township.scoped(funds, one) for one in (county.west, county.east)]
    assert [(await one.get(f"/lots/{lot}")).status_code for one in (west, east)] == [404, 200]
    refused = await post(west, f"/lots/{lot}/allocations", allocation(project, "1", "2020-03-16"))
    assert refused.json()["type"] == "/problems/NotYourArea"
    await township.merge()
    await township.divide()
    south = await township.scoped(funds, township.south)
    assert [(await one.get(f"/lots/{lot}")).status_code for one in (west, south)] == [200, 404]
    listed = (await west.get("/lots")).json()["items"]
    assert [one["id"] for one in listed] == [str(lot)]
    for one, status in ((south, 200), (west, 404), (east, 404)):
        assert (await one.get(f"/projects/{project}")).status_code == status
        items = (await one.get("/projects")).json()["items"]
        assert [item["id"] for item in items] == ([str(project)] if status == 200 else [])
    given = allocation(project, "1", "2021-06-01")
    assert (await post(west, f"/lots/{lot}/allocations", given)).status_code == 201
    assert (await post(east, f"/lots/{lot}/allocations", given)).json()["type"] == (
        "/problems/ScopeEnded"
    )


async def test_old_papers_open_by_their_ids_and_an_ended_area_takes_nothing_new(
    township: Township,
) -> None:
    lot = await township.lot(township.county.east, "100", "2020-03-16")
    await township.merge()
    await township.divide()
    shown = (await township.clerk.get(f"/lots/{lot}")).json()
    assert (shown["area"], shown["balances"][0]["place"]) == (
        str(township.county.east),
        f"treasury:{township.county.east}",
    )
    (letter,) = (await township.clerk.get("/documents")).json()["items"]
    assert (await township.clerk.get(f"/documents/{letter['id']}")).status_code == 200
    for code, name in (("370112100", "东镇"), ("370112101", "西街道"), ("370112001", "西街道")):
        (found,) = (await township.steward.get("/areas", params={"code": code})).json()["items"]
        assert found["name"] == name
    village = {"area": str(township.county.east), "year": 2021, "name": "新路", "kind": "relief"}
    late = {**village, "purpose": "relief", "occurred_on": MERGED}
    refused = await post(township.clerk, "/projects", late)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/AreaEnded")
    before = {**late, "occurred_on": "2020-12-31"}
    assert (await post(township.clerk, "/projects", before)).status_code == 201


async def test_tables_grown_by_reforms_are_those_that_a_rebuild_gives(township: Township) -> None:
    await township.lot(township.county.east, "100", "2020-03-16")
    await township.merge()
    await township.divide()
    for service in SERVICES:
        async with opened(service, township.installation.stores) as model:
            await model.build()
            found, explained = await model.compared()
            assert (found.equal, explained) == (True, [])
            assert any(bucket.table == "known.area_paths" for bucket in found.buckets)
