"""A small district over HTTP: money, a project in the library, households, a batch with its sum
reserved and no line yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from httpx import AsyncClient, Response

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, made, post, register_county

LEVELS = ["central", "province", "prefecture", "county", "township"]


@dataclass
class District:
    county: County
    finance: AsyncClient
    project: UUID
    lot: UUID
    bank: UUID
    houses: list[UUID]

    def lines(self, *yuan: str, first: int = 1) -> dict[str, Any]:
        """A chunk of lines, one a household, for the houses in their order."""
        named = self.houses[first - 1 : first - 1 + len(yuan)]
        return {
            "first": first,
            "lines": [
                {
                    "beneficiary": {"kind": "household", "id": str(id_), "household": str(id_)},
                    "amount": {"text": text, "unit": "元"},
                }
                for id_, text in zip(named, yuan, strict=True)
            ],
        }


async def open_district(installation: Installation, houses: int = 4) -> District:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    bank = {"name": "历城农商银行", "kind": "bank", "area": str(county.id)}
    bank_id = await made(steward, "/organisations", bank)
    ids = await registered(installation, county, houses)
    await installation.catch_up(households, funds)
    finance = await installation.client(funds, "finance", subject="officer")
    lot = await _lot(finance, county)
    project = await _project(finance, county)
    allocation = {"project": str(project), "purpose": "relief", "amount": yuan("1000")}
    assert (await post(finance, f"/lots/{lot}/allocations", allocation)).status_code == 201
    return District(county, finance, project, lot, bank_id, ids)


async def registered(installation: Installation, county: County, count: int) -> list[UUID]:
    """Demonstration households of the east village, one person each and none listed."""
    clerk = await installation.client(households, "clerk")
    rows = [
        {
            "key": f"demo-{nth}",
            "area": str(county.east_village),
            "era": "linkage",
            "register_type": "monitored",
            "persons": 1,
            "registered_on": "2020-03-16",
            "synthetic": True,
        }
        for nth in range(1, count + 1)
    ]
    body = {"area": str(county.east), "households": rows}
    answer = await post(clerk, "/households", body)
    assert answer.status_code == 201, answer.text
    ids = answer.json()["ids"]
    return [UUID(ids[f"demo-{nth}"]) for nth in range(1, count + 1)]


def yuan(text: str) -> dict[str, str]:
    return {"text": text, "unit": "元"}


async def _lot(finance: AsyncClient, county: County) -> UUID:
    document = {
        "number": "测财农〔2020〕1号",
        "kind": "funding",
        "title": "下达资金",
        "level": "county",
        "area": str(county.id),
        "issued_on": "2020-03-01",
    }
    letter = await made(finance, "/documents", document)
    lot = {
        "area": str(county.id),
        "level": "county",
        "year": 2020,
        "fund_name": "测试资金",
        "batch": "1",
        "document": str(letter),
        "amount": yuan("1000"),
        "purposes": [{"purpose": "relief", "amount": yuan("1000")}],
    }
    return await made(finance, "/lots", lot)


async def _project(finance: AsyncClient, county: County) -> UUID:
    policy = {"area": str(county.id), "in_force_from": "2020-01-01", "levels": LEVELS}
    assert (await post(finance, "/draw-policies", policy)).status_code == 201
    project = {
        "area": str(county.id),
        "year": 2020,
        "name": "测试项目",
        "kind": "relief",
        "purpose": "relief",
    }
    id_ = await made(finance, "/projects", project)
    assert (await post(finance, f"/projects/{id_}/library-entries", {})).status_code == 201
    return id_


async def reserved(district: District, *lines: str, scheme: str = "relief", run: int = 1) -> UUID:
    """A batch for lines of these yuan, its sum held on the lot."""
    batch = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": scheme,
        "period": "2020",
        "run": run,
        "grade": "line",
        "count": len(lines),
        "amount": yuan(_sum(lines)),
    }
    id_ = await made(district.finance, "/batches", batch)
    held = await post(district.finance, f"/batches/{id_}/reservations", {})
    assert held.status_code == 201, held.text
    return id_


def _sum(lines: Sequence[str]) -> str:
    return str(sum(map(int, lines)))


async def order(district: District, batch: UUID, *lines: str, **more: Any) -> Response:
    body = district.lines(*lines) | more
    return await post(district.finance, f"/batches/{batch}/lines", body)
