"""What is no workbook, or means harm, is refused with the next step."""

from __future__ import annotations

import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from libs.chassis.sheets.book import open_book, opened
from libs.chassis.sheets.package import RATIO_FROM
from libs.chassis.sheets.unreadable import UnreadableBook, Why
from libs.chassis.sheets.writing import HEAD, MAIN
from tests.sheets.books import book_of, compound, relations, sheet_xml, xls

ROW = '<row r="1"><c r="A1"><v>1</v></c></row>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


def read_all(path: Path, name: str) -> None:
    with opened(path, name) as book:
        for sheet in book.sheets:
            list(book.rows(sheet))


def refused(path: Path, name: str = "名单.xlsx") -> Why:
    """Opened and read to the end."""
    with pytest.raises(UnreadableBook) as told:
        read_all(path, name)
    assert name not in told.value.detail
    said = told.value.detail
    return next(why for why in Why if why.refused().detail == said)


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "x.xlsx", Why.EMPTY),
        (compound("EncryptedPackage", b""), "x.xlsx", Why.ENCRYPTED),
        (xls([(0, 0, "甲")]), "x.et", Why.ET),
        (compound("WordDocument", b""), "x.xls", Why.NO_BOOK),
        (compound("Workbook", b"nonsense"), "x.xls", Why.DAMAGED),
        (b"\xef\xbb\xbf<html><table>", "x.xls", Why.MARKUP),
        (b'<?xml version="1.0"?><Workbook>', "x.xls", Why.MARKUP),
        (b"%PDF-1.4\x00\x01", "x.csv", Why.NO_BOOK),
        (b"\x89PNG\r\n\x1a\n\x00", "x.csv", Why.NO_BOOK),
        (b"a,b\n\xff\xff\xff\n", "x.csv", Why.ENCODING),
        (b"PK\x03\x04 and no more", "x.xlsx", Why.DAMAGED),
    ],
)
def test_what_is_no_workbook_is_refused_by_its_content(
    tmp_path: Path, content: bytes, name: str, why: Why
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert refused(path, name) == why


def zipped(path: Path, parts: dict[str, str]) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return path


def test_other_zips_are_told_apart(tmp_path: Path) -> None:
    ods = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}
    assert refused(zipped(tmp_path / "a", ods)) == Why.ODS
    assert refused(zipped(tmp_path / "b", {"a.txt": "x"})) == Why.NO_BOOK
    word = {"_rels/.rels": relations([("r", "officeDocument", "word/document.xml")])}
    assert refused(zipped(tmp_path / "c", word)) == Why.NO_BOOK
    binary = {"_rels/.rels": relations([("r", "officeDocument", "xl/workbook.bin")])}
    assert refused(zipped(tmp_path / "d", {**binary, "xl/workbook.bin": ""})) == Why.BINARY


def test_a_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    bomb = book_of(tmp_path / "x.xlsx", sheet_xml(ROW), more={"xl/media/a": "0" * (RATIO_FROM + 1)})
    assert refused(bomb) == Why.TOO_LARGE


def test_a_zip_of_very_many_members_is_refused(tmp_path: Path) -> None:
    many = {f"xl/{n}": "" for n in range(5_000)}
    assert refused(book_of(tmp_path / "x.xlsx", sheet_xml(ROW), more=many)) == Why.TOO_LARGE


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(ROW))
    held = bytearray(path.read_bytes())
    at = held.index(b"PK\x01\x02") + 8
    struct.pack_into("<H", held, at, 1)
    path.write_bytes(held)
    assert refused(path) == Why.ENCRYPTED


@pytest.mark.parametrize(
    "part",
    [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
    ],
)
def test_no_part_may_declare_an_entity(tmp_path: Path, part: str) -> None:
    whole = book_of(tmp_path / "whole.xlsx", sheet_xml(ROW))
    with ZipFile(whole) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    parts[part] = parts[part].replace("?>", f"?>{BOMB}", 1)
    assert refused(zipped(tmp_path / "x.xlsx", parts)) == Why.DAMAGED


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1"><v>1</v></row>',
        '<row r="1"><c r="A1"><v>x</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>7</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>-1</v></c></row>',
        '<row r="1"><c r="AAAA1"><v>1</v></c></row>',
        '<row r="1048577"><c><v>1</v></c></row>',
        '<row r="2"/><row r="1"/>',
    ],
)
def test_what_no_program_writes_is_damage(tmp_path: Path, rows: str) -> None:
    assert refused(book_of(tmp_path / "x.xlsx", sheet_xml(rows))) == Why.DAMAGED


def test_a_workbook_cut_short_is_damaged(tmp_path: Path) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(ROW))
    path.write_bytes(path.read_bytes()[:-100])
    assert refused(path) == Why.DAMAGED


def test_a_sheet_cut_short_within_its_zip_is_damaged(tmp_path: Path) -> None:
    cut = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{ROW}'
    assert refused(book_of(tmp_path / "x.xlsx", cut)) == Why.DAMAGED


def test_a_content_that_was_changed_is_damaged(tmp_path: Path) -> None:
    path = book_of(tmp_path / "x.xlsx", sheet_xml(ROW * 1))
    held = bytearray(path.read_bytes())
    at = held.index(b"xl/worksheets/sheet1.xml") + 40
    held[at] ^= 0xFF
    path.write_bytes(held)
    assert refused(path) == Why.DAMAGED


def test_the_sentence_says_what_to_do() -> None:
    assert Why.ET.refused().detail == (
        "文件不能读取：这是 WPS 专用的 .et 格式，请在 WPS 中另存为 .xlsx 后再上传。"
    )
    with pytest.raises(FileNotFoundError):
        open_book(Path("/nowhere"), "x")
