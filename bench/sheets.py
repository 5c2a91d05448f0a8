"""How fast is a workbook of 100,000 rows and 15 columns read, marked and written, and in how much
memory?

Beside reading stand the limits of the same run: the same file through openpyxl read-only, and
through expat alone, whose handlers count cells and keep nothing. Each measurement is a process of
its own, so that its peak memory is its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from xml.parsers import expat
from zipfile import ZipFile

from openpyxl import load_workbook

from libs.chassis.sheets.book import opened
from libs.chassis.sheets.marked_sheet import Mark
from libs.chassis.sheets.marking import mark
from libs.chassis.sheets.spelling import Value
from libs.chassis.sheets.writing import Column, Plan, write

from .rounds import Figure, Goal, Round, interleaved, show

ROWS, COLUMNS, ROUNDS = 100_000, 15, 3
KIB_A_MIB = 1_024
READ, MARKED, WRITTEN = "open_book and rows", "mark, one row in ten at fault", "write"
OPENPYXL, EXPAT = "openpyxl, read-only", "expat alone"


def rows() -> Iterator[Sequence[Value]]:
    """A register of nobody."""
    for n in range(ROWS):
        day = date(2024, 1, 1) + timedelta(n % 366)
        texts = (f"演示{n}", f"9001011990{n:08}", "户主", f"900101{n % 300:06}", f"H{n // 4:06}")
        bank = (f"000{n:08}", "演示农信社", f"62{n:017}")
        yield (n, *texts, *bank, Decimal(n).scaleb(-2), day, "备注", n % 7, n % 5 == 0, "是")


def written(path: Path) -> None:
    write(path, [(Plan("花名册", [Column(f"列{n}") for n in range(COLUMNS)]), rows())])


def read(path: Path) -> None:
    with opened(path, path.name) as book:
        count = sum(len(row.cells) for row in book.rows(book.sheets[0]))
    _whole(count)


def marked(path: Path) -> None:
    marks = (
        Mark(n, "拒绝", "R1", "C 列证件号码有误", "请核对", {3: "校验码不符"})
        if n % 10 == 0
        else Mark(n, "接受")
        for n in range(2, ROWS + 2)
    )
    with opened(path, path.name) as book, tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "marked.xlsx"
        mark(book, book.sheets[0], header_row=1, marks=marks, summary=[], target=target)


def by_openpyxl(path: Path) -> None:
    book = load_workbook(path, read_only=True)
    table = book.worksheets[0].iter_rows(values_only=True)
    _whole(sum(value is not None for row in table for value in row))
    book.close()


def by_expat(path: Path) -> None:
    cells = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal cells
        cells += name == "c"

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with ZipFile(path) as book, book.open("xl/worksheets/sheet1.xml") as part:
        parser.ParseFile(part)
    _whole(cells)


def _whole(cells: int) -> None:
    """Raises: ValueError where something was not read."""
    if cells != (ROWS + 1) * COLUMNS:
        raise ValueError(f"{cells} cells were read")


WAYS: Mapping[str, Callable[[Path], None]] = {
    READ: read,
    OPENPYXL: by_openpyxl,
    EXPAT: by_expat,
    MARKED: marked,
    WRITTEN: lambda path: written(path.with_suffix(".again")),
}


class Alone:
    """One way in a process of its own, and the peaks of its memory in MiB."""

    def __init__(self, way: str, path: Path) -> None:
        self.way, self.path, self.peaks = way, path, list[float]()

    async def round(self) -> float:
        """Rows a second."""
        program = (sys.executable, "-m", "bench.sheets", self.way, str(self.path))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*program, stdout=pipe)
        said, _ = await process.communicate()
        seconds, mib = map(float, said.split())
        self.peaks.append(mib)
        return ROWS / seconds


async def measure() -> list[Goal]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.xlsx"
        written(path)
        ways = {way: Alone(way, path) for way in WAYS}
        rounds: dict[str, Round] = {way: alone.round for way, alone in ways.items()}
        found = await interleaved(rounds, ROUNDS)
    show(f"a workbook of {ROWS:,} rows and {COLUMNS} columns", found, "rows/s")
    peaks = {way: Figure(tuple(alone.peaks[1:])) for way, alone in ways.items()}
    show("peak memory of the same", peaks, "MiB")
    return [
        Goal("of openpyxl's rate: reading", found[READ].per(found[OPENPYXL]), 1),
        *(Goal(f"MiB at most: {way}", peaks[way], 150, at_most=True) for way in (READ, MARKED)),
    ]


def main(way: str, path: Path) -> None:
    began = time.perf_counter()
    WAYS[way](path)
    took = time.perf_counter() - began
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(took, int(peak[1]) / KIB_A_MIB if peak else 0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
