"""Corrections in funds over HTTP: no way around who approves, and evidence that is there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.funds.service import service as funds
from tests.chassis.files.made import digest
from tests.chassis.test_approvals import bands
from tests.chassis.test_attachments import SHEET, attached
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.office import refusal
from tests.registry import decided_again, post

WHY = {"reason": "录入时看错一行", "document": "测财农〔2020〕9号"}
ONE: Any = [
    {"up_to_fen": 100_00, "count": 0},
    {"up_to_fen": None, "count": 1, "duties": ["auditor"]},
]
"""Up to 100 yuan nobody, above it one."""


@pytest.fixture
async def district(installation: Installation) -> District:
    """A lot of 1,000 yuan, all of it arranged for one project."""
    return await open_district(installation)


@pytest.fixture
async def steward(installation: Installation) -> AsyncClient:
    return await installation.client(funds, "steward", subject="steward")


def correcting(**changes: Any) -> dict[str, Any]:
    return {**WHY, "changes": changes}


async def test_a_lot_goes_down_by_who_approved_what_it_was(
    district: District, steward: AsyncClient
) -> None:
    path = f"/lots/{district.lot}"
    back = {**WHY, "allocation": 1, "changes": {"amount": yuan("10")}}
    assert (await post(district.finance, f"{path}/allocation-corrections", back)).status_code == 201
    assert (await bands(steward, "RegisterLot", ONE)).status_code == 201
    small = correcting(purposes=[{"purpose": "relief", "amount": yuan("10")}])
    waits = await post(district.finance, f"{path}/corrections", small)
    assert waits.status_code == 202, waits.text
    assert (await district.finance.get(path)).json()["amount_fen"] == 1000_00


async def test_an_allocation_goes_down_by_who_approved_what_it_was(
    district: District, steward: AsyncClient
) -> None:
    assert (await bands(steward, "AllocateFund", ONE)).status_code == 201
    path = f"/lots/{district.lot}/allocation-corrections"
    for amount in (yuan("1"), None):
        back = {**WHY, "allocation": 1, "changes": {"amount": amount}}
        assert (await post(district.finance, path, back)).status_code == 202


async def test_a_list_and_a_project_are_corrected_by_who_approved_them(
    district: District, steward: AsyncClient
) -> None:
    batch = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": "relief",
        "period": "2020",
        "grade": "line",
        "count": 1,
        "amount": yuan("600"),
    }
    said = await post(district.finance, "/batches", batch)
    for command in ("DeclareBatch", "ProposeProject"):
        assert (await bands(steward, command, ONE)).status_code == 201
    less = correcting(amount=yuan("60"))
    path = f"/batches/{said.json()['id']}/corrections"
    assert (await post(district.finance, path, less)).status_code == 202
    other = correcting(kind="housing")
    path = f"/projects/{district.project}/corrections"
    assert (await post(district.finance, path, other)).status_code == 202


async def test_evidence_is_a_file_that_is_attached_to_what_is_corrected(
    installation: Installation, district: District
) -> None:
    path = f"/lots/{district.lot}/corrections"
    body: dict[str, Any] = {
        "reason": "录入时看错一行",
        "changes": {"purposes": [{"purpose": "relief", "amount": yuan("1001")}]},
    }
    invented = await post(district.finance, path, {**body, "evidence": "0" * 64})
    assert refusal(invented) == (409, "EvidenceNotAttached")
    body["evidence"] = digest(SHEET)
    await attached(district.finance, district.project)
    elsewhere = await post(district.finance, path, body)
    assert refusal(elsewhere) == (409, "EvidenceNotAttached")
    assert UUID(elsewhere.json()["numbers"]["target"]) == district.lot
    id_ = await attached(district.finance, district.lot)
    assert (await post(district.finance, path, body)).status_code == 201
    gone = await post(
        district.finance,
        "/attachments/withdrawals",
        {"target": str(district.lot), "attachment": str(id_), "reason": "拍错了"},
    )
    assert gone.status_code == 201, gone.text
    body["changes"]["purposes"][0]["amount"] = yuan("1002")
    assert refusal(await post(district.finance, path, body)) == (409, "EvidenceNotAttached")
    assert await decided_again(installation, funds) > 8


async def test_no_money_is_corrected_before_it_came(
    installation: Installation, district: District
) -> None:
    """Else an account would have been below zero in between."""
    path = f"/lots/{district.lot}"
    more = correcting(purposes=[{"purpose": "relief", "amount": yuan("1001")}])
    for said in ({"effective_on": "2000-01-01"}, {"occurred_on": "2000-01-01"}):
        early = await post(district.finance, f"{path}/corrections", more | said)
        assert refusal(early) == (409, "CorrectedTooEarly")
    back = {**WHY, "allocation": 1, "changes": {"amount": yuan("10")}}
    early = await post(
        district.finance, f"{path}/allocation-corrections", back | {"effective_on": "2000-01-01"}
    )
    assert refusal(early) == (409, "CorrectedTooEarly")
    assert (await post(district.finance, f"{path}/corrections", more)).status_code == 201
    assert await decided_again(installation, funds) > 8


async def test_who_is_refused_a_key_is_told_which_lot_or_project_has_it_and_why(
    installation: Installation, district: District
) -> None:
    """Registered as 2020, meant 2019: neither year is anybody else's."""
    back = {**WHY, "allocation": 1, "changes": {"amount": None}}
    path = f"/lots/{district.lot}"
    assert (await post(district.finance, f"{path}/allocation-corrections", back)).status_code == 201
    shown = (await district.finance.get(path)).json()
    lot = {name: shown[name] for name in ("area", "level", "year", "fund_name", "batch")}
    await installation.catch_up(funds)
    (letter,) = (await district.finance.get("/documents")).json()["items"]
    lot |= {"document": letter["id"], "amount": yuan("1")}
    lot |= {"purposes": [{"purpose": "relief", "amount": yuan("1")}]}
    again = await post(district.finance, "/lots", lot)
    assert refusal(again) == (409, "LotAlreadyRegistered")
    assert again.json()["numbers"]["lot"] == str(district.lot)
    said = await post(district.finance, f"{path}/corrections", correcting(year=2019))
    assert said.status_code == 201, said.text
    for year, why in ((2020, "曾如此登记，已更正为 测试资金 2019 年批次 1"), (2019, "更正为此号")):
        used = await post(district.finance, "/lots", lot | {"year": year})
        assert refusal(used) == (409, "LotKeyUsed")
        assert (used.json()["numbers"]["lot"], why in used.text) == (str(district.lot), True)
    project = {"area": lot["area"], "year": 2020, "name": "测试项目"}
    project |= {"kind": "relief", "purpose": "relief"}
    path = f"/projects/{district.project}/corrections"
    assert (await post(district.finance, path, correcting(year=2019))).status_code == 201
    for year, why in ((2020, "曾如此申报，已更正为 测试项目 2019 年"), (2019, "更正为此号")):
        used = await post(district.finance, "/projects", project | {"year": year})
        assert refusal(used) == (409, "ProjectKeyUsed")
        assert used.json()["numbers"]["project"] == str(district.project)
        assert why in used.text
    assert await decided_again(installation, funds) > 8


async def test_a_document_is_a_number_of_one(district: District) -> None:
    path = f"/lots/{district.lot}/corrections"
    said = await post(district.finance, path, correcting(year=2021) | {"document": "口头说的"})
    assert said.status_code == 422, said.text
    assert "document" in str(said.json()["errors"][0]), said.text
