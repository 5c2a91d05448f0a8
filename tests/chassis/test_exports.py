"""Lists as files: what is in them, who may have them, what is recorded, and that they are never
held whole."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response
from openpyxl import load_workbook

from libs.chassis.exports import routes
from libs.chassis.exports.routes import AT_ONCE
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.people import card, entered, id_number, listed, phone, reference_rows
from tests.registry import County, decided_again, made, post, register_county
from tests.sheets.strict import assert_strict

DANGEROUS = "=HYPERLINK(0)"
MANY = """
INSERT INTO view.lots
SELECT gen_random_uuid(), $1, 'county', 2020, '测试资金' || n, 'b' || n, $1, n
  FROM generate_series(1, $2) n
"""
FLAT_MIB = 2


@pytest.fixture
async def county(installation: Installation) -> County:
    """With a letter in the east and one in the west."""
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    clerk = await installation.client(funds, "clerk")
    for number, area, title in ((1, county.east, DANGEROUS), (2, county.west, "下达资金")):
        letter = {
            "number": f"测财农〔2020〕{number}号",
            "kind": "funding",
            "title": title,
            "level": "county",
            "area": str(area),
            "issued_on": "2020-03-01",
        }
        await made(clerk, "/documents", letter)
    await installation.catch_up()
    return county


async def recorded(installation: Installation, service: Any = funds) -> list[dict[str, Any]]:
    pool = (await installation.log(service)).pool
    query = "SELECT payload::text FROM es.events WHERE type = 'ListExported' ORDER BY position"
    return [json.loads(row[0]) for row in await pool.fetch(query)]


async def fetched(client: AsyncClient, name: str, **asked: Any) -> Response:
    answer = await client.get(f"/exports/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def lines_of(answer: Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_one_list_in_three_formats(
    installation: Installation, county: County, tmp_path: Path
) -> None:
    clerk = await installation.client(funds, "clerk")
    lines = lines_of(await fetched(clerk, "documents", format="ndjson"))
    assert {line["area_name"] for line in lines} == {"东镇", "西镇"}
    assert {line["issued_on"] for line in lines} == {"2020-03-01"}
    told = (await fetched(clerk, "documents", format="csv")).content
    assert told.startswith(b"\xef\xbb\xbf")
    heads, *rows = csv.reader(io.StringIO(told.decode("utf-8-sig"), newline=""))
    assert heads == ["编号", "区划代码", "区划名称", "文号", "种类", "标题", "印发日期"]
    assert [row[0] for row in rows] == [line["id"] for line in lines]
    (path := tmp_path / "x.xlsx").write_bytes((await fetched(clerk, "documents")).content)
    assert_strict(path)
    sheet = load_workbook(path)["文件"]
    assert [cell.value for cell in sheet[1]] == heads
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == [row[0] for row in rows]


async def test_no_text_of_a_list_is_computed(
    installation: Installation, county: County, tmp_path: Path
) -> None:
    clerk = await installation.client(funds, "clerk", area=county.east)
    told = (await fetched(clerk, "documents", format="csv")).content.decode("utf-8-sig")
    assert f"'{DANGEROUS}" in told
    (path := tmp_path / "x.xlsx").write_bytes((await fetched(clerk, "documents")).content)
    cell = load_workbook(path)["文件"]["F2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (DANGEROUS, "s", True)


async def test_money_is_yuan_for_people_and_fen_for_programs(
    installation: Installation, county: County, tmp_path: Path
) -> None:
    await installation.plant(funds, MANY, county.east_village, 1)
    clerk = await installation.client(funds, "clerk")
    line = json.loads((await fetched(clerk, "lots", format="ndjson")).text)
    assert line["amount_fen"] == 1
    told = (await fetched(clerk, "lots", format="csv")).content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(told))
    assert row["金额（元）"] == "0.01"
    (path := tmp_path / "x.xlsx").write_bytes((await fetched(clerk, "lots")).content)
    assert load_workbook(path)["资金"]["I2"].value == 0.01


async def test_a_file_holds_only_what_lies_in_the_callers_area(
    installation: Installation, county: County
) -> None:
    east = await installation.client(funds, "clerk", area=county.east)
    told = (await fetched(east, "documents", format="ndjson")).text
    assert [json.loads(line)["area_name"] for line in told.splitlines()] == ["东镇"]
    beyond = await east.get("/exports/documents", params={"area": str(county.west)})
    assert beyond.status_code == 404
    whole = await installation.client(funds, "clerk", area=county.id)
    cut = (await fetched(whole, "documents", format="ndjson", area=str(county.west))).text
    assert [json.loads(line)["area_name"] for line in cut.splitlines()] == ["西镇"]
    stranger = await installation.client(funds, "security")
    assert (await stranger.get("/exports/documents")).status_code == 403
    said = await recorded(installation)
    assert [one["area"] for one in said] == [str(county.east), str(county.west)]


async def test_a_download_is_recorded_with_the_digest_of_its_bytes(
    installation: Installation, county: County
) -> None:
    clerk = await installation.client(funds, "clerk")
    for format_ in ("xlsx", "csv", "ndjson"):
        answer = await fetched(clerk, "documents", format=format_)
        said = (await recorded(installation))[-1]
        digest = hashlib.sha256(answer.content)
        assert (said["list"], said["format"], said["rows"]) == ("documents", format_, 2)
        assert (said["sha256"], said["bytes"]) == (digest.hexdigest(), len(answer.content))
        named = base64.b64encode(digest.digest()).decode()
        assert answer.headers["repr-digest"] == f"sha-256=:{named}:"
        head = int(answer.headers["position"].removeprefix("funds:"))
        assert said["cut"]["funds"] == head - len(await recorded(installation))
        assert said["cut"]["households"] > 0
    assert len(await recorded(installation)) == 3
    assert await decided_again(installation, funds) > 3


@pytest.fixture
async def people(installation: Installation, county: County) -> list[str]:
    """Two persons in a household of the east, one of them without a phone; and the rows that
    masking rests on."""
    steward = await installation.client(households, "steward", subject="steward")
    for row in reference_rows():
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    clerk = await installation.client(households, "clerk")
    account = {"number": card(), "bank": "测试银行"}
    rows = (
        entered(county.east_village, 1, phone=phone(), account=account),
        entered(county.east_village, 2),
    )
    said = await post(clerk, "/persons", listed(county.id, *rows, occurred_on="1990-01-01"))
    ids = [person["id"] for person in said.json()["persons"]]
    related = zip(ids, ("head", "spouse"), strict=True)
    roll = [{"person": id_, "relation": word} for id_, word in related]
    home = {"key": "1", "area": str(county.east_village), "era": "alleviation", "persons": 2}
    home |= {"register_type": "registered_poor", "registered_on": "2015-12-31", "synthetic": True}
    body = {"area": str(county.id), "households": [{**home, "listed": roll}]}
    answer = await post(clerk, "/households", body)
    assert answer.status_code == 201, answer.text
    await installation.catch_up()
    return ids


async def told_of(client: AsyncClient, profile: str) -> dict[str, dict[str, Any]]:
    asked = {"format": "ndjson", "profile": profile, "purpose": "核对花名册"}
    found = lines_of(await fetched(client, "members", **asked))
    return {line["person"]: line for line in found}


async def test_people_are_told_as_the_profile_masks_them(
    installation: Installation, people: list[str]
) -> None:
    clerk = await installation.client(households, "clerk")
    full = await told_of(clerk, "full")
    assert [full[people[0]][name] for name in ("name", "id_number", "phone", "account")] == [
        *("测试1", id_number(1), phone(), card())
    ]
    assert full[people[1]]["phone"] is None
    notice = (await told_of(clerk, "public_notice"))[people[0]]
    assert notice["name"] == "测*1"
    assert notice["id_number"] is notice["phone"] is notice["account"] is None
    hidden = (await told_of(clerk, "middle_hidden"))[people[0]]
    assert hidden["id_number"] == f"{id_number(1)[:6]}******{id_number(1)[12:]}"
    said = (await recorded(installation, households))[0]
    assert (said["profile"], said["purpose"], said["rows"]) == ("full", "核对花名册", 2)
    assert said["fields"] == ["name", "id_number", "phone", "account"]


async def test_of_who_was_erased_nothing_is_told(
    installation: Installation, people: list[str]
) -> None:
    steward = await installation.client(households, "steward")
    gone = {"reason": "期满", "document": "测农发〔2024〕1号", "occurred_on": "2024-01-01"}
    answer = await post(steward, f"/persons/{people[0]}/erasures", gone)
    assert answer.status_code == 201, answer.text
    await installation.erase(households)
    told = await told_of(await installation.client(households, "clerk"), "full")
    assert told[people[0]]["name"] is None
    assert told[people[1]]["name"] == "测试2"


async def test_a_profile_that_is_not_there_and_a_purpose_that_names_somebody_are_refused(
    installation: Installation, people: list[str]
) -> None:
    clerk = await installation.client(households, "clerk")
    asked = {"profile": "nobody", "purpose": "核对花名册"}
    answer = await clerk.get("/exports/members", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/UnknownProfile")
    named = await clerk.get(
        "/exports/members", params={"profile": "full", "purpose": f"核对 {id_number(1)}"}
    )
    assert named.status_code == 400
    assert id_number(1) not in named.text
    assert (await clerk.get("/exports/members", params={"profile": "full"})).status_code == 422
    assert await recorded(installation, households) == []


async def test_every_service_gives_its_tasks_and_its_lists(
    installation: Installation, people: list[str]
) -> None:
    for service in (funds, households, assets):
        clerk = await installation.client(service, "clerk")
        for name in ("tasks", *(one.name for one in service.exports if not one.personal)):
            answer = await fetched(clerk, name)
            assert answer.headers["content-length"] == str(len(answer.content))
    clerk = await installation.client(households, "clerk")
    (home,) = lines_of(await fetched(clerk, "households", format="ndjson"))
    assert home["register_type"] == "registered_poor"


async def test_memory_does_not_grow_with_the_rows(
    installation: Installation, county: County
) -> None:
    await installation.plant(funds, MANY, county.east_village, 10_000)
    clerk = await installation.client(funds, "clerk")
    await fetched(clerk, "documents")
    tracemalloc.start()
    size = len((await fetched(clerk, "lots", format="ndjson")).content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (said,) = [one for one in await recorded(installation) if one["list"] == "lots"]
    assert (said["rows"], said["bytes"]) == (10_000, size)
    # The client in this process holds the body twice: its chunks, and the whole of them.
    assert peak - 2 * size < FLAT_MIB << 20, f"{peak:,} for {size:,}"


async def test_more_rows_than_a_sheet_has_are_refused_as_a_sheet_only(
    installation: Installation, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_ROWS_OF_A_SHEET", 1)
    clerk = await installation.client(funds, "clerk")
    refused = await clerk.get("/exports/documents")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/TooManyRowsForASheet")
    assert len((await fetched(clerk, "documents", format="csv")).text.splitlines()) == 3


async def test_more_at_once_than_a_process_makes_are_put_off(
    installation: Installation, county: County
) -> None:
    await installation.plant(funds, MANY, county.east_village, 2_000)
    clerk = await installation.client(funds, "clerk")
    asked = [clerk.get("/exports/lots", params={"format": "csv"}) for _ in range(AT_ONCE + 4)]
    answers = await asyncio.gather(*asked)
    put_off = [answer for answer in answers if answer.status_code == 503]
    assert put_off
    assert all("retry-after" in answer.headers for answer in put_off)
    assert sum(answer.status_code == 200 for answer in answers) >= AT_ONCE
