"""The torture workbook of product.md 6 through the roster's importer: exactly these, and no others.

Faults 1, 2, 4, 5 and 13 of product.md 7 are rows of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, opened
from tests.registry import area, made, post
from tests.sheets.torture import ROSTER, Torture, torture

PERSON = {
    "id_as_number": "number_for_text",
    "id_as_number_exponent": "number_for_text",
    "wan_in_yuan": "implausible_amount",
    "date_in_the_future": "impossible_day",
    "date_before_the_document": "impossible_day",
    "same_id_second": "twice",
    "formula_without_value": "formula_without_value",
    "unknown_village": "unknown_place",
}
IGNORED = {
    "subtotal": "total",
    "repeated_header": "heads_again",
    "total": "total",
    "signature": "signature",
}
WARNED = {"filtered": "hidden_row", "total": "control_total"}


async def district(installation: Installation) -> UUID:
    """A county of codes that do not exist, and what no household earns in a year."""
    steward = await installation.client(households, "steward", subject="steward")
    county = await made(steward, "/areas", area("900101", "演示县", "county", None))
    town = await made(steward, "/areas", area("900101001", "演示镇", "township", county))
    for number in (1, 2):
        code, name = f"90010100100{number}", f"演示{number}村"
        await made(steward, "/areas", area(code, name, "village", town))
    row = {"key": "roster.income", "valid_from": "2013-01-01", "values": {"amount_fen": 50_000_000}}
    stated = await post(
        steward, "/reference/rows", {"set": "largest_amount", "area": None, "row": row}
    )
    assert stated.status_code == 201, stated.text
    await installation.catch_up(households)
    return county


@pytest.fixture
async def at(installation: Installation) -> Desk:
    return await desk(installation, households, "clerk")


SETTINGS = {"era": "linkage", "register_type": "monitored", "reason": "历史数据补录"}


async def taken(at: Desk, county: UUID, made_: Torture) -> dict[str, Any]:
    content = made_.path.read_bytes()
    return await at.taken("roster", county, content, "valid_rows", settings=SETTINGS)


async def test_the_torture_workbook_gives_exactly_the_listed_errors(
    installation: Installation, at: Desk, tmp_path: Path
) -> None:
    county = await district(installation)
    made_ = torture(tmp_path / "torture.xlsx")
    job = await taken(at, county, made_)
    assert (job["state"], job["error"]) == ("done", None)
    by_row = {number: name for name, number in made_.rows.items()}
    told = [one for one in await at.outcome(job["id"]) if one["message"] is not None]
    blocked = {by_row[one["row"]]: one["rule"] for one in told if one["severity"] == "block"}
    warned = {by_row[one["row"]]: one["rule"] for one in told if one["severity"] == "warn"}
    assert (blocked, warned) == (PERSON, WARNED)
    assert len(told) == len(PERSON) + len(WARNED)
    ignored = {
        by_row[one["row"]]: one["rule"]
        for one in await at.outcome(job["id"])
        if one["result"] == "ignored"
    }
    assert ignored == {**IGNORED, "total": "control_total"}
    counts = job["counts"]
    assert counts["read"] == len(made_.rows)
    assert counts["read"] == counts["accepted"] + counts["rejected"] + counts["ignored"]
    assert (counts["rejected"], counts["ignored"]) == (len(PERSON), len(IGNORED))
    assert not any(digits in str(told) for digits in ("900101199", "9.00101"))


async def test_the_marked_workbook_is_the_same_one(
    installation: Installation, at: Desk, tmp_path: Path
) -> None:
    county = await district(installation)
    made_ = torture(tmp_path / "torture.xlsx", empty_rows=100)
    job = await taken(at, county, made_)
    marked = opened((await at.client.get(f"/jobs/{job['id']}/outcome")).content)
    page, before = marked[ROSTER], opened(made_.path.read_bytes())[ROSTER]
    last = before.max_column
    assert [page.cell(4, last + n).value for n in (1, 2, 3, 4)] == [
        "结果",
        "规则号",
        "说明",
        "建议",
    ]
    for number in range(1, made_.last + 1):
        for column in range(1, last + 1):
            assert page.cell(number, column).value == before.cell(number, column).value
    faulty = page.cell(made_.rows["id_as_number"], 3)
    assert faulty.comment is not None
    assert "请从原表以文本粘贴" in str(page.cell(made_.rows["id_as_number"], last + 4).value)
    summary = [[cell.value for cell in row] for row in marked["汇总"]]
    counts = job["counts"]
    line = (
        f"读取 {counts['read']} = 接受 {counts['accepted']} + 拒绝 {counts['rejected']}"
        f" + 忽略 {counts['ignored']}"
    )
    assert any(line == row[0] for row in summary)
