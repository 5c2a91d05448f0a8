"""The strings that a workbook's cells share, in a spool and not in memory: a register of 100,000
people has as many names, numbers and addresses.
"""

from __future__ import annotations

import re
from array import array
from typing import IO
from xml.parsers import expat

from .spool import Spool
from .unreadable import LONGEST_TEXT, Why, beyond

CHUNK = 1 << 16
LONGEST_TAG = 1 << 20
MOST_STRINGS = 1 << 23
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


class Feed:
    """A parser fed with chunks, in bounded memory: it holds a tag until its end."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser, self._fed = parser, 0

    def __call__(self, chunk: bytes, final: bool = False) -> None:
        """Raises: UnreadableBook, ExpatError, and what the handlers raise."""
        self.parser.Parse(chunk, final)
        self._fed += len(chunk)
        if self._fed - self.parser.CurrentByteIndex > LONGEST_TAG and not final:
            raise beyond("文件中一个标记", "字节数", LONGEST_TAG)


class SharedStrings:
    """Strings by their number, as they stand in the part; without a part there are none."""

    def __init__(self, part: IO[bytes] | None) -> None:
        self._spool, self._ends = Spool(), array("Q", [0])
        if part is not None:
            try:
                _Reading(self._spool, self._ends).read(part)
            except BaseException:
                self._spool.close()
                raise

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self):
            raise ValueError("no such string")
        return self._spool.read(self._ends[number], self._ends[number + 1]).decode()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def close(self) -> None:
        self._spool.close()


class _Reading:
    """Writes each `si` to the spool: its runs of text joined, phonetic guides left out."""

    def __init__(self, spool: Spool, ends: array[int]) -> None:
        self.spool, self.ends = spool, ends
        self.text: list[str] = []
        self.taking = self.guide = False

    def read(self, part: IO[bytes]) -> None:
        parser = hardened()
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        feed = Feed(parser)
        while chunk := part.read(CHUNK):
            feed(chunk)
            if sum(map(len, self.text)) > LONGEST_TEXT:
                raise beyond(f"第 {len(self.ends)} 条文字", "字符数", LONGEST_TEXT)
            if len(self.ends) > MOST_STRINGS:
                raise beyond("文件", "文字条数", MOST_STRINGS)
        feed(b"", final=True)

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
            self.spool.write(told)
            self.ends.append(self.ends[-1] + len(told))
            self.text.clear()

    def characters(self, text: str) -> None:
        if self.taking:
            self.text.append(text)
