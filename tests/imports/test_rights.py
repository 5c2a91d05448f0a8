"""Who may see an import and act on it, what its texts may tell, and whom a mapping is for."""

from __future__ import annotations

from typing import Any

import pytest

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.registry import County, register_county
from tests.sheets.torture import id_number

PLAN = ("项目名称", "项目类型", "用途", "实施地点", "计划投资")
ROAD = ("演示村道", "infrastructure", "water", "东村", 100)
COUNT = ("人群", "区域", "统计日", "户数", "人数", "金额", "级别")


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


async def desk_of(installation: Installation, role: str, subject: str, **more: Any) -> Desk:
    service = more.pop("service", households)
    client = await installation.client(service, role, subject=subject, **more)
    return Desk(installation, service, client)


async def test_an_import_is_mapped_and_committed_by_who_prepared_it(
    installation: Installation, county: County
) -> None:
    mine = await desk_of(installation, "clerk", "one")
    other = await desk_of(installation, "clerk", "two")
    prepared = await mine.prepare("roster", county.id, sheet(HEADS, head_of(1)), settings=SETTINGS)
    id_ = prepared.json()["id"]
    columns = {"columns": {"household": "A"}}
    mapped = await other.client.post(
        f"/imports/{id_}/mapping", json=columns, headers={"idempotency-key": "m"}
    )
    for refused in (mapped, await other.commit(id_)):
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/ImportOfAnother")
    assert (await other.client.get(f"/imports/{id_}")).status_code == 404
    assert (await mine.commit(id_)).status_code == 202


async def test_a_role_that_may_not_prepare_may_not_commit_either(
    installation: Installation, county: County
) -> None:
    clerk = await desk_of(installation, "clerk", "one")
    same = await desk_of(installation, "finance", "one")
    prepared = await clerk.prepare("roster", county.id, sheet(HEADS, head_of(1)), settings=SETTINGS)
    refused = await same.commit(prepared.json()["id"])
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/RoleNotHeld")


async def test_what_came_of_a_sheet_of_people_is_for_who_sent_it(
    installation: Installation, county: County
) -> None:
    mine = await desk_of(installation, "clerk", "one")
    wrong = head_of(1)
    wrong[3] = "不认识"
    job = await mine.taken(
        "roster", county.id, sheet(HEADS, wrong), "valid_rows", settings=SETTINGS
    )
    for file in ("outcome", "outcome?format=json", "rejected"):
        told = await mine.client.get(f"/jobs/{job['id']}/{file}")
        assert told.status_code == 200
        assert "no-store" in told.headers["cache-control"]
        for role, subject in (("clerk", "two"), ("finance", "one"), ("steward", "three")):
            other = await desk_of(installation, role, subject)
            assert (await other.client.get(f"/jobs/{job['id']}/{file}")).status_code == 404
            assert (await other.client.get(f"/jobs/{job['id']}")).status_code == 200


async def test_a_message_quotes_nothing_that_may_be_a_person(
    installation: Installation, county: County
) -> None:
    """Columns shifted by one: a name under 与户主关系, a number under 村."""
    at = await desk_of(installation, "clerk", "one")
    number = id_number("19700101", 7)
    row = ["H1", "户主", number, "张三丰", number, "2024年13月1日", None]
    job = await at.taken("roster", county.id, sheet(HEADS, row), "valid_rows", settings=SETTINGS)
    told = {one["field"]: one["message"] for one in await at.outcome(job["id"])}
    assert "张三丰" not in str(told)
    assert number not in str(told)
    assert told["registered_on"] == "F2 登记日期“2024年13月1日”不是日期"
    log = await installation.log(households)
    kept = await log.pool.fetchval("SELECT string_agg(faults::text, '') FROM es.job_rows")
    assert "张三丰" not in kept
    assert number not in kept


async def test_a_sheet_that_is_named_by_a_person_is_told_by_its_place(
    installation: Installation, county: County
) -> None:
    at = await desk_of(installation, "clerk", "one")
    number = id_number("19700101", 7)
    for content, problem in (
        (sheet(HEADS, head_of(1), title=number), "PersonalName"),
        (sheet(("甲", "乙"), (1, 2), title="张三丰"), "NoHeads"),
    ):
        refused = await at.prepare("roster", county.id, content, settings=SETTINGS)
        assert refused.json()["type"] == f"/problems/{problem}"
    asked = await at.prepare(
        "roster", county.id, sheet(HEADS, head_of(1)), settings=SETTINGS, sheet="没有"
    )
    assert asked.json()["type"] == "/problems/NoSuchSheet"
    log = await installation.log(households)
    for table in ("events", "requests", "imports"):
        query = f"SELECT count(*) FROM es.{table} t WHERE t::text LIKE $1"  # noqa: S608 - of this test
        for text in (number, "张三丰"):
            assert await log.pool.fetchval(query, f"%{text}%") == 0


async def test_a_mapping_holds_in_its_area_and_below(
    installation: Installation, county: County
) -> None:
    heads = ("编号", *HEADS[1:])
    content = sheet(heads, head_of(1))
    town = await desk_of(installation, "clerk", "town", area=county.east)
    wide = await desk_of(installation, "clerk", "wide")
    first = await town.prepare("roster", county.east, content, settings=SETTINGS)
    columns = {one["field"]: one["letter"] for one in first.json()["columns"] if one["field"]}
    said = await town.client.post(
        f"/imports/{first.json()['id']}/mapping",
        json={"columns": {**columns, "household": "A"}},
        headers={"idempotency-key": "m"},
    )
    assert said.status_code == 201
    again = await town.prepare("roster", county.east, content, settings=SETTINGS)
    assert again.json()["missing"] == []
    above = await wide.prepare("roster", county.id, content, settings=SETTINGS)
    assert above.json()["missing"] == ["户编号"]
    below = await wide.prepare("roster", county.east_village, content, settings=SETTINGS)
    assert below.json()["missing"] == []


async def test_the_same_sheet_for_another_year_is_another_sheet(
    installation: Installation, county: County
) -> None:
    at = await desk_of(installation, "finance", "one", service=funds)
    content = sheet(PLAN, ROAD)
    taken = [
        await at.taken("projects", county.id, content, settings={"year": year})
        for year in ("2024", "2025", "2025")
    ]
    assert [job["counts"]["accepted"] for job in taken[:2]] == [1, 1]
    assert taken[2]["same_as"] == taken[1]["number"]


async def test_what_the_register_says_otherwise_is_told_and_not_passed_over(
    installation: Installation, county: County
) -> None:
    at = await desk_of(installation, "finance", "one", service=funds)
    year = {"year": "2024"}
    await at.taken("projects", county.id, sheet(PLAN, ROAD), settings=year)
    content = sheet(PLAN, (*ROAD[:4], 250))
    dearer = await at.taken("projects", county.id, content, "valid_rows", settings=year)
    (told,) = await at.outcome(dearer["id"])
    assert (told["result"], told["rule"]) == ("rejected", "registered_otherwise")
    assert told["message"] == "已在册，计划投资与册上不同"
    clerk = await desk_of(installation, "clerk", "one")
    row = ("poor", "东村", "2024-03-01", 3, 9, 100, "汇总级")
    await clerk.taken("populations", county.id, sheet(COUNT, row))
    more = await clerk.taken(
        "populations", county.id, sheet(COUNT, (*row[:5], 250, row[6])), "valid_rows"
    )
    (told,) = await clerk.outcome(more["id"])
    assert told["message"] == "已在册，金额与册上不同"


async def test_a_household_that_the_sheet_tells_otherwise_is_not_passed_over(
    installation: Installation, county: County
) -> None:
    """Titles alone: neither what stood there nor what stands in the sheet."""
    at = await desk_of(installation, "clerk", "one")
    heads = (*HEADS, "电话")
    first, other = [*head_of(1), "010-5550001"], [*head_of(1), "010-5550002"]
    await at.taken("roster", county.id, sheet(heads, first), settings=SETTINGS)
    await installation.catch_up(households)
    more = {**SETTINGS, "register_type": "extreme_poor"}
    job = await at.taken("roster", county.id, sheet(heads, other), "valid_rows", settings=more)
    (told,) = await at.outcome(job["id"])
    assert (told["rule"], told["result"]) == ("registered_otherwise", "rejected")
    assert told["message"] == "已在册，户类型、电话与册上不同"
    moved = [*head_of(1, key="H900"), "010-5550002"]
    job = await at.taken("roster", county.id, sheet(heads, moved), settings=SETTINGS)
    rules = {one["rule"] for one in await at.outcome(job["id"])}
    assert rules == {"in_other_household", "person_otherwise"}


async def test_a_repeat_is_answered_after_its_upload_was_swept(
    installation: Installation, county: County
) -> None:
    at = await desk_of(installation, "clerk", "one")
    upload = await at.upload(sheet(HEADS, head_of(1)))
    body = {
        "importer": "roster", "area": str(county.id), "file": upload, "name": "表.xlsx",
        "settings": SETTINGS,
    }  # fmt: skip
    key = {"idempotency-key": "once"}
    first = await at.client.post("/imports", json=body, headers=key)
    gone = await at.client.delete(f"/files/{upload}", headers={"tus-resumable": "1.0.0"})
    assert gone.status_code == 204
    again = await at.client.post("/imports", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
