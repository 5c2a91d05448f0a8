"""What every import does, whatever its columns: faults 3, 6, 12, 14, 17 of product.md 7 by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.imports.columns import Letter, Text
from libs.chassis.imports.importer import Desk as Planned
from libs.chassis.imports.importer import Group, Importer, Plan, Taken, row_by_row
from libs.chassis.imports.quantities import Day
from services.funds.api import document
from services.funds.domain.document import RegisterDocument
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.registry import County, post, register_county
from tests.sheets.torture import id_number

HEADS = ("户编号", "姓名", "证件号码", "与户主关系", "村", "登记日期", "备注")
SETTINGS = {"era": "linkage", "register_type": "monitored"}


def head_of(number: int, *, key: str = "", village: str = "东村", note: str = "") -> list[Any]:
    """A household of one."""
    id_ = id_number(f"19{50 + number}0101", number)
    key = key or f"H{number:03}"
    return [key, f"演示{number}", id_, "户主", village, date(2024, 3, 1), note or None]


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


@pytest.fixture
async def at(installation: Installation) -> Desk:
    return await desk(installation, households, "clerk")


async def roster(
    at: Desk, area: UUID, rows: Sequence[Sequence[Any]], **more: Any
) -> dict[str, Any]:
    content = sheet(HEADS, *rows)
    job = await at.taken("roster", area, content, "valid_rows", settings=SETTINGS, **more)
    await at.installation.catch_up(households)
    return job


async def rules_of(at: Desk, job: dict[str, Any]) -> list[tuple[int, str | None]]:
    return [(one["row"], one["rule"]) for one in await at.outcome(job["id"])]


def letter(desk: Planned, row: Taken) -> RegisterDocument:
    return RegisterDocument(
        occurred_on=row["issued_on"],
        number=row["number"],
        kind="policy",
        title=row["title"],
        level="county",
        area=desk.area,
        issued_on=row["issued_on"],
    )


LETTERS = Importer(
    name="letters",
    title="文件目录",
    roles=("clerk",),
    columns=(
        Letter(field="number", title="文号"),
        Text(field="title", title="标题", longest=400),
        Day(field="issued_on", title="日期"),
    ),
    plan=row_by_row(document.REGISTER, letter),
    unique=("number",),
)
LETTER_HEADS = ("文号", "标题", "日期")


async def test_a_new_importer_is_one_declaration(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, replace(funds, importers=(LETTERS,)), "clerk")
    rows = sheet(
        LETTER_HEADS,
        ("测农发〔2024〕1号", "通知", "2024-01-05"),
        ("测农发〔2024〕2号", "通知", "2024年2月6日"),
        ("第二号", "通知", "2024-02-30"),
    )
    job = await at.taken("letters", county.id, rows, "valid_rows")
    assert (job["counts"]["accepted"], job["counts"]["rejected"]) == (2, 1)
    told = await at.outcome(job["id"])
    assert [one["rule"] for one in told if one["row"] == 4] == ["not_a_document", "not_day"]


async def test_fault_3_the_same_roster_under_another_name_takes_nothing(
    at: Desk, county: County
) -> None:
    content = sheet(HEADS, head_of(1), head_of(2))
    first = await at.taken("roster", county.id, content, "valid_rows", settings=SETTINGS)
    await at.installation.catch_up(households)
    other = {"settings": SETTINGS, "name": "另一个名字.xlsx"}
    again = await at.taken("roster", county.id, content, "valid_rows", **other)
    assert (again["same_as"], again["counts"]["accepted"]) == (first["number"], 0)
    changed = await roster(at, county.id, [head_of(1), head_of(2), head_of(3)])
    assert (changed["counts"]["unchanged"], changed["counts"]["accepted"]) == (2, 1)
    assert (4, None) in await rules_of(at, changed)


async def test_fault_6_a_double_click_and_a_retry_are_one_job(at: Desk, county: County) -> None:
    content = sheet(HEADS, head_of(1))
    prepared = await at.prepare("roster", county.id, content, "once", settings=SETTINGS)
    id_ = prepared.json()["id"]
    first = await at.commit(id_, key="commit-once")
    await at.work()
    again = await at.commit(id_, key="commit-once")
    assert again.json() == first.json()
    await at.work()
    job = await at.job(first.json()["id"])
    assert (job["state"], job["counts"]["accepted"]) == ("done", 1)
    other = await at.commit(id_, "valid_rows", key="commit-once")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/KeyReused")


async def test_fault_12_an_unknown_code_lists_the_three_nearest(at: Desk, county: County) -> None:
    job = await roster(at, county.id, [head_of(1, village="370112100999")])
    told = await at.outcome(job["id"])
    assert [one["rule"] for one in told] == ["unknown_place"]
    assert told[0]["hint"] == "相近的编码：370112100、370112100201、370112101"


async def test_fault_14_one_person_in_two_households_is_a_task_of_both_villages(
    at: Desk, county: County
) -> None:
    first = await roster(at, county.id, [head_of(1)])
    assert first["counts"]["accepted"] == 1
    twice = [[*head_of(1, key="H900", village="西村")]]
    second = await roster(at, county.id, twice)
    assert (second["counts"]["accepted"], second["counts"]["rejected"]) == (1, 0)
    assert await rules_of(at, second) == [(2, "in_other_household")]
    tasks = (await at.client.get("/tasks")).json()["items"]
    waiting = {one["area"] for one in tasks if one["kind"] == "duplicate_person"}
    assert waiting == {str(county.east_village), str(county.west_village)}
    within = await roster(at, county.id, [head_of(2), head_of(2, key="H901")])
    assert await rules_of(at, within) == [(2, None), (3, "twice")]


async def test_fault_17_a_number_in_a_remark_or_a_name_goes_no_further(
    at: Desk, county: County
) -> None:
    number = id_number("19700101", 7)
    job = await roster(at, county.id, [head_of(1, note=f"电话另见 {number}")])
    told = await at.outcome(job["id"])
    assert [(one["rule"], one["field"]) for one in told] == [("personal_text", "note")]
    assert number not in str(told)
    named = await at.prepare(
        "roster", county.id, sheet(HEADS), settings=SETTINGS, name=f"{number}.xlsx"
    )
    assert (named.status_code, named.json()["type"]) == (409, "/problems/PersonalName")
    assert number not in named.text


async def test_fault_17_an_illness_in_a_remark_a_name_or_a_clue_goes_no_further(
    at: Desk, county: County
) -> None:
    """That somebody is at risk by illness may be said; which one may not, of people."""
    ill, at_risk = head_of(1, note="户主患尿毒症"), head_of(2, note="因病，大病保险已报")
    job = await roster(at, county.id, [ill, at_risk])
    told = [(one["row"], one["rule"], one["field"]) for one in await at.outcome(job["id"])]
    assert told == [(2, "illness", "note"), (3, None, None)]
    assert "尿毒症" not in str(await at.outcome(job["id"]))
    content = sheet(HEADS)
    named = await at.prepare("roster", county.id, content, settings=SETTINGS, name="肺癌名单.xlsx")
    assert (named.status_code, named.json()["type"]) == (409, "/problems/PersonalName")
    flag = {"risks": ["health"], "source": "survey", "clue": "入户核实：户主患尿毒症"}
    refused = await post(at.client, f"/households/{county.id}/flags", flag)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/clue"
    assert "尿毒症" not in refused.text


async def test_what_was_said_of_a_sheet_holds_for_the_next_of_its_shape(
    at: Desk, county: County
) -> None:
    heads = ("编号", "姓名", "证件", "与户主关系", "村", "登记日期")
    first = await at.prepare("roster", county.id, sheet(heads, head_of(1)[:6]), settings=SETTINGS)
    assert first.json()["missing"] == ["户编号"]
    refused = await at.commit(first.json()["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/NotMapped")
    columns = {one["field"]: one["letter"] for one in first.json()["columns"] if one["field"]}
    columns |= {"household": "A", "id_number": "C"}
    said = await at.client.post(
        f"/imports/{first.json()['id']}/mapping",
        json={"columns": columns},
        headers={"idempotency-key": "mapped"},
    )
    assert said.json()["missing"] == []
    assert said.json()["rows"][0]["values"]["证件号码"].count("*") == 17
    next_ = await at.prepare("roster", county.id, sheet(heads, head_of(2)[:6]), settings=SETTINGS)
    assert next_.json()["missing"] == []


async def test_a_job_given_up_takes_nothing_more(at: Desk, county: County) -> None:
    prepared = await at.prepare("roster", county.id, sheet(HEADS, head_of(1)), settings=SETTINGS)
    job = (await at.commit(prepared.json()["id"])).json()["id"]
    gone = await at.client.post(f"/jobs/{job}/cancellations", headers={"idempotency-key": "c"})
    assert gone.status_code == 201
    await at.work()
    assert (await at.job(job))["state"] == "cancelled"


async def test_a_rehearsed_job_tells_and_takes_nothing(at: Desk, county: County) -> None:
    content = sheet(HEADS, head_of(1), head_of(2, village="370112100999"))
    prepared = await at.prepare("roster", county.id, content, settings=SETTINGS)
    head = (await at.client.get("/health")).json()["head"]
    job = (await at.commit(prepared.json()["id"], dry_run=True)).json()["id"]
    await at.work()
    told = await at.job(job)
    counts = told["counts"]
    assert (told["state"], counts["acceptable"], counts["rejected"]) == ("done", 1, 1)
    assert (await at.client.get("/health")).json()["head"] == head
    keys = (await at.installation.vault()).store.pool
    assert await keys.fetchval("SELECT count(*) FROM vault.ids") == 0


async def test_what_no_command_allows_is_found_among_its_neighbours(
    installation: Installation, county: County
) -> None:
    """The column lets a title pass that the command does not."""
    at = await desk(installation, replace(funds, importers=(LETTERS,)), "clerk")
    rows = [
        (f"测农发〔2024〕{n}号", "长" * (301 if n == 3 else 3), "2024-01-05") for n in range(1, 6)
    ]
    job = await at.taken("letters", county.id, sheet(LETTER_HEADS, *rows), "valid_rows")
    assert (job["counts"]["accepted"], job["counts"]["rejected"]) == (4, 1)
    told = [one for one in await at.outcome(job["id"]) if one["message"]]
    assert [(one["row"], one["rule"], one["message"]) for one in told] == [
        (4, "malformed", "内容不合格式：title")
    ]


async def test_what_a_rival_did_meanwhile_is_not_done_and_the_rest_is(
    installation: Installation, county: County
) -> None:
    """Between the rehearsal and the deed somebody else registers the first of two."""

    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        if desk.taking and len(groups) == 2:
            return Plan(unchanged=frozenset({0}))
        return await LETTERS.plan(desk, groups)

    importer = replace(LETTERS, plan=plan)
    at = await desk(installation, replace(funds, importers=(importer,)), "clerk")
    rows = [(f"测农发〔2024〕{n}号", "通知", "2024-01-05") for n in (1, 2)]
    job = await at.taken("letters", county.id, sheet(LETTER_HEADS, *rows), "valid_rows")
    assert (job["state"], job["counts"]["accepted"]) == ("done", 2)
    log = await installation.log(funds)
    numbers = await log.pool.fetch(
        "SELECT payload->>'number' AS number FROM es.events WHERE type = 'DocumentRegistered'"
    )
    assert [row["number"] for row in numbers] == ["测农发〔2024〕2号"]


async def test_what_was_taken_before_a_job_was_given_up_is_counted_and_recorded(
    installation: Installation, county: County
) -> None:
    """All rows were checked, the first is taken, then somebody gives the job up."""

    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        if desk.taking:
            await desk.log.pool.execute("UPDATE es.jobs SET cancel = true")
        return await LETTERS.plan(desk, groups)

    importer = replace(LETTERS, plan=plan, together=1)
    at = await desk(installation, replace(funds, importers=(importer,)), "clerk")
    rows = [(f"测农发〔2024〕{n}号", "通知", "2024-01-05") for n in (1, 2)]
    job = await at.taken("letters", county.id, sheet(LETTER_HEADS, *rows), "all")
    assert (job["state"], job["counts"]["accepted"]) == ("cancelled", 1)
    log = await installation.log(funds)
    accepted = await log.pool.fetch(
        "SELECT payload->>'accepted' AS n FROM es.events WHERE type = 'ImportTaken'"
    )
    assert [row["n"] for row in accepted] == ["1"]
