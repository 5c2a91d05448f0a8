"""What goes back to whoever sent a sheet: the same workbook with what became of each row, and one
with the rejected rows alone (product 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from libs.events.money import print_amount

from ..files.store import FileStore
from ..sheets.book import Book, opened
from ..sheets.cells import Merged, Row, Sheet
from ..sheets.copying import moved
from ..sheets.marked_sheet import HEADS as MARKS
from ..sheets.marked_sheet import Mark
from ..sheets.marking import mark
from ..sheets.spelling import Value
from ..sheets.writing import Plan, write
from .header import Header
from .importer import Importer
from .job_rows import RowResult
from .prepared import sheet_of
from .reading import filled
from .store import Job
from .tally import Tally

READ_AT_ONCE = 1 << 20
WORDS = {
    "accepted": "接受",
    "acceptable": "可接受，未收下",
    "rejected": "拒绝",
    "ignored": "忽略",
}
NOTHING_TAKEN = "本次没有收下任何一行"
REHEARSED = "试算，没有收下任何一行"
WHY = {
    "total": "合计行",
    "signature": "签字行",
    "heads_again": "重复表头",
    "outside": "没有对应列的内容",
    "unchanged": "已在册，没有变化",
}
WARNED = "提醒"
UNREACHED = "未办理"
ENDED_EARLIER = "任务没有办到这一行就结束了，没有收下"


class Source(NamedTuple):
    """The sheet that was read: in clear, as long as the job runs."""

    path: Path
    header: Header
    importer: Importer


Books = tuple[str | None, str | None]
"""Digests of the two workbooks; None where there is none."""


async def write_outcome(
    files: FileStore,
    job: Job,
    source: Source,
    results: Sequence[RowResult],
    counted: Tally,
    *,
    early: bool,
) -> Books:
    """The second where some rows were taken and not all: else it would lose the others. `early`:
    the job ended before its last row, and what it did not reach is told as not taken."""
    with files.scratch() as target:
        await asyncio.to_thread(_mark, job, source, results, counted, target)
        outcome = await files.keep(_bytes(target))
    if job.phase == "checking" or not (counted.rejected or early):
        return outcome.digest, None
    with files.scratch() as target:
        await asyncio.to_thread(_rejected, job, source, results, target)
        alone = await files.keep(_bytes(target))
    return outcome.digest, alone.digest


async def _bytes(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while data := await asyncio.to_thread(file.read, READ_AT_ONCE):
            yield data


def _mark(
    job: Job, source: Source, results: Sequence[RowResult], counted: Tally, target: Path
) -> None:
    prepared = job.prepared
    mapping = prepared.mapping or {}
    with opened(source.path, prepared.name) as book:
        sheet = sheet_of(book, prepared.sheet)
        unreached = (
            Mark(row.number, UNREACHED, "", ENDED_EARLIER)
            for row in _unreached(book.rows(sheet), source.header, results)
        )
        mark(
            book,
            sheet,
            header_row=source.header.row,
            marks=chain((_marked(one, mapping) for one in results), unreached),
            summary=summary(job, source.importer, counted),
            target=target,
        )


def _marked(result: RowResult, mapping: Mapping[str, int]) -> Mark:
    cells = {
        mapping[fault.field]: fault.message
        for fault in reversed(result.faults)
        if fault.field is not None and fault.field in mapping and fault.severity == "block"
    }
    word = WORDS[result.result]
    if result.result == "accepted" and result.faults:
        word = WARNED
    rules = [fault.rule for fault in result.faults] or [result.why or ""]
    messages = [fault.message for fault in result.faults]
    if result.why is not None:
        messages.insert(0, WHY.get(result.why, result.why))
    hints = dict.fromkeys(fault.hint for fault in result.faults)
    return Mark(result.number, word, "；".join(rules), "；".join(messages), "；".join(hints), cells)


def _unreached(rows: Iterable[Row], header: Header, results: Sequence[RowResult]) -> Iterator[Row]:
    """Behind the last row of which something is known."""
    last = results[-1].number if results else header.row
    return (row for row in rows if row.number > last and filled(row))


def summary(job: Job, importer: Importer, counted: Tally) -> list[list[str | int]]:
    """The first sheet 汇总: that nothing was taken, by rule, then two lines whose sums close."""
    rows: list[list[str | int]] = [[importer.title], ["规则", "级别", "行数", "金额（元）"]]
    if job.phase == "checking":
        rows.insert(0, [REHEARSED if job.dry_run else NOTHING_TAKEN])
    for rule in counted.rules:
        level = "拒绝" if rule.severity == "block" else WARNED
        rows.append([rule.rule, level, rule.rows, print_amount(rule.amount_fen, "元", 2)])
    aside = f"（其中没有变化 {counted.unchanged:,}）" if counted.unchanged else ""
    word, passed, passed_fen = WORDS["accepted"], counted.accepted, counted.accepted_fen
    if job.phase == "checking":
        word, passed, passed_fen = "可接受", counted.acceptable, counted.acceptable_fen
    rows.append(
        [
            f"读取 {counted.read:,} = {word} {passed:,} + 拒绝 {counted.rejected:,}"
            f" + 忽略 {counted.ignored:,}{aside}"
        ]
    )
    fens = (counted.read_fen, passed_fen, counted.rejected_fen, counted.ignored_fen)
    read, taken, rejected, ignored = (print_amount(fen, "元", 2) for fen in fens)
    rows.append([f"金额（元）{read} = {word} {taken} + 拒绝 {rejected} + 忽略 {ignored}"])
    return rows


def _rejected(job: Job, source: Source, results: Sequence[RowResult], target: Path) -> None:
    """All down to the heads, then the rows not taken, in the same columns: so the heads are found
    again, of the same shape. Each cell of the kind it was: a number that a program has cut would
    be taken as a text."""
    wanted = {one.number for one in results if one.result == "rejected"}
    with opened(source.path, job.prepared.name) as book:
        sheet = sheet_of(book, job.prepared.sheet)
        wanted |= {row.number for row in _unreached(book.rows(sheet), source.header, results)}
        merged = tuple(_above(sheet.merged, source.header.row))
        write(target, [(Plan(sheet.name, merged=merged), _rows(book, sheet, source, wanted))])


def _rows(book: Book, sheet: Sheet, source: Source, wanted: set[int]) -> Iterator[list[Value]]:
    last, ours = 0, frozenset[int]()
    for row in book.rows(sheet):
        if row.number <= source.header.row:
            yield from ([] for _ in range(last + 1, row.number))
            last = row.number
        if row.number == source.header.row:
            ours = _marks(row)
        if row.number <= source.header.row or row.number in wanted:
            yield _values(row, ours)


def _marks(heads: Row) -> frozenset[int]:
    """The columns that we added, in a workbook that comes back marked."""
    last = sorted(heads.cells)[-len(MARKS) :]
    ours = tuple(heads.cells[at].text for at in last) == MARKS
    return frozenset(last) if ours else frozenset()


def _values(row: Row, ours: frozenset[int]) -> list[Value]:
    """Without the marks of an earlier round."""
    cells = {at: moved(cell) for at, cell in row.cells.items() if at not in ours}
    return [cells.get(at) for at in range(1, max(cells, default=0) + 1)]


def _above(merged: Sequence[Merged], last: int) -> Iterator[Merged]:
    """Ranges of the heads, cut where the data begin."""
    for one in merged:
        bottom = min(one.last_row, last)
        cells = (bottom - one.first_row + 1) * (one.last_column - one.first_column + 1)
        if one.first_row <= last and cells > 1:
            yield one._replace(last_row=bottom)
