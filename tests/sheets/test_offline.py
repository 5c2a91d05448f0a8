"""The offline workbook goes out with its keys and its stamp, and is known again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.offline import (
    SPARE_ROWS,
    STAMP_SHEET,
    NoOfflineBook,
    OfflineColumn,
    OfflineHeadsChanged,
    OfflineTemplateChanged,
    Stamp,
    require_heads,
    require_template,
    stamp_of,
    write_offline,
)
from libs.chassis.sheets.writing import Plan, write
from tests.sheets.strict import assert_strict

COLUMNS = (
    OfflineColumn("姓名", writable=False),
    OfflineColumn("电话"),
    OfflineColumn("备注", width=40),
)
STAMP = Stamp(
    *("household_visit", 3, "0e1c4a39-7f6b-8a51-9c1d-2f3b4a5c6d7e"),
    *("households:88", "full", "2024-03-01"),
)
ROWS = [(f"key-{n}", [f"演示{n}", f"000{n:08}", None]) for n in range(1, 5)]


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    path = tmp_path / "村.xlsx"
    with path.open("wb") as file:
        write_offline(file.write, "入户", STAMP, COLUMNS, ROWS)
    assert_strict(path)
    return path


def filled(path: Path, fill: Callable[[Worksheet], None]) -> None:
    """As a person writes into it, by another program; its heads are looked at again."""
    book = load_workbook(path)
    fill(book["入户"])
    book.save(path)
    with opened(path, path.name) as again:
        require_heads(again, COLUMNS)


def test_keys_and_what_is_only_read_are_locked_and_the_rest_is_open(taken: Path) -> None:
    book = load_workbook(taken)
    sheet = book["入户"]
    assert sheet.protection.sheet
    assert sheet.column_dimensions["A"].hidden
    assert [cell.protection.locked for cell in sheet[2]] == [True, True, False, False]
    assert [cell.protection.locked for cell in sheet[len(ROWS) + 2]] == [True, False, False, False]
    assert len(list(sheet.iter_rows())) == 1 + len(ROWS) + SPARE_ROWS
    assert book[STAMP_SHEET].sheet_state == "hidden"


def test_it_says_which_it_is_and_an_old_template_is_refused(taken: Path) -> None:
    with opened(taken, "x") as book:
        stamp = stamp_of(book)
    assert stamp == STAMP
    require_template(stamp, "household_visit", 3)
    with pytest.raises(OfflineTemplateChanged, match="第 3 版，现为 household_visit 第 4 版"):
        require_template(stamp, "household_visit", 4)


def test_any_other_workbook_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.xlsx", [(Plan("入户"), [["template", "household_visit"]])])
    with opened(tmp_path / "x.xlsx", "x") as book, pytest.raises(NoOfflineBook):
        stamp_of(book)


def test_a_head_that_was_changed_is_named(taken: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["C1"] = "手机"

    with pytest.raises(OfflineHeadsChanged, match="第 3 列应为“电话”"):
        filled(taken, change)


def test_heads_that_stand_where_they_stood_are_taken(taken: Path) -> None:
    def write_some(sheet: Worksheet) -> None:
        sheet["D4"] = " 外出务工 "

    filled(taken, write_some)
    with opened(taken, "x") as book:
        assert stamp_of(book) == STAMP
