"""The error workbook is the user's own, with marks in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from openpyxl import Workbook, load_workbook
from openpyxl.styles import PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.formats import RED
from libs.chassis.sheets.marked_sheet import HEADS, Mark
from libs.chassis.sheets.marking import mark
from libs.chassis.sheets.notes import MOST
from libs.chassis.sheets.spelling import Value
from tests.sheets.books import book_of, sheet_xml, xls
from tests.sheets.strict import assert_strict
from tests.sheets.torture import HEADER_ROWS, NOTES, ROSTER, Torture, torture

SUMMARY: list[Sequence[Value]] = [
    ["规则", "行数", "金额"],
    ["读取 24 = 接受 20 + 拒绝 4", 24, None],
]
MESSAGE = "C9 证件号码为数字格式，后三位已丢失，请从原表以文本粘贴"
FIRST = len("ABCDEFGHIJKL") + 1


def marked(
    path: Path, marks: Sequence[Mark], to: Path, header_row: int = 1, sheet: int = 0
) -> Path:
    with opened(path, path.name) as book:
        chosen = [found for found in book.sheets if not found.ours][sheet]
        mark(book, chosen, header_row=header_row, marks=marks, summary=SUMMARY, target=to)
    assert_strict(to)
    return to


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Torture:
    return torture(tmp_path_factory.mktemp("marks") / "花名册.xlsx", empty_rows=50)


def marks_of(source: Torture) -> list[Mark]:
    rows = source.rows
    said = {
        rows["good"]: Mark(rows["good"], "提醒", "R5", "与批注同格", "", {2: "姓名待核", 11: ""}),
        rows["id_as_number"]: Mark(
            rows["id_as_number"], "拒绝", "R1", MESSAGE, "=重新粘贴", {3: MESSAGE}
        ),
        rows["signature"]: Mark(rows["signature"], "忽略", faults={}),
        rows["wan_in_yuan"]: Mark(
            rows["wan_in_yuan"], "拒绝", "R2", "<&>", "", {10: "万元", 12: "缺"}
        ),
    }
    return [said.get(n, Mark(n, "接受")) for n in range(HEADER_ROWS[-1] + 1, source.last + 1)]


@pytest.fixture(scope="module")
def result(source: Torture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("marked") / "marked.xlsx"
    return marked(source.path, marks_of(source), to, HEADER_ROWS[-1])


def values(sheet: Worksheet, columns: int) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(max_col=columns, values_only=True))


def test_the_summary_comes_first_and_the_users_sheet_stays_in_front(result: Path) -> None:
    book = load_workbook(result)
    assert book.sheetnames == ["汇总", ROSTER, NOTES]
    assert book.active is not None
    assert book.active.title == ROSTER
    assert values(book["汇总"], 3) == [tuple(row) for row in SUMMARY]


def test_every_cell_of_the_user_is_as_it_was(source: Torture, result: Path) -> None:
    before, after = load_workbook(source.path), load_workbook(result)
    for name in (ROSTER, NOTES):
        assert values(after[name], 12) == values(before[name], 12)
        assert after[name].merged_cells.ranges == before[name].merged_cells.ranges
        assert after[name].auto_filter.ref == before[name].auto_filter.ref
    assert after[ROSTER].column_dimensions["H"].hidden
    assert after[ROSTER].row_dimensions[source.rows["filtered"]].hidden


def test_what_is_not_marked_is_the_same_bytes(source: Torture, result: Path) -> None:
    rewritten = ("xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml")
    with ZipFile(source.path) as before, ZipFile(result) as after:
        for name in before.namelist():
            if (
                name not in rewritten
                and "workbook" not in name
                and not re.search("comment|vml|rels/s", name.lower())
            ):
                assert after.read(name) == before.read(name), name
        rows = re.findall(rb"<row r=\"(\d+)\".*?</row>", before.read(rewritten[0]), re.DOTALL)
        kept = after.read(rewritten[0])
        for found in re.finditer(
            rb"<row r=\"(\d+)\".*?</row>", before.read(rewritten[0]), re.DOTALL
        ):
            if int(found[1]) < HEADER_ROWS[-1] or int(found[1]) > source.last:
                assert found[0] in kept
        assert len(rows) == len(re.findall(rb"<row ", kept))


def test_four_columns_are_headed_and_filled(source: Torture, result: Path) -> None:
    sheet = load_workbook(result)[ROSTER]
    found = [
        [cell.value for cell in row] for row in sheet.iter_rows(min_col=FIRST, max_col=FIRST + 3)
    ]
    assert found[HEADER_ROWS[-1] - 1] == list(HEADS)
    assert sheet.cell(HEADER_ROWS[-1], FIRST).font.b
    for said in marks_of(source):
        texts = [said.result, said.rule or None, said.message or None, said.hint or None]
        assert found[said.row - 1] == texts
    assert all(cell is None for row in found[source.last :] for cell in row)
    hint = sheet.cell(source.rows["id_as_number"], FIRST + 3)
    assert (hint.value, hint.data_type) == ("=重新粘贴", "s")


def test_faulty_cells_are_red_and_no_other(source: Torture, result: Path) -> None:
    before, after = load_workbook(source.path)[ROSTER], load_workbook(result)[ROSTER]
    faulty = {(said.row, column) for said in marks_of(source) for column in said.faults}
    for row in after.iter_rows(max_col=12):
        for cell in row:
            old = before[cell.coordinate]
            if (cell.row, cell.column) in faulty:
                assert cell.fill.fgColor.rgb == RED
            else:
                assert cell.fill.fgColor.rgb == old.fill.fgColor.rgb
            assert cell.number_format == old.number_format


def test_notes_say_what_is_wrong_and_the_users_own_stays(source: Torture, result: Path) -> None:
    sheet = load_workbook(result)[ROSTER]
    noted = {
        cell.coordinate: cell.comment.text
        for row in sheet.iter_rows()
        for cell in row
        if cell.comment
    }
    rows = source.rows
    assert noted == {
        f"B{rows['good']}": "用户自己的批注\n姓名待核",
        f"C{rows['id_as_number']}": MESSAGE,
        f"J{rows['wan_in_yuan']}": "万元",
        f"L{rows['wan_in_yuan']}": "缺",
    }


def test_each_note_has_one_shape_with_an_id_of_its_own(result: Path) -> None:
    with ZipFile(result) as book:
        (vml,) = [book.read(name) for name in book.namelist() if name.endswith(".vml")]
    shapes = [shape.get("id") for shape in etree.fromstring(vml).iter("{*}shape")]
    assert len(shapes) == len(set(shapes)) == 4


def test_the_other_sheet_may_be_the_marked_one(source: Torture, tmp_path: Path) -> None:
    to = marked(source.path, [Mark(2, "拒绝", faults={1: "x"})], tmp_path / "y.xlsx", 1, sheet=1)
    book = load_workbook(to)
    assert [cell.value for cell in book[NOTES][1]][2:] == list(HEADS)
    assert book[NOTES]["A2"].comment.text == "x"
    assert book[ROSTER]["B5"].comment.text == "用户自己的批注"


def test_a_csv_comes_back_as_a_workbook_with_its_rows_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(
        '姓名,证件号码\r\n\r\n演示甲,900101199001010000\r\n=1+1,"-2"\r\n'.encode("gb18030")
    )
    marks = [Mark(3, "拒绝", "R1", "号码有误", "改", {2: "有误"}), Mark(4, "接受")]
    sheet = load_workbook(marked(path, marks, tmp_path / "y.xlsx"))["CSV"]
    assert values(sheet, 7) == [
        ("姓名", "证件号码", *HEADS, None),
        (None,) * 7,
        ("演示甲", "900101199001010000", "拒绝", "R1", "号码有误", "改", None),
        ("=1+1", "-2", "接受", None, None, None, None),
    ]
    assert {cell.data_type for row in sheet["A1:B4"] for cell in row} == {"s", "n"}
    assert sheet["B3"].fill.fgColor.rgb == RED
    assert sheet["B3"].comment.text == "有误"


def test_an_old_workbook_comes_back_as_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "x.xls"
    path.write_bytes(xls([(0, 0, "姓名"), (0, 1, "金额"), (1, 0, "演示甲"), (1, 1, 19.65)]))
    to = marked(path, [Mark(2, "拒绝", faults={2: "多"})], tmp_path / "y.xlsx")
    book = load_workbook(to)
    assert values(book["花名册"], 3) == [("姓名", "金额", "结果"), ("演示甲", 19.65, "拒绝")]
    told = [str(row[0].value) for row in book["汇总"].iter_rows()]
    assert told[:-1] == [row[0] for row in SUMMARY]
    assert told[-1].startswith("文件原为 .xls：本结果另存为 .xlsx，")
    assert "颜色、列宽" in told[-1]


def test_merged_cells_of_an_old_workbook_are_merged_in_the_new_one(tmp_path: Path) -> None:
    """Also below the heads; of two that overlap, which no workbook may have, the first."""
    path = tmp_path / "x.xls"
    cells: list[tuple[int, int, str | float]] = [(0, 0, "花名册"), (1, 0, "姓名"), (1, 1, "金额")]
    cells += [(row, 1, float(row)) for row in range(2, 60)]
    merges = ((0, 0, 0, 1), (40, 41, 0, 0), (41, 42, 0, 0), (50, 50, 1, 1))
    path.write_bytes(xls(cells, *merges))
    marks = [Mark(row, "接受") for row in range(3, 61)]
    sheet = load_workbook(marked(path, marks, tmp_path / "y.xlsx", 2))["花名册"]
    assert {str(one) for one in sheet.merged_cells.ranges} == {"A1:B1", "A41:A42"}
    assert [cell.value for cell in sheet[2]] == ["姓名", "金额", *HEADS]


SECOND = '<row r="2"><c r="A2"><v>1</v></c></row>'
ODD = [
    f'<row r="1"><c r="A1" t="str"><v><![CDATA[</row>]]></v></c></row>{SECOND}',
    f'<row r="1"><c t="str"><v>&lt;/row></v></c></row>{SECOND}',
    f'<row r="1"><c r="A1" t="str"><v>&lt;/row></v></c></row><!-- <row> -->{SECOND}',
]


@pytest.mark.parametrize("odd", ODD)
def test_a_sheet_that_no_program_writes_so_is_marked_by_its_content(
    tmp_path: Path, odd: str
) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(odd), sheet_xml(""))
    book = load_workbook(marked(path, [Mark(2, "拒绝", faults={1: "x"})], tmp_path / "y.xlsx"))
    assert book.sheetnames == ["汇总", "表1", "表2"]
    assert values(book["表1"], 2) == [("</row>", "结果"), (1, "拒绝")]
    *_, last = [str(row[0].value) for row in book["汇总"].iter_rows()]
    assert last.startswith("文件的写法不合常规，")


TAIL = (
    '<autoFilter ref="A1:B2"/><conditionalFormatting sqref="A1"><cfRule type="expression"'
    ' priority="1"><formula>A1&gt;1</formula><extLst><ext uri="x"/></extLst></cfRule>'
    '</conditionalFormatting><pageMargins left="0.7" right="0.7" top="0.75" bottom="0.75"'
    ' header="0.3" footer="0.3"/><extLst><ext uri="{y}"/></extLst>'
)
HEADED = (
    '<sheetPr/><dimension ref="A1:B2"/><sheetFormatPr defaultRowHeight="15"/><cols><col min="1"'
    ' max="1" width="9"/><col min="3" max="16384" width="9" hidden="1"/></cols>'
)
TWO = (
    '<row r="1" spans="1:2"><c r="A1" t="str"><v>甲</v></c><c r="B1" s="1"><v>1</v></c></row>'
    '<row r="2" spans="1:2"><c r="A2"><v>2</v></c><c r="C2" s="1"/><c r="H2" s="2"/></row>'
    '<row r="3" spans="1:2"/>'
)


@pytest.mark.filterwarnings("ignore:Unknown extension")
def test_columns_hidden_to_the_edge_do_not_hide_the_marks(tmp_path: Path) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(TWO, TAIL, HEADED))
    marks = [Mark(2, "拒绝", "R", "m", "h", {2: "缺", 1: "x"}), Mark(3, "忽略")]
    to = marked(path, marks, tmp_path / "y.xlsx")
    sheet = load_workbook(to)["表1"]
    assert values(sheet, 6) == [
        ("甲", sheet["B1"].value, *HEADS),
        (2, None, "拒绝", "R", "m", "h"),
        (None, None, "忽略", None, None, None),
    ]
    hidden = {n: d.hidden for n, d in sheet.column_dimensions.items()}
    assert hidden["C"] is hidden["F"] is False
    assert hidden["G"] is True
    with ZipFile(to) as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
    assert '<dimension ref="A1:F2"/>' in text
    assert text.index("<legacyDrawing") < text.index('<extLst><ext uri="{y}"')
    assert text.index("<legacyDrawing") > text.index("<pageMargins")


def test_names_of_a_sheet_stay_with_their_sheet(tmp_path: Path) -> None:
    whole = book_of(tmp_path / "whole.xlsx", sheet_xml(TWO), sheet_xml(TWO))
    names = (
        '<definedNames><definedName name="a" localSheetId="1">表2!$A$1</definedName></definedNames>'
    )
    with ZipFile(whole) as book:
        text = (
            book.read("xl/workbook.xml").decode().replace("</sheets>", f"</sheets>{names}<calcPr/>")
        )
    path = book_of(
        tmp_path / "x.xlsx", sheet_xml(TWO), sheet_xml(TWO), more={"xl/workbook.xml": text}
    )
    book_ = load_workbook(marked(path, [Mark(2, "接受")], tmp_path / "y.xlsx"))
    assert list(book_["表2"].defined_names) == ["a"]
    assert book_.active is not None
    assert book_.active.title == "表1"


def test_a_sheet_without_rows_is_left_so(tmp_path: Path) -> None:
    path = book_of(
        tmp_path / "x.xlsx", sheet_xml("").replace("<sheetData></sheetData>", "<sheetData/>")
    )
    assert load_workbook(marked(path, [], tmp_path / "y.xlsx")).sheetnames == ["汇总", "表1"]


@pytest.mark.parametrize("marks", [[Mark(9, "接受")], [Mark(3, "接受"), Mark(2, "接受")]])
def test_a_mark_without_its_row_is_loud(tmp_path: Path, marks: list[Mark]) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(TWO))
    with pytest.raises(ValueError, match="is marked, but"):
        marked(path, marks, tmp_path / "y.xlsx")


def test_notes_are_bounded_and_red_is_not(tmp_path: Path) -> None:
    book = Workbook()
    for n in range(MOST + 101):
        book.worksheets[0].append([f"甲{n}"])
    book.save(tmp_path / "x.xlsx")
    marks = [Mark(n, "拒绝", faults={1: f"有误{n}"}) for n in range(2, MOST + 102)]
    sheet = load_workbook(marked(tmp_path / "x.xlsx", marks, tmp_path / "y.xlsx"))["Sheet"]
    cells = [sheet.cell(n, 1) for n in range(2, MOST + 102)]
    assert sum(cell.comment is not None for cell in cells) == MOST
    assert all(cell.fill.fgColor.rgb == RED for cell in cells)


texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
sheets = st.lists(
    st.lists(st.none() | st.integers() | texts.filter(bool), max_size=5), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None)
@given(table=sheets, data=st.data())
def test_marks_in_any_sheet_change_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    book = Workbook()
    sheet = book.worksheets[0]
    for number, row in enumerate(table, 1):
        for column, value in enumerate(row, 1):
            if value is not None and not (
                isinstance(value, str) and re.search("[\x00-\x08\x0b-\x1f]|^=", value)
            ):
                sheet.cell(number, column, value)
    sheet.cell(1, 1, "头")
    book.save(folder / "x.xlsx")
    before = load_workbook(folder / "x.xlsx").worksheets[0]
    rows = [n for n in range(2, len(table) + 1) if any(c.value is not None for c in before[n])]
    faults = st.dictionaries(st.integers(1, before.max_column), texts, max_size=3)
    marks = [
        Mark(n, "拒绝", *data.draw(st.tuples(texts, texts, texts)), data.draw(faults)) for n in rows
    ]
    after = load_workbook(marked(folder / "x.xlsx", marks, folder / "y.xlsx"))["Sheet"]
    width = max(
        (c.column for row in before.iter_rows() for c in row if c.value is not None), default=0
    )
    kept = values(after, width)
    assert kept == values(before, width)[: len(kept)]
    assert [after.cell(1, width + n).value for n in range(1, 5)] == list(HEADS)
    for said in marks:
        assert after.cell(said.row, width + 1).value == "拒绝"
        assert all(after.cell(said.row, n).fill.fgColor.rgb == RED for n in said.faults)


def test_what_is_copied_is_copied_whole(tmp_path: Path) -> None:
    more = {"xl/media/image1.png": "not really", "customXml/item1.xml": "<a/>"}
    path = book_of(tmp_path / "x.xlsx", sheet_xml(TWO), more=more)
    with ZipFile(path, "a", ZIP_DEFLATED) as book:
        types = book.read("[Content_Types].xml")
    assert types
    with opened(path, "x") as held:
        mark(held, held.sheets[0], header_row=1, marks=[], summary=SUMMARY, target=tmp_path / "y")
    with ZipFile(tmp_path / "y") as book:
        assert {name: book.read(name).decode() for name in more} == more


def test_a_workbook_that_comes_back_is_marked_anew(
    source: Torture, result: Path, tmp_path: Path
) -> None:
    rows = source.rows
    with opened(result, "again.xlsx") as book:
        assert [(sheet.name, sheet.ours) for sheet in book.sheets] == [
            ("汇总", True),
            (ROSTER, False),
            (NOTES, False),
        ]
    wrong = rows["unknown_village"]
    marks = [Mark(n, "接受") for n in range(HEADER_ROWS[-1] + 1, source.last + 1)]
    marks[wrong - HEADER_ROWS[-1] - 1] = Mark(wrong, "拒绝", "R9", "村", "改", {5: "村"})
    again = load_workbook(marked(result, marks, tmp_path / "y.xlsx", HEADER_ROWS[-1]))
    assert again.sheetnames == ["汇总", ROSTER, NOTES]
    sheet = again[ROSTER]
    assert sheet.max_column == FIRST + 3
    assert [c.value for c in sheet[rows["id_as_number"]]][12:] == ["接受", None, None, None]
    red = [c.coordinate for row in sheet.iter_rows() for c in row if c.fill.fgColor.rgb == RED]
    assert red == [f"E{wrong}"]
    noted = {c.coordinate: c.comment.text for row in sheet.iter_rows() for c in row if c.comment}
    assert noted == {f"E{wrong}": "村", f"B{rows['good']}": "用户自己的批注\n姓名待核"}


def test_red_that_the_user_gave_a_cell_stays(tmp_path: Path) -> None:
    """Our red is taken off only where our summary says that we were there."""
    book = Workbook()
    page = book.worksheets[0]
    for row in (("甲", "乙"), (1, 2), (3, 4)):
        page.append(row)
    page["A3"].fill = PatternFill("solid", fgColor=RED)
    book.save(tmp_path / "a.xlsx")
    marks = [Mark(2, "拒绝", faults={1: "缺"}), Mark(3, "接受")]
    after = load_workbook(marked(tmp_path / "a.xlsx", marks, tmp_path / "b.xlsx")).worksheets[1]
    assert [after[at].fill.fgColor.rgb == RED for at in ("A2", "B2", "A3")] == [True, False, True]
