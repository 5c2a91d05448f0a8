"""Doors of proposed aliases: a name finds nothing until a steward confirms it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, decided_again, made, post, register_county

MET = "2020年发放表 第3行"


async def people(installation: Installation) -> tuple[County, AsyncClient, AsyncClient]:
    """A county, its clerk in the east, its steward."""
    county = await register_county(installation)
    await installation.catch_up(households)
    clerk = await installation.client(households, "clerk", area=county.east)
    return county, clerk, await installation.client(households, "steward", area=county.id)


def proposed(of: str, subject: UUID, alias: str) -> dict[str, Any]:
    return {"of": of, "subject": str(subject), "alias": alias, "met": MET}


async def subject_of(kind: str, steward: AsyncClient, county: County) -> UUID:
    if kind == "area":
        return county.east_village
    committee = {"name": "东村委会", "kind": "village", "area": str(county.east_village)}
    return await made(steward, "/organisations", committee)


@pytest.mark.parametrize(("kind", "list_"), [("area", "areas"), ("organisation", "organisations")])
async def test_a_proposed_name_finds_nothing_until_it_is_confirmed(
    installation: Installation, kind: str, list_: str
) -> None:
    county, clerk, steward = await people(installation)
    subject = await subject_of(kind, steward, county)
    proposal = await made(clerk, "/alias-proposals", proposed(kind, subject, "冬村"))
    await installation.catch_up(households)

    async def found() -> list[str]:
        items = (await steward.get(f"/{list_}", params={"name": "冬村"})).json()["items"]
        return [item["id"] for item in items]

    assert await found() == []
    (waiting,) = (await steward.get("/alias-proposals")).json()["items"]
    assert waiting == {
        "id": str(proposal),
        "area": str(county.east_village),
        "of": kind,
        "subject": str(subject),
        "alias": "冬村",
        "met": MET,
        "state": "open",
        "reason": None,
    }
    await made(steward, f"/alias-proposals/{proposal}/confirmations", {})
    await installation.catch_up(households)
    assert await found() == [str(subject)]
    assert "冬村" in (await steward.get(f"/{list_}/{subject}")).json()["aliases"]
    assert (await steward.get("/alias-proposals")).json()["items"] == []
    confirmed = (await steward.get("/alias-proposals", params={"state": "confirmed"})).json()
    assert [one["id"] for one in confirmed["items"]] == [str(proposal)]
    assert (await clerk.get(f"/alias-proposals/{proposal}")).json()["state"] == "confirmed"
    assert await decided_again(installation, households) > 5


async def test_a_rejected_name_says_why_and_finds_nothing(installation: Installation) -> None:
    county, clerk, steward = await people(installation)
    asked = proposed("area", county.east_village, "冬村")
    proposal = await made(clerk, "/alias-proposals", asked)
    await made(steward, f"/alias-proposals/{proposal}/rejections", {"reason": "另有其村"})
    await installation.catch_up(households)
    assert (await steward.get("/areas", params={"name": "冬村"})).json()["items"] == []
    (kept,) = (await clerk.get("/alias-proposals", params={"state": "rejected"})).json()["items"]
    assert (kept["state"], kept["reason"]) == ("rejected", "另有其村")
    again = await post(clerk, "/alias-proposals", asked)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/AliasAlreadyProposed")


async def test_one_name_is_confirmed_for_one_organisation_in_an_area(
    installation: Installation,
) -> None:
    """Two clerks take the same name for two units: whichever is confirmed first has it."""
    county, clerk, steward = await people(installation)
    units = [
        await made(steward, "/organisations", {"name": n, "kind": "bank", "area": str(county.east)})
        for n in ("东镇信用社", "东镇储蓄所")
    ]
    first, second = [
        await made(clerk, "/alias-proposals", proposed("organisation", unit, "农信"))
        for unit in units
    ]
    await made(steward, f"/alias-proposals/{second}/confirmations", {})
    refused = await post(steward, f"/alias-proposals/{first}/confirmations", {})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/AliasTaken")
    assert refused.json()["numbers"]["organisation"] == str(units[1])


async def test_a_neighbour_proposes_and_sees_nothing(installation: Installation) -> None:
    county, clerk, _ = await people(installation)
    refused = await post(clerk, "/alias-proposals", proposed("area", county.west_village, "冬村"))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    proposal = await made(clerk, "/alias-proposals", proposed("area", county.east_village, "冬村"))
    await installation.catch_up(households)
    west = await installation.client(households, "steward", area=county.west)
    assert (await west.get("/alias-proposals")).json()["items"] == []
    assert (await west.get(f"/alias-proposals/{proposal}")).status_code == 404
    refused = await post(west, f"/alias-proposals/{proposal}/confirmations", {})
    assert refused.status_code == 403
