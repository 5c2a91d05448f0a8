"""Small files that would unfold to much: refused with the place and the limit, in flat memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.unreadable import LONGEST_ROW, LONGEST_TEXT, UnreadableBook
from libs.chassis.sheets.writing import HEAD, MAIN
from tests.sheets.books import book_of, sheet_xml

MIB = 1 << 20
TEXT = "<c t='inlineStr'><is><t>{}</t></is></c>"
LONG = "长" * 1_000


def refused(path: Path, name: str = "a.xlsx") -> str:
    """Opened and read to the end."""
    with pytest.raises(UnreadableBook) as told, opened(path, name) as book:
        list(book.rows(book.sheets[0]))
    return told.value.detail


def sheet_refused(folder: Path, row: str) -> str:
    return refused(book_of(folder / "a.xlsx", sheet_xml(f'<row r="3">{row}</row>')))


@pytest.mark.parametrize("cell", ["<c><v>1</v></c>", '<c r="A3"><v>1</v></c>', "<c/>"])
def test_a_row_has_as_many_cells_as_a_sheet_has_columns(tmp_path: Path, cell: str) -> None:
    assert "第 3 行的格数超过 16,384，请" in sheet_refused(tmp_path, cell * 16_385)


@pytest.mark.parametrize(
    "cell",
    [
        TEXT.format("长" * (LONGEST_TEXT + 70_000)),
        f"<c><f>{'1+' * LONGEST_TEXT}1</f></c>",
        f"<c t='inlineStr'><is>{f'<r><t>{LONG}</t></r>' * (LONGEST_TEXT // 1_000 + 1)}</is></c>",
    ],
)
def test_a_cell_holds_so_much_text(tmp_path: Path, cell: str) -> None:
    assert "第 3 行一格的字符数超过 262,144，请" in sheet_refused(tmp_path, cell)


def test_a_row_holds_so_much_text(tmp_path: Path) -> None:
    row = TEXT.format(LONG) * (LONGEST_ROW // 1_000 + 1)
    assert "第 3 行的字符数超过 4,194,304，请" in sheet_refused(tmp_path, row)


def test_shared_strings_count_in_each_cell_that_shows_them(tmp_path: Path) -> None:
    """A string of 30,000 signs in every cell of a row: half a gigabyte from some kilobytes."""
    cells = '<c t="s"><v>0</v></c>' * 16_000
    xml = sheet_xml(f'<row r="3">{cells}</row>')
    assert "第 3 行的字符数超过" in refused(book_of(tmp_path / "a", xml, more=strings(30)))
    told = refused(book_of(tmp_path / "b", xml, more=strings(400)))
    assert "第 1 条文字的字符数超过 262,144" in told


def strings(thousands: int) -> dict[str, str]:
    text = LONG * thousands
    return {"xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'}


def test_a_tag_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    told = sheet_refused(tmp_path, f'<c r="A3" x="{"长" * MIB}"/>')
    assert "文件中一个标记的字节数超过 1,048,576" in told


def test_text_behind_the_rows_counts_for_no_cell(tmp_path: Path) -> None:
    """Conditional formats of large workbooks have as much."""
    formulas = "<cfRule><formula>A1&gt;1000</formula></cfRule>" * 60_000
    xml = sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>').replace(
        "</sheetData>", f"</sheetData><conditionalFormatting>{formulas}</conditionalFormatting>"
    )
    with opened(book_of(tmp_path / "a.xlsx", xml), "a.xlsx") as book:
        assert [row.number for row in book.rows(book.sheets[0])] == [1]


def hidden_of(folder: Path, cols: str) -> frozenset[int]:
    xml = sheet_xml("").replace("<sheetData", f"<cols>{cols}</cols><sheetData")
    with opened(book_of(folder / "a.xlsx", xml), "a.xlsx") as book:
        return book.sheets[0].hidden_columns


def test_hidden_columns_that_overlap_are_told_once(tmp_path: Path) -> None:
    said = ((5, 9), (2, 3), (4, 6), (2, 16_384), (20, 20))
    cols = "".join(f'<col min="{a}" max="{b}" hidden="1"/>' for a, b in said)
    assert hidden_of(tmp_path, cols) == frozenset(range(2, 16_385))
    with pytest.raises(UnreadableBook, match="列设置数超过 16,384"):
        hidden_of(tmp_path, '<col min="1" max="16384" hidden="1"/>' * 16_385)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n" + b"," * (LONGEST_ROW + 1), "第 2 行的字符数超过 4,194,304"),
        (b"a,b\n" + b'"1\n",' * (LONGEST_ROW // 5 + 1), "第 2 行的字符数超过 4,194,304"),
        (b"a,b\n1,2\n" + b"," * 20_000 + b"\n", "第 3 行的格数超过 16,384"),
    ],
)
def test_a_line_of_csv_is_as_long_as_a_row_may_be(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert told in refused(path, "a.csv")


def test_a_line_of_thirty_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"," * (30 * MIB))
    tracemalloc.start()
    try:
        refused(path, "a.csv")
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()
