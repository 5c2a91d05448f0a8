"""The workbook of the rejected rows alone: what is corrected in it is taken, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports import test_torture
from tests.imports.desk import Desk, desk, opened, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.imports.test_lots import HEADS as LOT_HEADS
from tests.imports.test_lots import LETTER
from tests.registry import County, register_county
from tests.sheets.torture import HEADER_ROWS, ROSTER, household, torture
from tests.sheets.torture import HEADS as TORTURE_HEADS


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


@pytest.fixture
async def at(installation: Installation) -> Desk:
    return await desk(installation, households, "clerk")


async def rejected(at: Desk, job: dict[str, Any]) -> bytes:
    return (await at.client.get(f"/jobs/{job['id']}/rejected")).content


async def rules(at: Desk, job: dict[str, Any]) -> list[str | None]:
    return [one["rule"] for one in await at.outcome(job["id"])]


async def taken(at: Desk, county: County, content: bytes) -> dict[str, Any]:
    return await at.taken("roster", county.id, content, "valid_rows", settings=SETTINGS)


async def test_what_was_wrong_with_the_kind_of_a_cell_is_wrong_with_it_again(
    at: Desk, county: County
) -> None:
    """Fault 1: made a text, a number that Excel has cut would be taken when it comes back."""
    cut, absent, wrong, late = (head_of(n) for n in (1, 2, 3, 4))
    cut[2] = 370112199001011000
    absent[6], wrong[6] = '=A2&"某"', "#N/A"
    late[5] = "2024-02-30"
    first = await taken(at, county, sheet(HEADS, cut, absent, wrong, late))
    assert await rules(at, first) == [
        *("number_for_text", "formula_without_value", "cell_error", "not_day"),
    ]
    again = await taken(at, county, await rejected(at, first))
    assert await rules(at, again) == ["number_for_text", "cell_error", "cell_error", "not_day"]
    assert (again["counts"]["rejected"], again["counts"]["accepted"]) == (4, 0)


async def test_corrected_and_sent_back_alone_the_torture_is_taken(
    installation: Installation, at: Desk, tmp_path: Path
) -> None:
    """Heads in three lines below a title, merged; as it is it fails again, corrected not."""
    district = await test_torture.district(installation)
    made = torture(tmp_path / "torture.xlsx", empty_rows=100)
    first = await test_torture.taken(at, district, made)
    alone = await rejected(at, first)
    once_more = await torn(at, district, alone)
    faults = set(test_torture.PERSON.values()) - {"twice"}  # the first of the two is taken
    told = await at.outcome(once_more["id"])
    blocked = {one["rule"] for one in told if one["severity"] == "block"}
    assert blocked == faults - {"formula_without_value"} | {"cell_error"}
    assert once_more["counts"]["rejected"] == first["counts"]["rejected"] - 1
    last = await torn(at, district, corrected(alone))
    assert (last["state"], last["counts"]["rejected"]) == ("done", 0), await at.outcome(last["id"])
    assert last["counts"]["accepted"] + last["counts"]["unchanged"] == first["counts"]["rejected"]


async def torn(at: Desk, district: UUID, content: bytes) -> dict[str, Any]:
    settings = test_torture.SETTINGS
    return await at.taken("roster", district, content, "valid_rows", settings=settings)


def corrected(content: bytes) -> bytes:
    """Each row as it should have been; its people are others than in the good rows."""
    book = opened(content)
    page, first = book[ROSTER], HEADER_ROWS[-1] + 1
    villages = ("900101001001", "900101001002")
    for number in range(first, page.max_row + 1):
        for column, value in enumerate(household(number + 100, villages), 1):
            page.cell(number, column).value = value or None
    assert page.max_column == len(TORTURE_HEADS)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def test_a_column_without_a_head_stays_where_it_is_and_so_does_what_was_said(
    installation: Installation, county: County
) -> None:
    """Marked and sent back, and then its rejected rows: the same shape, the same unit."""
    at = await desk(installation, funds, "finance")
    heads = ("备注一", None, *LOT_HEADS[:7], "款额", LOT_HEADS[8])
    other = ("测财农〔2020〕2号", *LETTER[1:5], "第二批")
    content = sheet(
        ("2020年下达表",), heads,
        (None, "丙", *LETTER, "water", 12.5, "2020-03-01"),
        (None, "丁", *other, "water", "十二", "2020-03-01"),
    )  # fmt: skip
    prepared = (await at.prepare("lots", county.id, content)).json()
    columns = {one["field"]: one["letter"] for one in prepared["columns"] if one["field"]}
    said = {"columns": columns | {"amount": "J"}, "units": {"amount": "万元"}}
    await at.client.post(
        f"/imports/{prepared['id']}/mapping", json=said, headers={"idempotency-key": "said"}
    )
    first = await at.taken("lots", county.id, content, "valid_rows")
    marked = (await at.client.get(f"/jobs/{first['id']}/outcome")).content
    again = await at.taken("lots", county.id, marked, "valid_rows")
    assert (again["counts"]["unchanged"], again["counts"]["rejected"]) == (1, 1)
    book = opened(await rejected(at, again))
    rows = [[cell.value for cell in row] for row in book.worksheets[0]]
    assert rows[1] == list(heads)
    assert rows[2:] == [[None, "丁", *other, "water", "十二", "2020-03-01"]]
    book.worksheets[0].cell(3, 10).value = 12
    last = await at.taken("lots", county.id, saved(book), "valid_rows")
    assert (last["counts"]["accepted"], last["counts"]["accepted_fen"]) == (1, 12_000_000)
