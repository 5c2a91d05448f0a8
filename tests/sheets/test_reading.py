"""What a workbook says is read as it stands in the file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from libs.chassis.sheets.book import open_book, opened
from libs.chassis.sheets.cells import Cell, Kind, Merged, Row, column_of, letter, plain
from libs.chassis.sheets.dates import moment
from libs.chassis.sheets.writing import HEAD, MAIN
from tests.sheets.books import book_of, sheet_xml, xls
from tests.sheets.torture import HEADS, HIDDEN_COLUMN, NOTES, ROSTER, Torture, torture

ID = HEADS.index("证件号码") + 1
INCOME = HEADS.index("人均纯收入") + 1
DAY = HEADS.index("登记日期") + 1


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Torture:
    return torture(tmp_path_factory.mktemp("sheets") / "花名册.xlsx")


@pytest.fixture(scope="module")
def rows(tortured: Torture) -> dict[int, Row]:
    with opened(tortured.path, "花名册.xlsx") as book:
        return {row.number: row for row in book.rows(book.sheets[0])}


def read(path: Path, sheet: int = 0) -> list[Row]:
    with opened(path, path.name) as book:
        return list(book.rows(book.sheets[sheet]))


def only(path: Path) -> dict[int, Cell]:
    (row,) = read(path)
    return dict(row.cells)


def test_both_sheets_the_hidden_column_and_the_head_of_three_lines_are_told(
    tortured: Torture,
) -> None:
    with opened(tortured.path, "花名册.xlsx") as book:
        roster, notes = book.sheets
    assert (roster.name, notes.name, roster.hidden, roster.ours) == (ROSTER, NOTES, False, False)
    assert roster.hidden_columns == {HIDDEN_COLUMN}
    assert {Merged(2, 1, 4, 1), Merged(2, 2, 2, 6), Merged(1, 1, 1, 12)} <= set(roster.merged)


def test_empty_rows_are_not_there_and_filtered_ones_are_marked(
    tortured: Torture, rows: dict[int, Row]
) -> None:
    assert list(rows) == list(range(1, tortured.last + 1))
    assert [n for n, row in rows.items() if row.hidden] == [tortured.rows["filtered"]]


@pytest.mark.parametrize(
    ("case", "column", "cell"),
    [
        ("good", DAY, Cell(Kind.DATE, "2024-03-02", stored="45353")),
        ("id_as_number_exponent", ID, Cell(Kind.NUMBER, "900101199001019000",
                                           stored="9.00101199001019E+17")),
        ("date_as_number", DAY, Cell(Kind.NUMBER, "45292", stored="45292")),
        ("date_with_points", DAY, Cell(Kind.TEXT, "2021.3.5")),
        ("formula_without_value", INCOME, Cell(Kind.FORMULA, "=4000+4016")),
        ("formula_with_value", INCOME, Cell(Kind.NUMBER, "8017", computed=True, stored="8017")),
        ("formula_like_text", 12, Cell(Kind.TEXT, "@演示")),
        ("trailing_blank", 2, Cell(Kind.TEXT, "演示户主13 ")),
    ],
)  # fmt: skip
def test_a_cell_of_the_torture_workbook(
    tortured: Torture, rows: dict[int, Row], case: str, column: int, cell: Cell
) -> None:
    assert rows[tortured.rows[case]].cells[column] == cell


def test_an_identity_number_that_became_a_number_is_seen_by_kind_and_zeros(
    tortured: Torture, rows: dict[int, Row]
) -> None:
    lost = rows[tortured.rows["id_as_number"]].cells[ID]
    assert (lost.kind, len(lost.text), lost.text[-3:]) == (Kind.NUMBER, 18, "000")


values = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.booleans(),
    st.dates(date(1900, 3, 1), date(9999, 12, 31)),
    st.decimals(-10_000_000, 10_000_000, places=2, allow_nan=False),
    st.none(),
)


def told(value: Any) -> tuple[Kind, str]:
    match value:
        case bool():
            return Kind.BOOL, str(value).upper()
        case int() | Decimal():
            return Kind.NUMBER, f"{value:f}"
        case date():
            return Kind.DATE, value.isoformat()
        case _:
            return Kind.TEXT, str(value)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(values, min_size=1, max_size=6), min_size=1, max_size=6))
def test_what_another_program_wrote_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.xlsx"
    book = Workbook()
    for number, row in enumerate(table, 1):
        for column, value in enumerate(row, 1):
            cell = book.worksheets[0].cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
    book.save(path)
    assert [
        (row.number, {n: _numeric(c.kind, c.text) for n, c in row.cells.items()})
        for row in read(path)
    ] == [
        (number, cells)
        for number, row in enumerate(table, 1)
        if (cells := {n: _numeric(*told(v)) for n, v in enumerate(row, 1) if v is not None})
    ]


def _numeric(kind: Kind, text: str) -> tuple[Kind, str | Decimal]:
    return kind, Decimal(text) if kind == Kind.NUMBER else text


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("19.649999999999999", "19.65"),
        ("0.30000000000000004", "0.3"),
        ("12.50", "12.50"),
        ("1E-3", "0.001"),
        ("1.5E+3", "1500"),
        ("900101199001010000", "900101199001010000"),
        ("-0.1", "-0.1"),
        ("2.9999999999999996", "3"),
    ],
)
def test_a_number_keeps_its_digits(stored: str, text: str) -> None:
    assert plain(stored) == text


@pytest.mark.parametrize(
    "stored", ["1E+999999999", "1E+999", "NaN", "Infinity", "1_000_000_000_0", "x"]
)
def test_what_is_no_number_of_a_workbook_is_none(stored: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        plain(stored)


@pytest.mark.parametrize(
    ("serial", "from_1904", "text"),
    [
        ("1", False, "1900-01-01"),
        ("59", False, "1900-02-28"),
        ("60", False, "1900-02-29"),
        ("61", False, "1900-03-01"),
        ("45292", False, "2024-01-01"),
        ("45292.5", False, "2024-01-01T12:00:00"),
        ("45291.999999", False, "2024-01-01"),
        ("0.25", False, "06:00:00"),
        ("0", True, "1904-01-01"),
        ("43830", True, "2024-01-01"),
        ("-1", False, None),
        ("2958466", False, None),
    ],
)
def test_a_day_is_counted_by_the_system_of_its_workbook(
    serial: str, from_1904: bool, text: str | None
) -> None:
    assert moment(serial, from_1904) == text


def test_the_format_of_a_cell_says_whether_it_is_a_day(tmp_path: Path) -> None:
    row = "".join(f'<c r="{c}1" s="{s}"><v>45292</v></c>' for s, c in enumerate("ABCD"))
    cells = only(book_of(tmp_path / "x.xlsx", sheet_xml(f'<row r="1">{row}</row>')))
    assert [cell.kind for cell in cells.values()] == ["number", "date", "date", "number"]


def test_a_workbook_of_1904_counts_from_there(tmp_path: Path) -> None:
    sheet = sheet_xml('<row r="1"><c r="A1" s="1"><v>43830</v></c></row>')
    path = book_of(tmp_path / "x.xlsx", sheet, properties='date1904="1"')
    assert only(path)[1].text == "2024-01-01"


def test_cells_and_rows_without_their_place_follow_each_other(tmp_path: Path) -> None:
    sheet = sheet_xml("<row><c><v>1</v></c><c/><c><v>2</v></c></row><row><c><v>3</v></c></row>")
    rows = read(book_of(tmp_path / "x.xlsx", sheet))
    assert [(r.number, {n: c.text for n, c in r.cells.items()}) for r in rows] == [
        (1, {1: "1", 3: "2"}),
        (2, {1: "3"}),
    ]


def test_a_prefixed_sheet_with_blanks_between_is_read_alike(tmp_path: Path) -> None:
    sheet = (
        f'{HEAD}<x:worksheet xmlns:x="{MAIN}"><x:sheetData>\n <x:row r="2">\n  <x:c r="B2">\n'
        '   <x:v>7</x:v>\n  </x:c>\n  <x:c r="C2" t="str">\n <x:v>甲</x:v> </x:c></x:row>'
        "</x:sheetData></x:worksheet>"
    )
    (row,) = read(book_of(tmp_path / "x.xlsx", sheet))
    assert {n: c.text for n, c in row.cells.items()} == {2: "7", 3: "甲"}


def test_shared_and_inline_strings_join_their_runs_and_leave_guides_out(tmp_path: Path) -> None:
    strings = (
        f'{HEAD}<sst xmlns="{MAIN}"><si><t>甲</t><rPh sb="0" eb="1"><t>jia</t></rPh></si>'
        '<si><r><t>乙</t></r><r><t xml:space="preserve"> 丙</t></r></si><si><t>a_x000A_b</t></si>'
        "</sst>"
    )
    cells = "".join(f'<c r="{c}1" t="s"><v>{n}</v></c>' for n, c in enumerate("ABC"))
    inline = '<c r="D1" t="inlineStr"><is><r><t>丁</t></r><rPh><t>x</t></rPh><t>戊</t></is></c>'
    sheet = sheet_xml(f'<row r="1">{cells}{inline}</row>')
    path = book_of(tmp_path / "x.xlsx", sheet, more={"xl/sharedStrings.xml": strings})
    assert [cell.text for cell in only(path).values()] == ["甲", "乙 丙", "a\nb", "丁戊"]


def test_kinds_are_told_by_the_cell(tmp_path: Path) -> None:
    cells = (
        '<c r="A1" t="b"><v>1</v></c><c r="B1" t="e"><v>#N/A</v></c><c r="C1" t="str"><f>A1</f><v>x'
        '</v></c><c r="D1" t="str"><f>A1</f><v></v></c><c r="E1" t="d"><v>2024-01-01T00:00:00'
        "</v></c>"
        '<c r="F1"><f t="shared" si="0"/></c><c r="G1"/><c r="H1" t="s"/>'
    )
    found = only(book_of(tmp_path / "x.xlsx", sheet_xml(f'<row r="1">{cells}</row>')))
    assert {n: (c.kind, c.text, c.computed) for n, c in found.items()} == {
        1: ("bool", "TRUE", False),
        2: ("error", "#N/A", False),
        3: ("text", "x", True),
        5: ("date", "2024-01-01", False),
        6: ("formula", "=", False),
    }


def test_letters_and_columns() -> None:
    assert [letter(n) for n in (1, 26, 27, 703, 16_384)] == ["A", "Z", "AA", "AAA", "XFD"]
    assert all(column_of(letter(n)) == n for n in range(1, 16_385))
    for wrong in ("XFE", "", "A1", "ä"):
        with pytest.raises(ValueError, match="no column"):
            column_of(wrong)


@pytest.fixture(params=["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def encoded(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_any_encoding_and_separator(tmp_path: Path, encoded: str, separator: str) -> None:
    path = tmp_path / "x.csv"
    lines = ["姓名,证件号码,备注", '演示甲,900101199001010000,"一,二\n三"', "", "演示乙,,𠮷"]
    text = "\r\n".join(line.replace(",", separator) for line in lines)
    path.write_bytes(text.encode(encoded))
    rows = [(row.number, {n: c.text for n, c in row.cells.items()}) for row in read(path)]
    assert rows == [
        (1, {1: "姓名", 2: "证件号码", 3: "备注"}),
        (2, {1: "演示甲", 2: "900101199001010000", 3: f"一{separator}二\n三"}),
        (4, {1: "演示乙", 3: "𠮷"}),
    ]


def test_csv_that_names_its_separator_and_guards_its_digits(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('sep=|\n="001"|a,b\n', "utf-8")
    (row,) = read(path)
    assert {n: c.text for n, c in row.cells.items()} == {1: "001", 2: "a,b"}


def test_the_old_workbook_is_read_with_plain_digits(tmp_path: Path) -> None:
    path = tmp_path / "x.xls"
    path.write_bytes(
        xls([(2, 0, "姓名"), (4, 1, "演示甲"), (4, 2, 900101199001010000.0), (4, 3, 19.65)])
    )
    with opened(path, "anything") as book:
        assert [sheet.name for sheet in book.sheets] == ["花名册"]
        found = [
            (r.number, {n: (c.kind, c.text) for n, c in r.cells.items()})
            for r in book.rows(book.sheets[0])
        ]
    assert found == [
        (3, {1: ("text", "姓名")}),
        (5, {2: ("text", "演示甲"), 3: ("number", "900101199001010000"), 4: ("number", "19.65")}),
    ]


def test_a_name_says_nothing(tmp_path: Path, tortured: Torture) -> None:
    with opened(tortured.path, "花名册.et") as book:
        assert book.kind == "xlsx"
    path = tmp_path / "x.xlsx"
    path.write_text("a,b\n1,2\n", "utf-8")
    assert open_book(path, "x.xlsx").kind == "csv"


def moments() -> Iterator[datetime]:
    yield from (datetime(2024, 1, 1, 8, 30), datetime(1999, 12, 31, 23, 59, 59))  # noqa: DTZ001 # a cell knows no zone


def test_days_with_a_time_are_read_to_the_second(tmp_path: Path) -> None:
    book = Workbook()
    book.worksheets[0].append(list(moments()))
    book.save(tmp_path / "x.xlsx")
    found = only(tmp_path / "x.xlsx").values()
    assert [cell.text for cell in found] == [day.isoformat() for day in moments()]
