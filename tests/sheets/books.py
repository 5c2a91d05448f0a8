"""Small workbooks of given XML, for what no library writes; and an old .xls by its records."""

from __future__ import annotations

import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from libs.chassis.sheets.writing import HEAD, MAIN, PACKAGE, RELATIONS, TYPES

STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="180"'
    ' formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;;@"/><numFmt numFmtId="181"'
    ' formatCode="0.00&quot;md&quot;"/></numFmts><fonts count="1"><font><sz val="11"/></font>'
    "</fonts>"
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill'
    ' patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/><xf numFmtId="14" fontId="0" fillId="0"'
    ' borderId="0"/><xf numFmtId="180" fontId="0" fillId="0" borderId="0"/><xf numFmtId="181"'
    ' fontId="0" fillId="0" borderId="0"/></cellXfs><cellStyles count="1"><cellStyle name="常规"'
    ' xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def sheet_xml(rows: str, tail: str = "", head: str = "") -> str:
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}" xmlns:r="{RELATIONS}">{head}<sheetData>{rows}</sheetData>'
        f"{tail}</worksheet>"
    )


def book_of(
    path: Path, *sheets: str, more: dict[str, str] | None = None, properties: str = ""
) -> Path:
    """A workbook of the sheets' XML; `more` replaces or adds parts."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(f'<sheet name="表{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    related = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    related += [("rIdA", "styles", "styles.xml"), ("rIdB", "sharedStrings", "sharedStrings.xml")]
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default'
        ' Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{_overrides(len(sheets))}'
        "</Types>",
        "_rels/.rels": relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><workbookPr'
        f" {properties}/><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(related),
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}"/>',
        **{f"xl/worksheets/sheet{n}.xml": s for n, s in zip(numbers, sheets, strict=True)},
        **(more or {}),
    }
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return path


def relations(related: list[tuple[str, str, str]]) -> str:
    said = "".join(
        f'<Relationship Id="{id_}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for id_, kind, target in related
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{said}</Relationships>'


def _overrides(sheets: int) -> str:
    parts = [(f"worksheets/sheet{n}", "worksheet") for n in range(1, sheets + 1)]
    parts += [("workbook", "sheet.main"), ("styles", "styles"), ("sharedStrings", "sharedStrings")]
    return "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{TYPES}.{kind}+xml"/>'
        for part, kind in parts
    )


def compound(stream: str, content: bytes) -> bytes:
    """A compound file of one stream, of at least 4,096 bytes so that it lies in whole sectors.

    Source: MS-CFB 2.1-2.6.
    """
    content = content.ljust(max(4_096, -(-len(content) // 512) * 512), b"\0")
    sectors = len(content) // 512
    fat = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, sectors + 2), 0xFFFFFFFE]
    fat += [0xFFFFFFFF] * (128 - len(fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4_096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    entries = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry(stream, 2, -1, 2, len(content))
    return header + struct.pack("<128I", *fat) + entries.ljust(512, b"\0") + content


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    spelled = name.encode("utf-16-le") + b"\0\0"
    head = spelled.ljust(64, b"\0") + struct.pack("<HBBiii", len(spelled), kind, 1, -1, -1, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def xls(cells: list[tuple[int, int, str | float]], *merged: tuple[int, int, int, int]) -> bytes:
    """An Excel 97 workbook of one sheet, by (row, column, value) from 0; `merged`: first and last
    row, first and last column. Source: MS-XLS 2.4."""
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 0x5, 0, 0, 0, 6))
    end = _record(0x0A, b"")
    format_ = _record(0xE0, struct.pack("<HHH14x", 0, 0, 0))
    name = "花名册".encode("utf-16-le")

    def listed(at: int) -> bytes:
        return _record(0x85, struct.pack("<IBBBB", at, 0, 0, len(name) // 2, 1) + name)

    code_page = _record(0x42, struct.pack("<H", 1_200))
    at = len(begin + code_page + format_ + listed(0) + end)
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6))
    sheet += b"".join(_cell(*cell) for cell in cells)
    if merged:
        ranges = b"".join(struct.pack("<HHHH", *one) for one in merged)
        sheet += _record(0xE5, struct.pack("<H", len(merged)) + ranges)
    sheet += end
    return compound("Workbook", begin + code_page + format_ + listed(at) + end + sheet)


def _cell(row: int, column: int, value: str | float) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        return _record(0x204, place + struct.pack("<HB", len(value), 1) + text)
    return _record(0x203, place + struct.pack("<d", value))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body
