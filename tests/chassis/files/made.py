"""Small files of every kind that is kept, and of some that are not; made, never stored."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator

import openpyxl
from PIL import Image


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def stream(data: bytes, size: int = 10_007) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def xlsx(text: str = "测试") -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.worksheets[0]["A1"] = text
    book.save(out)
    return out.getvalue()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return out.getvalue()


def docx() -> bytes:
    return zipped("[Content_Types].xml", "word/document.xml")


def xls() -> bytes:
    """The first sectors of a compound file, with the directory entry that makes it a workbook."""
    entry = "Workbook".encode("utf-16-le").ljust(128, b"\0")
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + b"\0" * 128 + entry


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (10, 120, 40)).save(out, kind)
    return out.getvalue()
