"""The offline workbook goes out with its keys and comes back with what was written into it."""

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
    OfflineRow,
    OfflineTemplateChanged,
    Stamp,
    read_offline,
    require_template,
    stamp_of,
    write_offline,
)
from libs.chassis.sheets.writing import Plan, write
from libs.events.field_changes import Change, Now, compare
from tests.sheets.strict import assert_strict

COLUMNS = (
    OfflineColumn("name", "姓名", writable=False),
    OfflineColumn("phone", "电话"),
    OfflineColumn("note", "备注", width=40),
)
STAMP = Stamp(
    "household_visit", 3, "0e1c4a39-7f6b-8a51-9c1d-2f3b4a5c6d7e", "households:88", "2024-03-01"
)
ROWS = [(f"key-{n}", [f"演示{n}", f"000{n:08}", None]) for n in range(1, 5)]


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    path = tmp_path / "村.xlsx"
    write_offline(path, "入户", STAMP, COLUMNS, ROWS)
    assert_strict(path)
    return path


def filled(path: Path, fill: Callable[[Worksheet], None]) -> list[OfflineRow]:
    """As a person writes into it, by another program."""
    book = load_workbook(path)
    fill(book["入户"])
    book.save(path)
    with opened(path, path.name) as again:
        return list(read_offline(again, COLUMNS))


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


def test_what_was_written_comes_back_by_its_key(taken: Path) -> None:
    def write_some(sheet: Worksheet) -> None:
        sheet["C3"] = 13_900_000_002
        sheet["D4"] = " 外出务工 "
        sheet["B8"], sheet["C8"] = "演示新", "00000000009"
        for column in "ABC":
            sheet[f"{column}9"] = sheet[f"{column}2"].value

    rows = filled(taken, write_some)
    assert [(row.key, row.repeated) for row in rows] == [
        *((f"key-{n}", False) for n in range(1, 5)),
        (None, False),
        ("key-1", True),
    ]
    changes = []
    for row, (key, (_, phone, note)) in zip(rows, ROWS, strict=False):
        base = {"phone": str(phone), "note": note}
        assert row.key == key
        now = {field: Now(None if text is None else str(text)) for field, text in base.items()}
        found = compare({f: n.value for f, n in now.items()}, row.texts(COLUMNS), now)
        assert not found.conflicts
        changes += [(key, change) for change in found.changes]
    assert changes == [
        ("key-2", Change("phone", "00000000002", "13900000002")),
        ("key-3", Change("note", None, "外出务工")),
    ]
