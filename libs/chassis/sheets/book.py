"""Opening what a user sent as a workbook: known by its bytes, since names lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from .delimited import CsvBook
from .unreadable import Why
from .xls import XlsBook
from .xlsx import XlsxBook

Book = XlsxBook | XlsBook | CsvBook

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLDEST_XLS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
MARKUP = (b"<html", b"<!doctype", b"<?xml", b"<table", b"<head", b"<meta", b"<style")
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
STREAMS = tuple(name.encode("utf-16-le") for name in ("Workbook\0", "Book\0"))


def open_book(path: Path, name: str) -> Book:
    """A workbook by its content; `name`, as the user calls the file, only helps to say why not.

    Raises: UnreadableBook. The caller closes it.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise Why.EMPTY.refused()
    if start.startswith(ZIP):
        return XlsxBook(path)
    if start.startswith(COMPOUND):
        return _compound(path, name)
    if start.startswith(OLDEST_XLS):
        return XlsBook(path)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(MARKUP):
        raise Why.MARKUP.refused()
    return CsvBook(path)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Book]:
    """`open_book`, closed at the end."""
    book = open_book(path, name)
    try:
        yield book
    finally:
        book.close()


def _compound(path: Path, name: str) -> Book:
    """The old container: a workbook, a locked new one, WPS's own, or another program's file."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as held:
        if held.find(ENCRYPTED) >= 0:
            raise Why.ENCRYPTED.refused()
        known = any(held.find(stream) >= 0 for stream in STREAMS)
    if name.lower().endswith((".et", ".ett")):
        raise Why.ET.refused()
    if not known:
        raise Why.NO_BOOK.refused()
    return XlsBook(path)
