"""Corrections of allocations over HTTP: shown first, then back and anew; never what moved on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from httpx import Response

from services.funds.service import service as funds
from tests.chassis.test_approvals import bands
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.office import refusal
from tests.registry import decided_again, made, post

WHY = {"reason": "录入时看错一行", "document": "测财农〔2020〕9号"}


@pytest.fixture
async def district(installation: Installation) -> District:
    """A lot of 1,000 yuan, all of it arranged for one project."""
    return await open_district(installation)


async def correct(district: District, dry: bool = False, **changes: Any) -> Response:
    path = f"/lots/{district.lot}/allocation-corrections" + ("?dry_run=true" if dry else "")
    return await post(district.finance, path, {**WHY, "allocation": 1, "changes": changes})


async def another_project(district: District) -> UUID:
    proposal = {
        "area": str(district.county.id),
        "year": 2020,
        "name": "另一项目",
        "kind": "relief",
        "purpose": "relief",
    }
    project = await made(district.finance, "/projects", proposal)
    assert (
        await post(district.finance, f"/projects/{project}/library-entries", {})
    ).status_code == 201
    return project


async def held(district: District) -> dict[tuple[str, str | None], int]:
    lot = (await district.finance.get(f"/lots/{district.lot}")).json()
    return {(one["account"], one["project"]): one["amount_fen"] for one in lot["balances"]}


async def test_an_allocation_is_corrected_after_its_effect_was_shown(
    installation: Installation, district: District
) -> None:
    other, path = await another_project(district), f"/lots/{district.lot}"
    wanted: dict[str, Any] = {"project": str(other), "amount": yuan("700")}
    await installation.catch_up(funds)
    shown = await correct(district, dry=True, **wanted)
    assert shown.status_code == 200, shown.text
    effect = shown.json()
    assert effect["answer"]["derived"] == [{"field": "unallocated.relief", "was": 0, "now": 300_00}]
    assert effect["events"] == [
        {"count": 1, "type": "AllocationCorrected"},
        {"count": 2, "type": "ProjectFundingChanged"},
    ]
    rests = {one["what"]: (one["count"], one["amount_fen"]) for one in effect["dependants"]}
    assert rests["projects"] == (1, 1000_00)
    assert {one["service"] for one in effect["elsewhere"]} == {"assets", "reporting"}
    done = await correct(district, **wanted)
    assert (done.status_code, done.json()) == (201, effect["answer"])
    assert await held(district) == {
        ("received", None): -1000_00,
        ("unallocated", None): 300_00,
        ("allocated", str(other)): 700_00,
    }
    (one,) = (await district.finance.get(f"{path}/allocations")).json()["allocations"]
    assert (one["project"], one["amount_fen"]) == (str(other), 700_00)
    for project, fen in ((district.project, []), (other, [700_00])):
        state = (await district.finance.get(f"/projects/{project}")).json()
        assert [given["amount_fen"] for given in state["funded"]] == fen
    (told,) = (await district.finance.get(f"{path}/corrections")).json()["corrections"]
    assert [change["field"] for change in told["changes"]] == ["amount", "project"]
    assert await decided_again(installation, funds) > 8


async def test_what_a_list_holds_stays_with_its_project(
    installation: Installation, district: District
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
    id_ = await made(district.finance, "/batches", batch)
    assert (await post(district.finance, f"/batches/{id_}/reservations", {})).status_code == 201
    taken = await correct(district, amount=None)
    assert refusal(taken) == (409, "AllocationMovedOn")
    assert taken.json()["numbers"] == {
        "needed_fen": 1000_00,
        "available_fen": 400_00,
        "short_fen": 600_00,
    }
    assert (await correct(district, amount=yuan("600"))).status_code == 201
    assert refusal(await correct(district, purpose="habitat")) == (409, "NotCorrectable")
    body = {**WHY, "allocation": 2, "changes": {"amount": None}}
    none = await post(district.finance, f"/lots/{district.lot}/allocation-corrections", body)
    assert refusal(none) == (409, "NoSuchAllocation")
    assert await decided_again(installation, funds) > 8


async def test_a_correction_is_no_way_around_the_approval_of_an_allocation(
    installation: Installation, district: District
) -> None:
    steward = await installation.client(funds, "steward")
    one: Any = [{"up_to_fen": None, "count": 1, "duties": ["auditor"]}]
    assert (await bands(steward, "AllocateFund", one)).status_code == 201
    waits = await correct(district, amount=yuan("1"))
    assert waits.status_code == 202, waits.text
    assert await held(district) == {
        ("received", None): -1000_00,
        ("allocated", str(district.project)): 1000_00,
    }
