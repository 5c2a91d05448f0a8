"""The offline workbook of one village, by its corners: what is masked, who may have it, what cannot
be, who was quicker. The whole way of a township is tests/journeys/test_offline_workbook.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.offline_book import TODAY, OfflineBook
from tests.people import entered, id_number, listed, phone, reference_rows
from tests.registry import County, decided_again, post, register_county

FULL = {"profile": "full", "purpose": "入户核对"}


@dataclass
class Village:
    """Two households of the eastern village, one of the western: head, spouse and son."""

    installation: Installation
    county: County
    desk: Desk
    homes: list[str]
    people: list[str]

    async def book(self, area: UUID | None = None, **asked: str) -> OfflineBook:
        await self.installation.catch_up(households)
        params = {"area": str(area or self.county.east_village), **FULL, **asked}
        said = await self.desk.client.get("/exports/offline", params=params)
        assert said.status_code == 200, said.text
        return OfflineBook(said.content)

    async def sent(self, book: OfflineBook) -> tuple[dict[str, int], list[tuple[int, str, str]]]:
        """What was counted; row, rule and message of what was rejected or doubted."""
        await self.installation.catch_up(households)
        area = self.county.east_village
        job = await self.desk.taken("offline", area, book.saved(), "valid_rows")
        assert job["state"] == "done", job
        told = await self.desk.outcome(job["id"])
        found = [(one["row"], one["rule"], one["message"]) for one in told if one["message"]]
        return job["counts"], found

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """By the county's own clerk."""
        client = await self.installation.client(households, "clerk", subject="county-office")
        said = await post(client, path, body)
        assert said.status_code == 201, said.text
        told: dict[str, Any] = said.json()
        return told

    async def household(self, nth: int) -> dict[str, Any]:
        told: dict[str, Any] = (await self.desk.client.get(f"/households/{self.homes[nth]}")).json()
        return told


@pytest.fixture
async def village(installation: Installation) -> Village:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    starred = {"field": "phone", "how": "hide_middle", "count": 4}
    profile = {"title": "电话隐去中间", "fields": [starred]}
    line = {"key": "phone_starred", "valid_from": "2013-01-01", "values": profile}
    for row in (*reference_rows(), {"set": "masking", "area": None, "row": line}):
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    clerk = await desk(installation, households)
    made = Village(installation, county, clerk, [], [])
    for nth, place in enumerate((county.east_village, county.east_village, county.west_village)):
        await a_family(made, nth, place)
    return made


async def a_family(village: Village, nth: int, place: UUID) -> None:
    lines = [entered(place, 3 * nth + n, phone=phone(3 * nth + n)) for n in (1, 2, 3)]
    told = await village.post(
        "/persons", listed(village.county.id, *lines, occurred_on="1990-01-01")
    )
    ids = [one["id"] for one in told["persons"]]
    members = zip(ids, ("head", "spouse", "son"), strict=True)
    row = {
        "key": f"H-{nth}",
        "area": str(place),
        "era": "linkage",
        "register_type": "monitored",
        "persons": 3,
        "listed": [{"person": who, "relation": relation} for who, relation in members],
        "registered_on": "2021-03-16",
        "synthetic": True,
    }
    made = await village.post("/households", {"area": str(place), "households": [row]})
    village.homes.append(made["ids"][f"H-{nth}"])
    village.people.extend(ids)


async def test_what_a_profile_hides_is_not_in_it_and_is_not_emptied_by_it(village: Village) -> None:
    book = await village.book(profile="middle_hidden")
    one = book.row(village.people[0])
    assert book.told(one, "姓名") == "测试1"
    assert "*" in book.told(one, "证件号码")
    assert {book.told(row, "电话") for row in book.rows.values()} == {None}
    notice = await village.book(profile="public_notice")
    assert {notice.told(row, "证件号码") for row in notice.rows.values()} == {None}
    assert (await village.sent(book))[0]["unchanged"] == 6
    starred = await village.book(profile="phone_starred")
    assert starred.told(one, "电话") == "1390****001"
    assert (await village.sent(starred))[0]["unchanged"] == 6
    book.write(one, 电话=phone(500))
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], counts["unchanged"], wrong) == (1, 5, [])
    pool = (await village.installation.log(households)).pool
    fact = await pool.fetchval(
        "SELECT payload::json FROM es.events WHERE type = 'ListExported' ORDER BY position LIMIT 1"
    )
    assert '"list":"offline"' in fact
    assert '"profile":"middle_hidden"' in fact


async def test_it_lies_within_the_area_of_whoever_asks(village: Village) -> None:
    western = await village.installation.client(households, "clerk", area=village.county.west)
    asked = {"area": str(village.county.east_village), **FULL}
    assert (await western.get("/exports/offline", params=asked)).status_code == 404
    finance = await village.installation.client(households, "finance")
    assert (await finance.get("/exports/offline", params=asked)).status_code == 403
    book = await village.book()
    said = await village.desk.prepare("offline", village.county.id, book.saved())
    assert said.json()["type"] == "/problems/OtherOfflineArea"
    other = await village.book(village.county.west_village)
    foreign = next(iter(other.rows.values()))
    key = other.page.cell(foreign, 1).value
    book.page.cell(book.row(village.people[0]), 1).value = key
    book.write(book.row(village.people[0]), 电话=phone(600))
    _, wrong = await village.sent(book)
    assert [rule for _, rule, _ in wrong] == ["unknown_row"]


async def test_only_our_workbook_as_it_went_out_is_taken(village: Village) -> None:
    area = village.county.east_village
    await village.installation.catch_up(households)
    stranger = await village.desk.prepare("offline", area, sheet(["户标识", "姓名"], ["H-1", "x"]))
    assert stranger.json()["type"] == "/problems/NoOfflineBook"
    book = await village.book()
    book.page.cell(1, book.heads["电话"]).value = "手机"
    renamed = await village.desk.prepare("offline", area, book.saved())
    assert renamed.json()["type"] == "/problems/OfflineHeadsChanged"
    old = await village.book()
    old.book["suyuan_stamp"].cell(2, 2).value = "0"
    refused = await village.desk.prepare("offline", area, old.saved())
    assert refused.json()["type"] == "/problems/OfflineTemplateChanged"
    typed = await village.desk.prepare("offline", area, book.saved(), settings={"base": "1"})
    assert typed.json()["type"] == "/problems/UnknownField"


async def test_who_goes_together_makes_one_household(village: Village) -> None:
    book = await village.book()
    apart = {"成员变动": "分户", "变动日期": TODAY, "分出的户编号": "H-90"}
    book.write(book.row(village.people[1]), 与户主关系="之母", **apart)
    book.write(book.row(village.people[2]), 与户主关系="户主", **apart)
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], wrong) == (2, [])
    assert (await village.household(0))["persons"] == 1
    pool = (await village.installation.log(households)).pool
    await village.installation.catch_up(households)
    assert await pool.fetchval("SELECT sum(persons) FROM view.households") == 9
    assert await pool.fetchval("SELECT count(*) FROM view.households") == 4
    assert (await village.sent(book))[0]["unchanged"] == 6
    assert await decided_again(village.installation, households) > 5


async def test_everything_wrong_with_a_row_is_told_at_once(village: Village) -> None:
    book = await village.book()
    head, spouse, son = (book.row(who) for who in village.people[:3])
    book.write(head, 成员变动="出生")
    book.write(spouse, 成员变动="分户", 变动日期=TODAY, 与户主关系=None)
    book.write(son, 与户主关系="户主")  # there is a head
    nobody = book.come(village.people[3], 户标识="H-00000000", 变动日期=None)
    gone = book.come(village.people[3], 姓名="测试", 与户主关系="之子", 成员变动="死亡")
    bride = book.come(village.people[3], 姓名="测试", 与户主关系="之儿媳", 成员变动="婚入")
    west = book.come(village.people[3], 姓名="测试", 与户主关系="之子", 成员变动="出生")
    book.write(west, 村编码="990102001")
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], counts["rejected"]) == (0, 7)
    by_row: dict[int, list[str]] = {}
    for row, rule, _ in wrong:
        by_row.setdefault(row, []).append(rule)
    assert by_row == {
        head: ["listed_already", "missing"],
        spouse: ["missing", "missing"],
        son: ["SecondHead"],
        nobody: ["unknown_household", "missing", "missing", "missing", "missing"],
        gone: ["not_listed"],
        bride: ["missing"],
        west: ["unknown_place"],
    }


async def test_a_member_who_left_otherwise_meanwhile_is_a_conflict(village: Village) -> None:
    book = await village.book()
    who, row = village.people[1], book.row(village.people[1])
    book.write(row, 成员变动="死亡", 变动日期=TODAY)
    path = f"/households/{village.homes[0]}/member-changes"
    await village.post(path, {"change": "move_out", "person": who})
    _, ((at, rule, message),) = await village.sent(book)
    assert (at, rule) == (row, "conflict")
    assert f"本表为死亡 {TODAY}，现为迁出 2020-03-16（county-office 于 " in message
    book.write(row, 采用="现值")
    counts, wrong = await village.sent(book)
    assert (counts["unchanged"], wrong) == (6, [])
    assert (await village.household(0))["persons"] == 2


async def test_of_two_fields_the_relation_is_taken_when_the_conflict_is_decided(
    village: Village,
) -> None:
    book = await village.book()
    who, row = village.people[2], book.row(village.people[2])
    book.write(row, 电话="无", 与户主关系="其他")
    changes = {"reason": "回访", "changes": {"phone": phone(700)}}
    await village.post(f"/persons/{who}/corrections", changes)
    _, ((_, rule, message),) = await village.sent(book)
    assert (rule, "本表为空" in message) == ("conflict", True)
    book.write(row, 采用="本表")
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], wrong) == (1, [])
    asked = {"fields": ["phone"], "purpose": "测试", "profile": "full"}
    shown = await post(village.desk.client, f"/persons/{who}/reveals", asked)
    assert shown.json()["values"] == {"phone": None}


async def test_a_conflict_of_what_the_profile_hides_tells_neither_value(village: Village) -> None:
    book = await village.book(profile="public_notice")
    who, row = village.people[0], book.row(village.people[0])
    book.write(row, 电话=phone(800))
    changes = {"reason": "回访", "changes": {"phone": phone(801)}}
    await village.post(f"/persons/{who}/corrections", changes)
    _, ((_, rule, message),) = await village.sent(book)
    assert rule == "conflict"
    assert "现为（不显示）（county-office 于" in message
    pool = (await village.installation.log(households)).pool
    looks = "SELECT count(*) FROM es.events WHERE type = 'PersonRevealed'"
    assert await pool.fetchval(looks) == 1
    await village.sent(book)
    assert await pool.fetchval(looks) == 1  # the same look, by the same person, on the same day


async def test_a_newborn_is_one_person_however_often_the_book_comes(village: Village) -> None:
    book = await village.book()
    child = {"姓名": "测试新生", "与户主关系": "之女", "成员变动": "出生"}
    book.come(village.people[0], **child)
    assert (await village.sent(book))[0]["accepted"] == 1
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], counts["unchanged"], wrong) == (0, 7, [])
    assert (await village.household(0))["persons"] == 4


async def test_who_came_and_stands_in_another_household_is_a_task(village: Village) -> None:
    book = await village.book()
    moved = {"姓名": "测试3", "证件号码": id_number(3), "与户主关系": "之女婿", "成员变动": "婚入"}
    row = book.come(village.people[3], **moved)
    counts, wrong = await village.sent(book)
    assert counts["accepted"] == 1
    assert [(at, rule) for at, rule, _ in wrong] == [(row, "in_other_household")]
    await village.installation.catch_up(households)
    waiting = (await village.desk.client.get("/tasks")).json()["items"]
    assert [task["kind"] for task in waiting] == ["duplicate_person"]


async def test_of_who_was_erased_the_book_says_nothing(village: Village) -> None:
    await village.installation.catch_up(households)  # the lists know the family, not what follows
    steward = await village.installation.client(households, "steward")
    erased = {"reason": "测试", "document": "测农发〔2024〕1号", "occurred_on": "2024-01-01"}
    who = village.people[1]
    assert (await post(steward, f"/persons/{who}/erasures", erased)).status_code == 201
    await village.installation.erase(households)
    asked = {"area": str(village.county.east_village), **FULL}
    behind = await village.desk.client.get("/exports/offline", params=asked)
    assert OfflineBook(behind.content).rows.keys() == {UUID(one) for one in village.people[:6]}
    book = await village.book()
    row_ = book.row(who)
    assert (book.told(row_, "姓名"), book.told(row_, "电话")) == (None, None)
    assert book.told(row_, "与户主关系") == "配偶"
    book.write(row_, 成员变动="死亡", 变动日期=TODAY, 电话=None)
    counts, wrong = await village.sent(book)
    assert (counts["accepted"], wrong) == (1, [])
