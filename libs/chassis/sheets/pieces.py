"""A sheet's XML as bytes that can be put together again: what is before the rows, each row, what is
after them.

A `<` in a text is always escaped, so that tags can be found by their bytes, save within comments
and CDATA. A sheet with those, or with cells that do not say where they stand, is irregular, and the
marked copy is made from its content instead.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import IO, NamedTuple

from .cells import column_of
from .package import LARGEST_DOCUMENT
from .writing import MAIN

CHUNK = 1 << 20
LONGEST_ROW = 64 << 20
ROW = re.compile(rb"<row\b([^>]*?)(?:/>|>(.*?)</row>)", re.DOTALL)
CELL = re.compile(rb"<c\b([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)
_BEGIN = re.compile(rb"<sheetData\s*(/?)>")
_END = b"</sheetData>"
_NUMBER = re.compile(rb"(?:^|\s)r=[\"'](\d+)[\"']")
_PLACE = re.compile(rb"\sr=[\"']([A-Z]{1,3})\d+[\"']")
_PLACES = re.compile(rb"<c\b(?:[^>]*?\sr=[\"']([A-Z]{1,3})\d+[\"'])?[^>]*?(/?)>")
_UTF_8 = re.compile(rb"<\?xml[^>]*encoding=[\"'](utf-8|us-ascii)[\"']", re.IGNORECASE)
_SAYS_ENCODING = re.compile(rb"<\?xml[^>]*encoding=")


class IrregularError(Exception):
    """A sheet whose XML is lawful, but not as any spreadsheet program writes it."""


class Piece(NamedTuple):
    """`row` is its number, None of what is before and after the rows; `raw` all its bytes, with the
    blanks before it; `attributes` and `body` of a row alone."""

    raw: bytes
    row: int | None = None
    attributes: bytes = b""
    body: bytes = b""


class XmlCell(NamedTuple):
    column: int
    raw: bytes


def pieces(stream: IO[bytes]) -> Iterator[Piece]:
    """Head, rows, tail. Raises: IrregularError."""
    buffer, empty = _head(stream)
    yield Piece(buffer[0])
    rest = buffer[1]
    if not empty:
        rest = yield from _rows(stream, rest)
    rest += stream.read()
    if b"<!" in rest or len(rest) > LARGEST_DOCUMENT:
        raise IrregularError
    yield Piece(rest)


def _head(stream: IO[bytes]) -> tuple[tuple[bytes, bytes], bool]:
    """What is before the rows with the tag that opens them, and what was read beyond; and whether
    there are no rows at all, in which case that tag belongs to the rest."""
    buffer = b""
    while (found := _BEGIN.search(buffer)) is None:
        chunk = stream.read(CHUNK)
        buffer += chunk
        if not chunk or len(buffer) > LARGEST_DOCUMENT:
            raise IrregularError
    strange = _SAYS_ENCODING.search(buffer) and not _UTF_8.search(buffer)
    if strange or b"<!" in buffer[: found.end()] or f'xmlns="{MAIN}"'.encode() not in buffer:
        raise IrregularError
    at = found.start() if found[1] else found.end()
    return (buffer[:at], buffer[at:]), bool(found[1])


def _rows(stream: IO[bytes], buffer: bytes) -> Generator[Piece, None, bytes]:
    """The rows; returns what follows them."""
    while True:
        done = 0
        for found in ROW.finditer(buffer):
            yield _row(buffer[done : found.start()], found)
            done = found.end()
        buffer = buffer[done:]
        if buffer.lstrip().startswith(_END):
            return buffer
        chunk = stream.read(CHUNK)
        if not chunk or len(buffer) > LONGEST_ROW:
            raise IrregularError
        buffer += chunk


def _row(before: bytes, found: re.Match[bytes]) -> Piece:
    attributes, body = found[1], found[2] or b""
    number = _NUMBER.search(attributes)
    if number is None or before.strip() or b"<!" in body:
        raise IrregularError
    return Piece(before + found[0], int(number[1]), attributes, body)


def last_filled(body: bytes) -> int:
    """The last column of a row whose cell holds anything; 0 for none. Raises: IrregularError."""
    last = b""
    for letters, closed in _PLACES.findall(body):
        if not letters:
            raise IrregularError
        if not closed:
            last = letters
    return column_of(last.decode()) if last else 0


def cells_of(body: bytes) -> tuple[list[XmlCell], bytes]:
    """A row's cells, and what follows them in it. Raises: IrregularError."""
    found, done = [], 0
    for match in CELL.finditer(body):
        place = _PLACE.search(match[1])
        if place is None:
            raise IrregularError
        found.append(XmlCell(column_of(place[1].decode()), match[0]))
        done = match.end()
    return found, body[done:]
