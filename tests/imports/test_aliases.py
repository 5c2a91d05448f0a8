"""Fault 12 of product.md 7, of names: what is none is proposed, and never merged silently."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.imports.places import MOST_SOUGHT, Near, Places
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.people import id_number
from tests.registry import County, register_county

PLAN = ("项目名称", "项目类型", "用途", "实施地点", "计划投资（元）")


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


async def told(at: Desk, county: County, number: int, village: str) -> list[dict[str, Any]]:
    """What is told of a household in a village that is written so."""
    content = sheet(HEADS, head_of(number, village=village))
    job = await at.taken("roster", county.id, content, "valid_rows", settings=SETTINGS)
    await at.installation.catch_up(households)
    return await at.outcome(job["id"])


async def test_fault_12_a_name_that_is_none_is_proposed_from_the_result_and_counts_once_confirmed(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, households, "clerk")
    (line,) = await told(at, county, 1, "东庄村")
    assert (line["result"], line["rule"]) == ("rejected", "unknown_place")
    assert line["hint"].startswith("相近的名称：东村（370112100201）、东镇（370112100）；")
    names = [one["title"] for one in line["proposals"]]
    assert names == [
        "“东庄村”是“东村”（370112100201）的别名",
        "“东庄村”是“东镇”（370112100）的别名",
    ]
    offer = line["proposals"][0]
    assert offer["body"]["met"].endswith("（roster）第 2 行")
    sent = {"json": offer["body"], "headers": {"idempotency-key": "propose"}}
    path = offer["path"].removeprefix("/api/v1/households")
    proposed = await at.client.request(offer["method"], path, **sent)
    assert proposed.status_code == 201, proposed.text
    (still,) = await told(at, county, 2, "东庄村")
    assert still["result"] == "rejected"
    steward = await installation.client(households, "steward")
    confirmed = await steward.post(
        f"/alias-proposals/{proposed.json()['id']}/confirmations",
        json={"occurred_on": "2024-03-02"},
        headers={"idempotency-key": "confirm"},
    )
    assert confirmed.status_code == 201, confirmed.text
    await installation.catch_up(households)
    (now,) = await told(at, county, 3, "东庄村")
    assert (now["result"], now["rule"], now["severity"]) == ("accepted", "by_alias", "warn")
    assert now["message"] == "E2 村编码“东庄村”是“东村”已确认的别名"
    pool = (await installation.log(households)).pool
    assert await pool.fetchval("SELECT area FROM view.households") == county.east_village


async def test_what_may_be_somebodys_name_is_kept_for_no_proposal(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, households, "clerk")
    (line,) = await told(at, county, 1, "东方明")
    assert (line["rule"], line["proposals"]) == ("unknown_place", [])
    pool = (await installation.log(households)).pool
    kept = "SELECT count(*) FROM es.job_rows WHERE faults::text LIKE '%东方明%'"
    assert await pool.fetchval(kept) == 0


async def test_in_another_service_the_same_words_lead_to_households(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, funds, "finance")

    async def planned(name: str) -> list[dict[str, Any]]:
        content = sheet(PLAN, [name, "road", "infrastructure", "西庄", 1000])
        job = await at.taken(
            "projects", county.id, content, "valid_rows", settings={"year": "2024"}
        )
        return await at.outcome(job["id"])

    (line,) = await planned("一号路")
    assert (line["result"], line["rule"]) == ("rejected", "unknown_place")
    assert {one["path"] for one in line["proposals"]} == {"/api/v1/households/alias-proposals"}
    body = {"alias": "西庄", "occurred_on": "2024-03-02"}
    steward = await installation.client(households, "steward")
    added = await steward.post(
        f"/areas/{county.west_village}/aliases", json=body, headers={"idempotency-key": "alias"}
    )
    assert added.status_code == 201, added.text
    await installation.catch_up(funds)
    (now,) = await planned("二号路")
    assert (now["result"], now["rule"]) == ("accepted", "by_alias")


EAST, WEST, TOWN = (Near(uuid4(), code, name) for code, name in (
    ("990101", "宁旧村"), ("990102", "西坡村"), ("990100", "宁旧镇"),
))  # fmt: skip


def test_near_is_who_shares_letters_beside_what_every_village_is_called() -> None:
    places = Places((EAST, WEST, TOWN))
    strange = places.strange("宁就村")
    assert strange is not None
    assert strange.near == (EAST, TOWN)
    assert places.strange("远山村") is None


def test_no_number_of_a_person_and_nothing_endless_is_proposed() -> None:
    places = Places((EAST,))
    assert places.strange(f"宁{id_number(1)}") is None
    assert places.strange("宁" * 121) is None
    for nth in range(MOST_SOUGHT):
        places.strange(f"宁{nth}")
    assert places.strange("宁就") is None
    assert places.strange("宁1") is not None


def test_a_name_that_two_bear_is_none() -> None:
    one, other = UUID(int=1), UUID(int=2)
    places = Places(by_name={"新村": None, "东村": one}, by_code={"99": other})
    assert (places.find("新村"), places.find("东村"), places.find("99")) == (None, one, other)
