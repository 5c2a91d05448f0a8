"""A sheet in chunks of whole groups: what is rehearsed and done together."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from .importer import Fault, Group
from .job_rows import RowResult
from .reading import Read, Reading
from .results import ignored, rejected

ROWS_AT_ONCE = 1_000


def chunked(reads: Iterator[Read], reading: Reading, together: int) -> Generator[list[Read]]:
    """Whole groups, so many of them or as many rows as go at once."""
    chunk: list[Read] = []
    groups, last = 0, None
    for read in reads:
        if read.ignored is not None:  # heads or a subtotal within a group do not part it
            chunk.append(read)
            continue
        key = reading.group_of(read) if reading.importer.group else read.number
        if key is None or key != last:
            if groups >= together or len(chunk) >= ROWS_AT_ONCE:
                yield chunk
                chunk, groups = [], 0
            groups += 1
        last = key
        chunk.append(read)
    if chunk:
        yield chunk


def grouped(chunk: Sequence[Read], reading: Reading) -> tuple[list[Group], list[RowResult]]:
    """Groups of which every row was read well; what becomes of the others already."""
    rest = [ignored(read) for read in chunk if read.ignored is not None]
    members: dict[object, list[Read]] = {}
    for read in chunk:
        if read.ignored is None:
            key = reading.group_of(read) if reading.importer.group else None
            members.setdefault(read.number if key is None else key, []).append(read)
    groups: list[Group] = []
    for reads in members.values():
        wrong = [read for read in reads if read.blocked]
        if not wrong:
            groups.append(tuple(read.taken for read in reads))
            continue
        others = Fault("its_group", f"同组的第 {wrong[0].number} 行有误", "改正后同组一起导入")
        rest += [rejected(read, () if read.blocked else (others,)) for read in reads]
    return groups, rest
