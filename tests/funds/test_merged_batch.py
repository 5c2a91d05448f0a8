"""A list that was begun before its township was merged goes on, by the rules of its day."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from libs.events.known import REMEMBERED_S
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.registry import made, post

BEFORE, MERGED, AFTER = "2020-06-01", "2021-01-01", "2021-06-01"


async def begun(district: District) -> UUID:
    """A list of the east for two households of 8 yuan, its sum reserved."""
    finance, east = district.finance, {"area": str(district.county.east)}
    named = {"year": 2020, "name": "东镇补助", "kind": "relief", "purpose": "relief"}
    project = await made(finance, "/projects", {**east, **named})
    await made(finance, f"/projects/{project}/library-entries", {})
    letter = {"number": "测财农〔2020〕2号", "kind": "funding", "title": "下达资金"}
    document = await made(
        finance, "/documents", {**east, **letter, "level": "county", "issued_on": "2020-03-01"}
    )
    lot = {"level": "county", "year": 2020, "fund_name": "东镇资金", "batch": "1"}
    received = {"purposes": [{"purpose": "relief", "amount": yuan("16")}], "amount": yuan("16")}
    id_ = await made(finance, "/lots", {**east, **lot, **received, "document": str(document)})
    given = {"project": str(project), "purpose": "relief", "amount": yuan("16")}
    await made(finance, f"/lots/{id_}/allocations", given)
    batch = {
        **east,
        "project": str(project),
        "scheme": "relief",
        "period": "2020",
        "run": 1,
        "grade": "line",
        "count": 2,
        "amount": yuan("16"),
    }
    id_ = await made(finance, "/batches", batch)
    held = await post(finance, f"/batches/{id_}/reservations", {})
    assert held.status_code == 201, held.text
    return id_


async def merge(installation: Installation, district: District) -> None:
    steward = await installation.client(households, "steward")
    body = {"successor": str(district.county.west), "valid_from": MERGED}
    letter = {"document": "某政发〔2020〕12号"}
    await made(steward, f"/areas/{district.county.east}/mergers", {**body, **letter})
    await installation.catch_up(households, funds)
    await asyncio.sleep(REMEMBERED_S * 1.1)


async def standard(installation: Installation, area: UUID) -> None:
    """7 yuan a household in the west, since long ago."""
    steward = await installation.client(funds, "steward")
    row: dict[str, Any] = {"key": "relief", "valid_from": "2020-01-01"}
    row["values"] = {"amount_fen": 700, "per": "household"}
    answer = await post(
        steward, "/reference/rows", {"set": "standard", "area": str(area), "row": row}
    )
    assert answer.status_code == 201, answer.text


async def test_the_successors_officer_goes_on_with_the_households_that_lay_there(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    batch = await begun(district)
    path = f"/batches/{batch}/lines"
    west = await installation.client(funds, "finance", area=district.county.west)
    lines = district.lines("8", "8") | {"occurred_on": BEFORE}
    assert (await post(west, path, lines)).json()["type"] == "/problems/NotYourArea"
    await merge(installation, district)
    east = await installation.client(funds, "finance", area=district.county.east)
    assert (await post(east, path, lines)).json()["type"] == "/problems/ScopeEnded"
    ordered = await post(west, path, lines)
    assert ordered.status_code == 201, ordered.text


async def test_a_standard_of_the_successor_is_not_that_of_a_day_before_the_merger(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    batch = await begun(district)
    await standard(installation, district.county.west)
    await merge(installation, district)
    path, lines = f"/batches/{batch}/lines", district.lines("8", "8")
    refused = await post(district.finance, path, lines | {"occurred_on": AFTER})
    assert refused.json()["type"] == "/problems/StandardMismatch"
    ordered = await post(district.finance, path, lines | {"occurred_on": BEFORE})
    assert ordered.status_code == 201, ordered.text
