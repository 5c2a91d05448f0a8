"""New workbooks hold what they were given, as text where a program might compute, and are never
held whole."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.spelling import FORMULA_SIGNS, Value
from libs.chassis.sheets.writing import Column, Plan, Writer, csv_lines, workbook, write
from tests.sheets.strict import assert_strict

COLUMNS = (
    Column("姓名", 16),
    Column("证件号码", 22, text=True),
    Column("电话", unlocked=True, text=True),
    Column("行号", hidden=True),
)
DANGEROUS = ["=1+1", "+86", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]
MOST_MIB = 100
WALK = r"""
import re, sys
from pathlib import Path
from libs.chassis.sheets.book import opened
from libs.chassis.sheets.marked_sheet import Mark
from libs.chassis.sheets.marking import mark
source = Path(sys.argv[1])
with opened(source, "x") as book:
    sheet = book.sheets[0]
    count = sum(1 for _ in book.rows(sheet))
    marks = (Mark(n, "拒绝", "R", "说明", "建议", {2: "有误"}) for n in range(2, count + 1))
    mark(book, sheet, header_row=1, marks=marks, summary=[], target=source.with_suffix(".marked"))
peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
print(count, int(peak[1]) >> 10)
"""


def test_a_protected_list_has_its_head_widths_and_open_cells(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    rows: list[list[Value]] = [["演示甲", 900101, None, "h-1"], [None, "0012", "000", 3]]
    write(
        path, [(Plan("名单", COLUMNS, protected=True), rows), (Plan("说明", hidden=True), [["a"]])]
    )
    assert_strict(path)
    book = load_workbook(path)
    sheet = book["名单"]
    assert book["说明"].sheet_state == "hidden"
    assert sheet.freeze_panes == "A2"
    assert sheet.protection.sheet
    assert [sheet.column_dimensions[c].width for c in "ABCD"] == [16, 22, 14, 14]
    assert sheet.column_dimensions["D"].hidden
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["姓名", "证件号码", "电话", "行号"],
        ["演示甲", "900101", None, "h-1"],
        [None, "0012", "000", 3],
    ]
    assert [cell.protection.locked for cell in sheet[2]] == [True, True, False, True]
    assert {cell.number_format for cell in (sheet["B2"], sheet["C2"], sheet["B3"])} == {"@"}


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_is_ever_computed(tmp_path: Path, text: str) -> None:
    write(tmp_path / "x.xlsx", [(Plan("x"), [[text]])])
    assert_strict(tmp_path / "x.xlsx")
    cell = load_workbook(tmp_path / "x.xlsx")["x"]["A1"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert str(cell.value).replace("_x000D_", "\r") == text
    ((field,),) = csv.reader(io.StringIO(csv_lines([[text]]), newline=""))
    assert field == f"'{text}"


def test_numbers_below_zero_are_numbers_in_both(tmp_path: Path) -> None:
    write(tmp_path / "x.xlsx", [(Plan("x"), [[-2, Decimal("-1.50")]])])
    assert [c.value for c in load_workbook(tmp_path / "x.xlsx")["x"][1]] == [-2, -1.5]
    assert csv_lines([[-2, Decimal("-1.50"), True, None, date(2024, 1, 1)]]) == (
        "-2,-1.50,TRUE,,2024-01-01\r\n"
    )


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.decimals(-1_000_000, 1_000_000, places=2, allow_nan=False),
    st.dates(date(1900, 3, 1), date(9999, 12, 31)),
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(DANGEROUS),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(values, max_size=6), max_size=6))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Value]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "x.xlsx"
    write(path, [(Plan("x"), rows)])
    assert_strict(path)
    with opened(path, "x") as book:
        found = {row.number: row.cells for row in book.rows(book.sheets[0])}
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            cell = found.get(number, {}).get(column)
            assert (cell is None) == (value is None)
            if cell is not None:
                assert cell.text == _told(value)


def _told(value: Value) -> str:
    match value:
        case bool():
            return str(value).upper()
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def test_a_moment_is_kept_to_the_second(tmp_path: Path) -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59)  # noqa: DTZ001 # a cell knows no zone
    write(tmp_path / "x.xlsx", [(Plan("x"), [[moment]])])
    with opened(tmp_path / "x.xlsx", "x") as book:
        (row,) = book.rows(book.sheets[0])
    assert row.cells[1].text == moment.isoformat()


def test_the_same_rows_give_the_same_bytes() -> None:
    made = [b"".join(workbook([(Plan("x", COLUMNS), [["甲", 1, None, 2]])])) for _ in range(2)]
    assert made[0] == made[1]


def test_bytes_come_while_rows_still_do() -> None:
    writer = Writer([Plan("x")])
    writer.sheet()
    taken = 0
    for n in range(20_000):
        writer.row([f"演示{n * 7919 % 100_003}", n])
        taken += len(writer.take()) if writer.ready > 1 << 12 else 0
    assert taken > 50_000
    writer.close()


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    rows = 30_000
    given_ = ([f"演示{n}", f"9001011990{n:08}", *range(n, n + 12), "x"] for n in range(rows))
    write(tmp_path / "x.xlsx", [(Plan("x", [Column(f"c{n}") for n in range(15)]), given_)])
    program = [sys.executable, "-c", WALK, str(tmp_path / "x.xlsx")]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    count, mib = map(int, done.stdout.split())
    assert count == rows + 1
    assert mib < MOST_MIB


def test_every_sign_that_begins_a_formula_is_known() -> None:
    assert set(FORMULA_SIGNS) == {text[0] for text in DANGEROUS}
