"""What came of each row, for a program: where, what, by which rule of which release; of persons no
content of any cell."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from libs.chassis.version import version
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import desk, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.imports.test_lots import HEADS as LOT_HEADS
from tests.imports.test_lots import LETTER
from tests.registry import County, register_county
from tests.sheets.torture import id_number


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


def line(row: int, result: str, key: str, **said: Any) -> dict[str, Any]:
    absent = dict.fromkeys(
        ("column", "field", "value", "rule", "rule_version", "severity", "message", "hint")
    )
    about = {"sheet": "表一", "row": row, "result": result, "row_key": key, "proposals": []}
    return {**about, **absent, **said}


async def test_each_thing_said_of_a_row_is_a_line_with_its_place_and_rule(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, funds, "finance")
    other = ("测财农〔2020〕2号", *LETTER[1:5], "第二批")
    number = id_number("19700101", 7)
    rows = sheet(
        LOT_HEADS,
        (*LETTER, "water", 12.5, "2020-03-01"),
        (*other, "water", "十二", "2020-03-01"),
        ("合计", *[None] * 6, 12.5, None),
        (*other, number, "十" * 200, "2020-03-01"),
    )
    job = await at.taken("lots", county.id, rows, "valid_rows")
    told = await at.outcome(job["id"])
    assert told[0] == line(2, "accepted", "测财农〔2020〕1号")
    wrong = {"rule_version": version(), "severity": "block"}
    amount = {**wrong, "column": "H", "field": "amount", "rule": "not_amount"}
    assert told[1] == line(
        3, "rejected", "测财农〔2020〕2号", **amount, value="十二",
        message=told[1]["message"], hint="按万元填写",
    )  # fmt: skip
    total = {"rule_version": version(), "rule": "total"}
    assert told[2] == line(4, "ignored", "4", **total)
    assert {one["value"] for one in told if one["row"] == 5} == {None, "十" * 100}
    assert number not in str(told)
    got = await at.client.get(f"/jobs/{job['id']}/outcome", params={"format": "csv"})
    printed = list(csv.DictReader(io.StringIO(got.content.decode("utf-8-sig"))))
    assert printed == [{name: one[name] or "" for name in printed[0]} | {"row": str(one["row"])}
                       for one in told]  # fmt: skip
    assert set(printed[0]) == set(told[0]) - {"proposals"}


async def test_of_persons_no_cell_is_told_and_no_number_is_a_key(
    installation: Installation, county: County
) -> None:
    at = await desk(installation, households, "clerk")
    shifted, unknown = head_of(2), head_of(3, village="演示三")
    number, shifted[0] = shifted[2], shifted[2]
    unknown[5] = "三月"
    long = head_of(4, key="9001010011")  # a number of something, perhaps of a person
    job = await at.taken(
        "roster", county.id, sheet(HEADS, head_of(1), shifted, unknown, long), "valid_rows",
        settings=SETTINGS,
    )  # fmt: skip
    told = await at.outcome(job["id"])
    assert {one["row"]: one["row_key"] for one in told} == {2: "H001", 3: "3", 4: "H003", 5: "5"}
    assert {one["value"] for one in told} == {None}
    assert [one["column"] for one in told if one["row"] == 4] == ["E", "F"]
    log = await installation.log(households)
    kept = await log.pool.fetchval("SELECT string_agg(r::text, ' ') FROM es.job_rows r")
    assert all(text not in kept for text in (number, "演示三", "三月", long[0]))
