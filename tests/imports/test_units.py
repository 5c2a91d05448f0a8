"""The unit of an amount, wherever a sheet says it: lost, it is a factor of ten thousand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from libs.chassis.imports.header import Header, heads_units, proposed
from libs.chassis.imports.prepared import heads_of
from libs.chassis.sheets.book import opened
from services.funds.imports.payments import PAYMENTS
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.imports.desk import desk, sheet
from tests.imports.test_lots import HEADS, LETTER
from tests.registry import register_county

LINE = ("户编号", "户主", "标准", "金额")


def header_of(folder: Path, rows: Sequence[Sequence[Any]], merged: str | None = None) -> Header:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    for row in rows:
        page.append(list(row))
    if merged:
        page.merge_cells(merged)
    book.save(folder / "a.xlsx")
    with opened(folder / "a.xlsx", "a.xlsx") as found:
        return heads_of(found, found.sheets[0], PAYMENTS)


def units_of(header: Header) -> dict[str, str]:
    mapping = proposed(header, PAYMENTS.columns)
    assert mapping.keys() >= {"household", "name", "standard", "amount"}
    return dict(heads_units(header, mapping, PAYMENTS.columns))


@pytest.mark.parametrize(
    "above",
    [
        [("2024年发放表",), ("单位：万元",)],
        [("2024年发放表", None, None, None), (None, None, None, "单位:万元")],
        [("填报单位：演示镇", None, None, "（单位：万元）")],
        [("填报单位：演示镇   单位：万元   2024年3月",)],
        [("2024年发放表（单位：万元）",)],
        [("2024年发放表（万元）",)],
        [("单位：户、万元",)],
        [("金额单位：万元/户",)],
        [("单位：元",), ("单位：万元",)],
        [("单位：万元",), ("2024年发放表",), ("附表一",), ("演示镇",)],
    ],
)
def test_a_unit_above_the_heads_is_that_of_every_amount(tmp_path: Path, above: Any) -> None:
    header = header_of(tmp_path, [*above, LINE, ("H1", "演示", 1, 19.65)])
    assert header.unit == "万元"
    assert [head.full for head in header.heads.values()] == list(LINE)
    assert units_of(header) == {"standard": "万元", "amount": "万元"}


def test_a_unit_in_a_merged_title_counts(tmp_path: Path) -> None:
    header = header_of(tmp_path, [("发放表（单位：万元）",), LINE], "A1:D1")
    assert units_of(header) == {"standard": "万元", "amount": "万元"}


@pytest.mark.parametrize("head", ["金额(元)", "金额（单位：元）", "金额（元/户）"])
def test_the_own_unit_of_a_head_goes_before_the_line_above(tmp_path: Path, head: str) -> None:
    header = header_of(tmp_path, [("单位：万元",), (*LINE[:3], head)])
    assert units_of(header) == {"standard": "万元", "amount": "元"}


def test_the_own_unit_of_a_head_goes_before_that_of_its_group(tmp_path: Path) -> None:
    groups = ("基本情况", None, "发放情况（万元）", None)
    header = header_of(tmp_path, [groups, (*LINE[:3], "金额(元)")], "C1:D1")
    assert units_of(header) == {"standard": "万元", "amount": "元"}


@pytest.mark.parametrize("title", ["各单位发放表", "填报单位：万元村", "2024年发放表"])
def test_what_is_no_unit_line_says_none(tmp_path: Path, title: str) -> None:
    assert units_of(header_of(tmp_path, [(title,), LINE])) == {}


def test_sheets_of_two_units_are_of_two_shapes(tmp_path: Path) -> None:
    """What was said of the one does not hold for the other."""
    shapes = {
        header_of(tmp_path, [(line,), LINE]).shape for line in ("单位：元", "单位：万元", "附表")
    }
    assert len(shapes) == 3


async def test_a_mapping_without_units_keeps_what_the_sheet_says(
    installation: Installation,
) -> None:
    """Mapped again, and for the next sheet of this shape; a unit that somebody says goes first."""
    county = await register_county(installation)
    await installation.catch_up(funds)
    at = await desk(installation, funds, "finance")
    for heads, above in ((HEADS, ()), ((*HEADS[:7], "金额", HEADS[8]), (("单位：万元",),))):
        content = sheet(*above, heads, (*LETTER, "water", 12.5, "2020-03-01"))
        prepared = (await at.prepare("lots", county.id, content)).json()
        columns = {one["field"]: one["letter"] for one in prepared["columns"] if one["field"]}
        said: dict[str, Any] = {"columns": columns}
        key = {"idempotency-key": f"mapped{len(above)}"}
        mapped = await at.client.post(f"/imports/{prepared['id']}/mapping", json=said, headers=key)
        more = sheet(*above, heads, (*LETTER, "water", 99, "2020-03-01"))
        next_ = (await at.prepare("lots", county.id, more)).json()
        for shown, amount in ((prepared, "125,000.00 元"), (mapped.json(), "125,000.00 元"),
                              (next_, "990,000.00 元")):  # fmt: skip
            assert shown["units"] == {"amount": "万元"}
            assert shown["rows"][0]["values"]["金额"] == amount
            assert {one["unit"] for one in shown["columns"] if one["field"] == "amount"} == {"万元"}
        said["units"] = {"amount": "元"}
        key = {"idempotency-key": f"said{len(above)}"}
        told = await at.client.post(f"/imports/{prepared['id']}/mapping", json=said, headers=key)
        assert told.json()["rows"][0]["values"]["金额"] == "12.50 元"


@pytest.mark.parametrize(
    ("above", "head"),
    [((("单位：千元",),), "金额"), ((), "金额（百万元）"), ((("发放表（单位:千元）",),), "金额")],
)
async def test_a_unit_that_is_not_read_is_no_yuan(
    installation: Installation, above: Any, head: str
) -> None:
    county = await register_county(installation)
    await installation.catch_up(funds)
    at = await desk(installation, funds, "finance")
    heads = (*HEADS[:7], head, HEADS[8])
    content = sheet(*above, heads, (*LETTER, "water", 12.5, "2020-03-01"))
    refused = await at.prepare("lots", county.id, content)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/UnitNotRead")
