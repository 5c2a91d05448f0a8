"""The strings that a workbook's cells share, in a file of their own and not in memory: a register
of 100,000 people has as many names, numbers and addresses.
"""

from __future__ import annotations

import mmap
import re
import tempfile
from array import array
from typing import IO
from xml.parsers import expat

from .unreadable import Why

CHUNK = 1 << 16
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """_x000A_ is a line feed (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def hardened() -> expat.XMLParserType:
    """A parser that refuses a DTD, so that no entity can be declared."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise Why.DAMAGED.refused()

    parser.StartDoctypeDeclHandler = refuse
    return parser


class SharedStrings:
    """Strings by their number, as they stand in the part; without a part there are none."""

    def __init__(self, part: IO[bytes] | None) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 # closed with the book
        self._ends = array("Q", [0])
        if part is not None:
            try:
                _Spool(self._file, self._ends).read(part)
            except BaseException:
                self._file.close()
                raise
        self._file.flush()
        size = self._ends[-1]
        self._bytes = mmap.mmap(self._file.fileno(), size, prot=mmap.PROT_READ) if size else b""

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise ValueError("no such string")
        try:
            return self._bytes[self._ends[number] : self._ends[number + 1]].decode()
        except IndexError as error:
            raise ValueError("no such string") from error

    def __len__(self) -> int:
        return len(self._ends) - 1

    def close(self) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()


class _Spool:
    """Writes each `si` to the file: its runs of text joined, phonetic guides left out."""

    def __init__(self, file: IO[bytes], ends: array[int]) -> None:
        self.file, self.ends = file, ends
        self.text: list[str] = []
        self.taking = self.guide = False

    def read(self, part: IO[bytes]) -> None:
        parser = hardened()
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        while chunk := part.read(CHUNK):
            parser.Parse(chunk)
        parser.Parse(b"", True)

    def start(self, name: str, _: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self.taking = local == "t" and not self.guide
        self.guide = self.guide or local == "rPh"

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self.taking = False
        if local == "rPh":
            self.guide = False
        elif local == "si":
            told = unescaped("".join(self.text)).encode("utf-8", "replace")
            self.file.write(told)
            self.ends.append(self.ends[-1] + len(told))
            self.text.clear()

    def characters(self, text: str) -> None:
        if self.taking:
            self.text.append(text)
