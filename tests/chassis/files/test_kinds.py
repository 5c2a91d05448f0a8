"""A file is what it holds, whatever it is called."""

from __future__ import annotations

import io

import pytest

from libs.chassis.files import kinds
from libs.chassis.files.kinds import CSV, DOCX, JPEG, PDF, PNG, TXT, XLS, XLSX, kind_of
from tests.chassis.files.made import docx, picture, xls, xlsx, zipped

PARTS = ("[Content_Types].xml", "xl/workbook.xml")
KNOWN = [
    (XLSX, xlsx()),
    (DOCX, docx()),
    (XLS, xls()),
    (PNG, picture("PNG")),
    (JPEG, picture("JPEG")),
    (PDF, b"%PDF-1.7\n..."),
    (CSV, "文号,金额\n测〔2024〕1号,1\n".encode("gbk")),
    (CSV, "\ufeff文号\t金额\n".encode()),
    (TXT, "说明文字\r\n第二行，有逗号,\n".encode()),
]
REFUSED = [
    b"",
    b"MZ\x90\0 a program",
    picture("GIF"),
    zipped("[Content_Types].xml", "anything.xml"),
    zipped("xl/workbook.xml"),
    zipped(*PARTS, "word/document.xml"),
    zipped(*PARTS, "xl/vbaProject.bin"),
    zipped(*PARTS, *(f"{n}" for n in range(11_000))),
    zipped(*PARTS)[:-30],
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000,
    b"text with \0 in it",
    b"\xff\xfe\x80\x81 no text in either",
]


@pytest.mark.parametrize(("kind", "data"), KNOWN)
def test_a_file_is_known_by_what_it_holds(kind: str, data: bytes) -> None:
    assert kind_of(io.BytesIO(data)) == kind


@pytest.mark.parametrize("data", REFUSED)
def test_what_is_no_kind_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(kinds.KindNotAllowedError):
        kind_of(io.BytesIO(data))


def test_every_kind_has_a_limit() -> None:
    assert {kind for kind, _ in KNOWN} == kinds.LIMITS.keys()
