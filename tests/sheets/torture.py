"""The torture workbook of product.md 6: a household roster with one of each thing that people do.

Nobody in it lives: the area 900101 does not exist. Where openpyxl cannot write what Excel or WPS
does (a computed formula, a number with an exponent, 60,000 formatted empty rows), the sheet's XML
is patched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.worksheet.worksheet import Worksheet

ROSTER, NOTES = "花名册", "填表说明"
HEADS = (
    *("序号", "姓名", "证件号码", "与户主关系", "村编码", "户编号"),
    *("电话", "开户银行", "银行账号", "人均纯收入", "登记日期", "备注"),
)
HEADER_ROWS = (2, 3, 4)
HIDDEN_COLUMN = HEADS.index("开户银行") + 1
EMPTY_ROWS = 60_000
MERGED = (
    *("A1:L1", "A2:A4", "B2:F2", "B3:B4", "C3:C4", "D3:F3"),
    *("G2:G4", "H2:I3", "J2:J4", "K2:K4", "L2:L4"),
)
_SHEET = "xl/worksheets/sheet1.xml"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class Torture(NamedTuple):
    """`rows` names the row of each case; `last` is the last row that holds anything."""

    path: Path
    rows: dict[str, int]
    last: int


def id_number(born_on: str, sequence: int) -> str:
    """With its check digit (GB 11643), of an area that does not exist."""
    body = f"900101{born_on}{sequence:03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def ends_in_000() -> str:
    """A number whose check digit is right, though Excel has lost its last three digits."""
    days = (f"1990{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29))
    return next(number for day in days if (number := id_number(day, 100)).endswith("000"))


def household(n: int, villages: Sequence[str]) -> list[Any]:
    """A row without fault: the head of a household of its own."""
    return [
        n,
        f"演示户主{n}",
        id_number(f"1980{n % 12 + 1:02}{n % 28 + 1:02}", n),
        "户主",
        villages[n % len(villages)],
        f"H{n:04}",
        f"000{n:08}",
        "演示农信社",
        f"6200000000000000{n:03}",
        8_000 + n,
        date(2024, 3, n % 28 + 1),
        "",
    ]


def cases(villages: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Each case with its row; what is not its fault is right."""

    def but(n: int, **changed: Any) -> list[Any]:
        row = household(n, villages)
        for head, value in changed.items():
            row[HEADS.index(head)] = value
        return row

    twice = id_number("19850505", 777)
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in id_number("19860606", 12)[:-1])
    total = sum(range(8_001, 8_004))
    return [
        ("good", household(1, villages)),
        ("second_good", household(2, villages)),
        ("filtered", household(3, villages)),
        ("subtotal", ["小计", *[""] * 8, total, "", ""]),
        ("id_as_number", but(4, 证件号码=111_111_111)),
        ("id_as_number_exponent", but(5, 证件号码=987_654_321)),
        ("wan_in_yuan", but(6, 人均纯收入=20_000_000)),
        ("repeated_header", list(HEADS)),
        ("date_as_number", but(7, 登记日期=45_292)),
        ("date_with_points", but(8, 登记日期="2021.3.5")),
        ("date_with_slashes", but(9, 登记日期="21/3/5")),
        ("date_in_the_future", but(10, 登记日期=date(2099, 1, 1))),
        ("date_before_the_document", but(11, 登记日期=date(1999, 1, 1))),
        ("full_width_digits", but(12, 证件号码=wide + id_number("19860606", 12)[-1])),
        ("trailing_blank", but(13, 姓名="演示户主13 ", 证件号码=id_number("19870707", 13) + " ")),
        ("same_id_first", but(14, 证件号码=twice)),
        ("same_id_second", but(15, 证件号码=twice)),
        ("formula_without_value", but(16, 人均纯收入="=4000+4016")),
        ("formula_with_value", but(17, 人均纯收入="=4000+4017")),
        ("unknown_village", but(18, 村编码="900101999999")),
        ("village_as_number", but(19, 村编码=900_101_001_001)),
        ("formula_like_text", but(20, 备注="@演示")),
        ("total", ["合计", *[""] * 8, 123_456, "", ""]),
        ("signature", ["制表人：演示甲", "", "", "审核人：演示乙", *[""] * 8]),
    ]


def torture(
    path: Path,
    villages: Sequence[str] = ("900101001001", "900101001002"),
    empty_rows: int = EMPTY_ROWS,
) -> Torture:
    """Write the workbook; its marks go beside the last line of the head, row 4."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = ROSTER
    _head(sheet)
    rows = {}
    for number, (name, row) in enumerate(cases(villages), HEADER_ROWS[-1] + 1):
        rows[name] = number
        _row(sheet, number, row)
    last = number
    sheet.column_dimensions["H"].hidden = True
    sheet.auto_filter.ref = f"A{HEADER_ROWS[-1]}:L{last}"
    sheet.row_dimensions[rows["filtered"]].hidden = True
    sheet.cell(rows["good"], 2).fill = PatternFill("solid", fgColor="FFFFFF00")
    sheet.cell(rows["good"], 2).comment = Comment("用户自己的批注", "演示")
    notes = book.create_sheet(NOTES)
    notes.append(["填表说明"])
    notes.append(["=请勿修改本表=", "2024年"])
    notes.cell(2, 1).data_type = "s"
    book.save(path)
    _patch(path, rows, last, empty_rows)
    return Torture(path, rows, last)


def _head(sheet: Worksheet) -> None:
    sheet["A1"] = "演示县脱贫户花名册"
    first = {
        "A": "序号",
        "B": "人员信息",
        "G": "电话",
        "H": "一卡通",
        "J": HEADS[9],
        "K": HEADS[10],
    }
    second = {"B": "姓名", "C": "证件号码", "D": "户内信息"}
    third = {"D": "与户主关系", "E": "村编码", "F": "户编号", "H": "开户银行", "I": "银行账号"}
    for line, heads in zip(HEADER_ROWS, ({**first, "L": "备注"}, second, third), strict=True):
        for column, text in heads.items():
            sheet[f"{column}{line}"] = text
    for merged in MERGED:
        sheet.merge_cells(merged)


def _row(sheet: Worksheet, number: int, values: list[Any]) -> None:
    for column, value in enumerate(values, 1):
        if value != "":
            cell = sheet.cell(number, column, value)
            if isinstance(value, str) and value.startswith("@"):
                cell.data_type = "s"


def _patch(path: Path, rows: dict[str, int], last: int, empty_rows: int) -> None:
    """What Excel writes and openpyxl does not."""
    with ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    text = parts[_SHEET].decode()
    computed = f'<c r="J{rows["formula_with_value"]}"'
    text = re.sub(rf"({computed}[^>]*><f>[^<]*</f>)<v ?/?>(</v>)?", r"\1<v>8017</v>", text)
    text = text.replace("<v>111111111</v>", f"<v>{ends_in_000()}</v>")
    text = text.replace("<v>987654321</v>", "<v>9.00101199001019E+17</v>")
    cells = "".join(f'<c r="{letter}{{0}}" s="1"/>' for letter in "ABCDEFGHIJKL")
    empty = f'<row r="{{0}}" s="1" customFormat="1">{cells}</row>'
    below = "".join(empty.format(n) for n in range(last + 1, last + empty_rows + 1))
    parts[_SHEET] = text.replace("</sheetData>", f"{below}</sheetData>").encode()
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        for name, part in parts.items():
            book.writestr(name, part)
