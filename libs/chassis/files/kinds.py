"""What a file is, by its content and never by its name, and how large each kind may be."""

from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from libs.events.errors import EventsError

MIB = 1 << 20
_OFFICE = "application/vnd.openxmlformats-officedocument"
XLSX, DOCX = f"{_OFFICE}.spreadsheetml.sheet", f"{_OFFICE}.wordprocessingml.document"
XLS, PDF, JPEG, PNG = "application/vnd.ms-excel", "application/pdf", "image/jpeg", "image/png"
CSV, TXT = "text/csv", "text/plain"

LIMITS: Mapping[str, int] = {
    XLSX: 100 * MIB,
    XLS: 50 * MIB,
    CSV: 100 * MIB,
    PDF: 50 * MIB,
    JPEG: 20 * MIB,
    PNG: 20 * MIB,
    DOCX: 20 * MIB,
    TXT: 5 * MIB,
}
"""Bytes, by media type; no other is kept. Bounds of the machine, no rule of the field."""
LARGEST: Final = max(LIMITS.values())
_NAMES = 10_000
_DIRECTORY = 4 * MIB
"""Of a zip: what must be held in memory to know it."""
_END, _END_BYTES = b"PK\x05\x06", 22
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BOOKS = tuple(f"{name}\0".encode("utf-16-le") for name in ("Workbook", "Book"))
_ENTRY = 128
"""A name in the directory of a compound file begins a record of so many bytes ([MS-CFB] 2.6.1)."""


class KindNotAllowedError(EventsError):
    status = 415
    title = "不接受这种文件：按内容识别，只收 xlsx、xls、csv、pdf、jpeg、png、docx、txt"


class FileTooLargeError(EventsError):
    status = 413
    title = "文件过大"


def too_large(size: int, limit: int) -> FileTooLargeError:
    told = f"文件过大：{size} 字节，至多 {limit} 字节"
    return FileTooLargeError(told, size=size, limit=limit)


def kind_of(file: BinaryIO) -> str:
    """The media type of a file that can seek. Raises: KindNotAllowedError."""
    file.seek(0)
    head = file.read(1024)
    found = _by_signature(file, head)
    if found is None and head:
        found = _text(file)
    if found is None:
        raise KindNotAllowedError()
    return found


def _by_signature(file: BinaryIO, head: bytes) -> str | None:
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    if head.startswith(_OLE2):
        return XLS if _is_workbook(file) else None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    return PDF if head.startswith(b"%PDF-") else None


def _office(file: BinaryIO) -> str | None:
    """By the part that makes it a workbook or a text; one that carries a program is none."""
    if not _is_small(file):
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return None
    if any(name.endswith("vbaProject.bin") for name in names):
        return None
    parts = {"xl/workbook.xml": XLSX, "word/document.xml": DOCX}
    found = [kind for name, kind in parts.items() if name in names]
    return found[0] if len(found) == 1 and "[Content_Types].xml" in names else None


def _is_small(file: BinaryIO) -> bool:
    """Whether its directory may be read at all: told by the record at the end (APPNOTE 4.3.16)."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_535 - _END_BYTES))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        return False
    entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    return entries <= _NAMES and int.from_bytes(tail[at + 12 : at + 16], "little") <= _DIRECTORY


def _is_workbook(file: BinaryIO) -> bool:
    return any(
        chunk.startswith(_BOOKS, at)
        for chunk in _chunks(file)
        for at in range(0, len(chunk), _ENTRY)
    )


def _text(file: BinaryIO) -> str | None:
    """Text in UTF-8 or GB 18030 throughout; a table if its first line is parted."""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "gb18030")}
    first = b""
    for chunk in _chunks(file):
        if chunk.translate(None, delete=_CONTROLS) != chunk:
            return None
        first = first or chunk.split(b"\n", 1)[0]
        for name in list(decoders):
            if not _decodes(decoders[name], chunk, final=False):
                del decoders[name]
    if not any(_decodes(decoder, b"", final=True) for decoder in decoders.values()):
        return None
    return CSV if any(mark in first for mark in (b",", b"\t", b";")) else TXT


_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1a")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(65_536):
        yield chunk
