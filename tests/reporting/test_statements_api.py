"""Statements, explanations and kept cuts: what was printed can be printed again, and says why."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from httpx import AsyncClient

from libs.events.contracts.funds import FundPaid
from tests.events_of import plant
from tests.reporting import planted
from tests.reporting.conftest import District
from tests.reporting.definitions import RATE, RECEIVED, UNSPENT, USED
from tests.reporting.planted import COUNTY, OTHER, PROVINCE, TOWN

LINES = [
    {"label": "收到资金", "figure": "recv.total"},
    {"label": "使用资金", "figure": "used.total"},
    {"label": "执行率", "figure": "execution"},
]


async def declared(district: District) -> AsyncClient:
    """A clerk who has declared the four figures and the statement D6."""
    clerk = await district.client("clerk")
    await district.declare(
        clerk, recv__total=RECEIVED, used__total=USED, unspent=UNSPENT, execution=RATE
    )
    made = await district.post(
        clerk,
        "/statements",
        statement="D6",
        title="2020 年资金使用情况",
        area=str(COUNTY),
        year=2020,
        lines=LINES,
    )
    assert made.status_code == 201, made.text
    await district.catch_up()
    return clerk


async def test_a_statement_prints_every_line_with_what_is_behind_it(district: District) -> None:
    clerk = await declared(district)
    said = (await clerk.get("/statements/D6", params={"counted_until": "2020-12-31"})).json()
    assert (said["title"], said["year"], said["version"]) == ("2020 年资金使用情况", 2020, 1)
    assert said["counted_until"] == "2020-12-31"
    lines = [
        (line["label"], line["figure"], line["printed"], line["unit"], line["raw"], line["events"])
        for line in said["lines"]
    ]
    assert lines == [
        ("收到资金", "recv.total", "1062.85", "万元", 1_062_850_000, 4),
        ("使用资金", "used.total", "353.6", "万元", 353_600_000, 6),
        ("执行率", "execution", "33.27", "%", None, 10),
    ]


async def test_a_line_leads_to_its_explanation_at_the_same_cut(district: District) -> None:
    clerk = await declared(district)
    said = (await clerk.get("/statements/D6", params={"counted_until": "2020-07-01"})).json()
    for line in said["lines"]:
        path = line["explanation"].removeprefix("/api/v1/reporting")
        found = (await clerk.get(path)).json()
        assert (found["printed"], found["cut"]) == (line["printed"], said["cut"])
        assert found["counted_until"] == "2020-07-01"


async def test_statements_are_listed_within_the_area(district: District) -> None:
    clerk = await declared(district)
    (listed,) = (await clerk.get("/statements")).json()["items"]
    assert (listed["statement"], listed["area"]) == ("D6", str(COUNTY))
    stranger = await district.client("auditor", area=OTHER)
    assert (await stranger.get("/statements")).json()["items"] == []
    assert (await stranger.get("/statements/D6")).status_code == 404


async def test_an_explanation_leads_to_every_entry_and_its_document(district: District) -> None:
    clerk = await declared(district)
    told = (await clerk.get("/figures/recv.total/explanation")).json()
    assert told["formula"] == "资金流水：金额（分）合计，取相反数，按入账生效日截止"
    assert told["population"] == [
        {
            "over": "movements",
            "label": "资金流水",
            "where": [{"field": "account", "label": "账户", "values": ["received"]}],
        }
    ]
    assert told["definition"]["sign"] == -1
    assert sum(entry["counted"] for entry in told["entries"]) == told["raw"]
    assert {entry["event"] for entry in told["entries"]} == {"LotRegistered"}
    for entry in told["entries"]:
        kept = await district.logs["funds"].pool.fetchrow(
            "SELECT epoch, position, type FROM es.events WHERE position = $1", entry["position"]
        )
        assert kept is not None
        assert (entry["id"], entry["source"]) == (f"{kept['epoch']}-{kept['position']}", "funds")
        assert kept["type"] == entry["event"]
    (document,) = told["documents"]
    assert (document["number"], document["id"]) == (planted.LETTER_NUMBER, str(planted.LETTER))


async def test_documents_are_those_that_decided_and_those_of_the_receipts(
    district: District,
) -> None:
    clerk = await declared(district)
    definition = {**UNSPENT, "where": [{"field": "event", "values": ["FundReallocated"]}]}
    await district.declare(clerk, changed=definition)
    told = (await clerk.get("/figures/changed/explanation")).json()
    numbers = [document["number"] for document in told["documents"]]
    assert numbers == sorted([planted.LETTER_NUMBER, planted.APPROVAL_NUMBER])


async def test_a_ratio_explains_both_sides_page_by_page(district: District) -> None:
    clerk = await declared(district)
    asked: dict[str, Any] = {"limit": 3, "counted_until": "2020-12-31"}
    told = (await clerk.get("/figures/execution/explanation", params=asked)).json()
    pages = [told["entries"]]
    while told["next"] is not None:
        assert told["next"] != asked.get("cursor")
        asked["cursor"] = told["next"]
        told = (await clerk.get("/figures/execution/explanation", params=asked)).json()
        pages.append(told["entries"])
    entries = [entry for page in pages for entry in page]
    assert {len(page) for page in pages[:-1]} == {3}
    assert told["formula"] == "used.total ÷ recv.total × 100，保留 2 位小数，四舍五入"
    for side in ("numerator", "denominator"):
        mine = [entry for entry in entries if entry["figure"] == told[side]["figure"]]
        assert sum(entry["counted"] for entry in mine) == told[side]["raw"]
    keys = [(e["figure"], e["id"], e["n"]) for e in entries]
    assert len(set(keys)) == len(keys)
    assert len({(e["source"], e["id"]) for e in entries}) == told["events"]


async def test_what_no_answer_ever_gave_is_malformed(district: District) -> None:
    clerk = await declared(district)
    for path, asked in (
        ("/figures/recv.total/explanation", {"cursor": "x:y"}),
        ("/figures/recv.total/explanation", {"cursor": f"0:funds:{10**18}:0"}),
        ("/figures", {"cursor": "\x00"}),
        ("/figures/recv.total/value", {"cut": "\x00"}),
        ("/figures/recv%00/value", {}),
        ("/statements/D6%00", {}),
        ("/trace/lots/x", {}),
    ):
        bad = await clerk.get(path, params=asked)
        unreadable = "%00" in path or "\x00" in asked.values()  # no text at all: 400, not 422
        told = (400, "/problems/Unreadable") if unreadable else (422, "/problems/Malformed")
        assert (path, bad.status_code, bad.json()["type"]) == (path, *told)


async def test_a_ratio_over_nothing_says_so(district: District) -> None:
    clerk = await declared(district)
    asked = {"counted_until": "2019-12-31"}
    said = (await clerk.get("/figures/execution/value", params=asked)).json()
    assert (said["printed"], said["not_printed"]) == (None, "分母为零，占比无法计算")


async def test_a_kept_cut_gives_the_same_bytes_after_ten_thousand_events(
    district: District,
) -> None:
    clerk = await declared(district)
    kept = await district.post(
        clerk, "/cuts", name="final", area=str(COUNTY), counted_until="2020-12-31"
    )
    assert kept.status_code == 201, kept.text
    await district.catch_up()
    paths = [
        "/statements/D6?cut=final",
        "/figures/execution/value?cut=final",
        "/figures/unspent/explanation?cut=final&limit=500",
    ]
    before = [(await clerk.get(path)).content for path in paths]
    assert b'"counted_until":"2020-12-31"' in before[0]
    now = (await clerk.get("/figures/used.total/value")).json()["raw"]

    await plant_many(district, 10_000)
    await district.declare(clerk, used__total={**USED, "decimals": 1})

    after = [await clerk.get(path) for path in paths]
    assert [answer.content for answer in after] == before
    said = (await clerk.get("/figures/used.total/value")).json()
    assert (said["raw"] - now, said["version"]) == (10_000 * planted.fen("0.001"), 2)


async def plant_many(district: District, count: int) -> None:
    """Payments of 10 yuan, effective inside the year that was closed by the cut."""
    moved = (planted.move(planted.D6, "industry", planted.PAY, "0.001", planted.POINTS),)
    fact = FundPaid(
        area=COUNTY, lot=planted.D6, payment=None, batch=planted.POINTS_LIST, movements=moved
    )
    for _ in range(count // 1000):
        facts = (planted.D6, (fact,) * 1000)
        await plant(district.logs["funds"], facts, on=date(2020, 12, 31))
    await district.catch_up()


async def test_a_cut_of_an_instant_holds_what_was_recorded_until_then(district: District) -> None:
    clerk = await declared(district)
    at = await district.logs["funds"].pool.fetchval(
        "SELECT recorded_at FROM es.events WHERE position = (SELECT max(position) FROM es.events)"
    )
    used = (await clerk.get("/figures/used.total/value")).json()["printed"]
    await planted.plant_points(district.logs["funds"])
    await district.catch_up()
    made = await district.post(
        clerk, "/cuts", name="then", area=str(COUNTY), known_at=at.isoformat()
    )
    assert made.status_code == 201, made.text
    await district.catch_up()
    asked = {"cut": "then"}
    said = (await clerk.get("/figures/used.total/value", params=asked)).json()
    assert (said["printed"], said["cut"]) == (used, made.json()["cut"])
    known_at = {"known_at": at.isoformat()}
    assert (await clerk.get("/figures/used.total/value", params=known_at)).json() == said


async def test_a_cut_of_the_future_or_of_a_taken_name_is_not_kept(district: District) -> None:
    clerk = await declared(district)
    cut = {"name": "final", "area": str(COUNTY)}
    future = await district.post(clerk, "/cuts", **cut, known_at="2999-01-01T00:00:00Z")
    assert (future.status_code, future.json()["type"]) == (400, "/problems/Unreadable")
    assert (await district.post(clerk, "/cuts", **cut)).status_code == 201
    again = await district.post(clerk, "/cuts", **cut)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/CutAlreadyTaken")


async def test_a_cut_with_a_day_takes_no_second_one(district: District) -> None:
    clerk = await declared(district)
    await district.post(clerk, "/cuts", name="y", area=str(COUNTY), counted_until="2020-12-31")
    await district.catch_up()
    asked = {"cut": "y", "counted_until": "2020-06-30"}
    both = await clerk.get("/statements/D6", params=asked)
    assert (both.status_code, both.json()["type"]) == (400, "/problems/Unreadable")


async def test_a_kept_cut_says_the_epoch_of_every_position(district: District) -> None:
    clerk = await declared(district)
    made = await district.post(clerk, "/cuts", name="final", area=str(COUNTY))
    payload = await district.logs["reporting"].pool.fetchval(
        "SELECT payload FROM es.events WHERE type = 'CutTaken'"
    )
    positions = json.loads(payload)["positions"]
    assert {at["source"]: at["position"] for at in positions} == made.json()["cut"]
    assert {at["epoch"] for at in positions} == {1}


async def test_a_name_means_one_cut_along_the_line_of_areas(district: District) -> None:
    clerk = await declared(district)
    for area, status in ((COUNTY, 201), (PROVINCE, 409), (TOWN, 409), (OTHER, 201)):
        made = await district.post(clerk, "/cuts", name="final", area=str(area))
        assert (area, made.status_code) == (area, status)


async def test_a_kept_cut_is_named_by_whoever_sees_the_whole_installation(
    district: District,
) -> None:
    clerk = await declared(district)
    kept = await district.post(clerk, "/cuts", name="final", area=str(COUNTY))
    await district.catch_up()
    auditor = await district.client("auditor")
    path = f"/trace/lots/{planted.P1}?cut=final"
    assert (await auditor.get(path)).json()["cut"] == kept.json()["cut"]
    await district.post(clerk, "/cuts", name="final", area=str(OTHER))
    await district.catch_up()
    which = await auditor.get(path)
    assert (which.status_code, which.json()["type"]) == (400, "/problems/Ambiguous")
    assert (await auditor.get(f"{path}&area={COUNTY}")).json()["cut"] == kept.json()["cut"]
    scoped = await district.client("auditor", area=COUNTY)
    assert (await scoped.get(path)).status_code == 200
    assert (await scoped.get(f"{path}&area={OTHER}")).status_code == 404
