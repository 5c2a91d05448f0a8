"""J3: a township without signal. The workbook of two villages, 412 households, goes along; 37 of
them are written into, while the county changes one of the telephones; then it comes back, twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, opened
from tests.offline_book import TODAY, OfflineBook
from tests.people import entered, id_number, listed, phone, reference_rows
from tests.registry import County, decided_again, post, register_county

HOUSEHOLDS = 412
ASKED = {"profile": "full", "purpose": "入户核对"}
FIGURES = {"people": ("sum", "persons"), "homes": ("count", None)}
DIED, BORN, SPLIT, PHONES = (0, 1), 2, 3, range(4, 9)
OTHER = range(9, 35)
"""Of 26 households somebody's relation to the head was wrong."""
CAME = (35, 36)
"""Into two households somebody came, whose rows are not right."""
DISPUTED = PHONES[-1]


@dataclass
class Township:
    installation: Installation
    county: County
    desk: Desk
    homes: list[str]
    people: list[tuple[str, str]]

    async def counts(self) -> dict[str, int]:
        """户 and 人 as reporting has them."""
        await self.installation.catch_up(households, reporting)
        reader = await self.installation.client(reporting, "auditor")
        found = {}
        for name in FIGURES:
            said = await reader.get(f"/figures/{name}/value", params={"area": str(self.county.id)})
            assert said.status_code == 200, said.text
            found[name] = said.json()["raw"]
        return found

    async def workbook(self) -> bytes:
        await self.installation.catch_up(households)
        asked = {"area": str(self.county.id), **ASKED}
        said = await self.desk.client.get("/exports/offline", params=asked)
        assert said.status_code == 200, said.text
        return said.content

    async def sent(self, content: bytes) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
        """The job, and by row what was found wrong."""
        await self.installation.catch_up(households)
        job = await self.desk.taken("offline", self.county.id, content, "valid_rows")
        assert job["state"] == "done", job
        outcome = await self.desk.outcome(job["id"])
        return job, {one["row"]: one for one in outcome if one["severity"] == "block"}


@pytest.fixture
async def township(installation: Installation) -> Township:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    for row in reference_rows():
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    clerk = await desk(installation, households)
    homes, people = await register(clerk.client, county)
    analyst = await installation.client(reporting, "auditor", "clerk")
    await installation.catch_up(households, reporting)
    for name, (measure, field) in FIGURES.items():
        definition = {"measure": measure, "over": "households", "field": field, "unit": "户"}
        body = {"figure": name, "title": name, "area": str(county.id), "definition": definition}
        made = await post(analyst, "/figures", body)
        assert made.status_code == 201, made.text
    return Township(installation, county, clerk, homes, people)


async def register(clerk: AsyncClient, county: County) -> tuple[list[str], list[tuple[str, str]]]:
    """A head and a spouse in each household, half of them in each village."""
    homes, people = [], []
    for village, first in ((county.east_village, 0), (county.west_village, HOUSEHOLDS // 2)):
        serials = range(2 * first + 1, 2 * first + HOUSEHOLDS + 1)
        lines = [entered(village, n, phone=phone(n)) for n in serials]
        told = await post(clerk, "/persons", listed(county.id, *lines))
        ids = [one["id"] for one in told.json()["persons"]]
        pairs = list(zip(ids[::2], ids[1::2], strict=True))
        rows = [a_household(village, first + n, pair) for n, pair in enumerate(pairs)]
        body = {"area": str(county.id), "households": rows}
        made = await post(clerk, "/households", body)
        assert made.status_code == 201, made.text
        homes += [made.json()["ids"][row["key"]] for row in rows]
        people += pairs
    return homes, people


def a_household(village: UUID, number: int, pair: tuple[str, str]) -> dict[str, Any]:
    relations = zip(pair, ("head", "spouse"), strict=True)
    return {
        "key": f"H-{number:04}",
        "area": str(village),
        "era": "linkage",
        "register_type": "monitored",
        "persons": 2,
        "listed": [{"person": who, "relation": relation} for who, relation in relations],
        "registered_on": "2021-03-16",
        "synthetic": True,
    }


def fill(book: OfflineBook, people: list[tuple[str, str]]) -> tuple[int, int]:
    """37 households; the two rows that are not right."""
    for home, member in zip(DIED, (1, 0), strict=True):
        book.write(book.row(people[home][member]), 成员变动="死亡", 变动日期=TODAY)
    book.come(people[BORN][0], 姓名="测试新生", 与户主关系="之子", 成员变动="出生")
    apart = {"成员变动": "分户", "变动日期": TODAY, "分出的户编号": "H-0900"}
    book.write(book.row(people[SPLIT][1]), 与户主关系="户主", **apart)
    for home in PHONES:
        book.write(book.row(people[home][0]), 电话=phone(5_000 + home))
    for home in OTHER:
        book.write(book.row(people[home][1]), 与户主关系="其他")
    bride = {"姓名": "测试婚入", "与户主关系": "之儿媳", "成员变动": "婚入"}
    moved = {"姓名": "测试迁入", "与户主关系": "之女", "成员变动": "迁入"}
    return (
        book.come(people[CAME[0]][0], 证件号码=990_000_195_001_010_000, **bride),
        book.come(people[CAME[1]][0], 证件号码=id_number(7_777), 村编码="990199999", **moved),
    )


async def county_changes_a_phone(township: Township) -> None:
    other = await township.installation.client(households, "clerk", subject="county-office")
    who = township.people[DISPUTED][0]
    body = {"reason": "回访", "changes": {"phone": phone(9_999)}}
    assert (await post(other, f"/persons/{who}/corrections", body)).status_code == 201


async def revealed(township: Township, who: str, field: str) -> str:
    body = {"fields": [field], "purpose": "测试", "profile": "full"}
    said = await post(township.desk.client, f"/persons/{who}/reveals", body)
    text: str = said.json()["values"][field]
    return text


async def kept_in_clear(township: Township, *texts: str) -> bool:
    """Whether any result of a row holds one of these."""
    pool = (await township.installation.log(households)).pool
    held: str = await pool.fetchval("SELECT string_agg(r::text, ' ') FROM es.job_rows r")
    return any(text in held for text in texts)


async def test_a_township_without_signal(township: Township) -> None:
    before = await township.counts()
    assert before == {"homes": HOUSEHOLDS, "people": 2 * HOUSEHOLDS}
    book = OfflineBook(await township.workbook())
    assert len(book.rows) == 2 * HOUSEHOLDS
    wrong_number, wrong_village = fill(book, township.people)
    await county_changes_a_phone(township)
    disputed = book.row(township.people[DISPUTED][0])

    job, wrong = await township.sent(book.saved())
    counts = job["counts"]
    assert (counts["accepted"], counts["rejected"]) == (34, 3)
    assert counts["unchanged"] == counts["read"] - 37
    assert {row: one["rule"] for row, one in wrong.items()} == {
        wrong_number: "number_for_text",
        wrong_village: "unknown_place",
        disputed: "conflict",
    }
    said = wrong[disputed]["message"]
    phones = (phone(2 * DISPUTED + 1), phone(5_000 + DISPUTED), phone(9_999))
    shown = [f"{one[:4]}****{one[-3:]}" for one in phones]
    assert all(text in said for text in (*shown, "county-office", TODAY)), said
    assert not await kept_in_clear(township, *phones)
    marked = opened((await township.desk.client.get(f"/jobs/{job['id']}/outcome")).content)
    page = marked["家庭成员"]
    for row, head in ((wrong_number, "证件号码"), (wrong_village, "村编码"), (disputed, "电话")):
        cell = page.cell(row, book.heads[head])
        assert cell.comment is not None
        assert cell.fill.fgColor.rgb not in (None, "00000000")
    assert await township.counts() == {
        "homes": before["homes"] + 1,
        "people": before["people"] - 2 + 1,
    }
    assert await revealed(township, township.people[DISPUTED][0], "phone") == phone(9_999)

    book.write(wrong_number, 证件号码=id_number(8_888))
    book.write(wrong_village, 村编码=None)
    book.write(disputed, 采用="本表")
    corrected = book.saved()
    job, wrong = await township.sent(corrected)
    assert wrong == {}
    assert job["counts"]["accepted"] == 2 + 1  # and the conflict, decided by a person
    assert job["counts"]["unchanged"] == job["counts"]["read"] - 3
    assert await revealed(township, township.people[DISPUTED][0], "phone") == phones[1]
    after = {"homes": before["homes"] + 1, "people": before["people"] - 2 + 1 + len(CAME)}
    assert await township.counts() == after

    job, _ = await township.sent(corrected)
    assert job["same_as"] is not None
    job, wrong = await township.sent(book.saved())  # saved anew: other bytes, the same rows
    assert (job["counts"]["accepted"], wrong) == (0, {})
    assert job["counts"]["unchanged"] == job["counts"]["read"]
    assert await township.counts() == after  # and nothing is doubled
    assert await decided_again(township.installation, households) > 40
