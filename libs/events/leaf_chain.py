"""What was recorded has not changed: leaves kept when first checked, and the log read against them.

1,024 positions a bucket: a running SHA-256 chain, which commits to all before it, and four bytes
of every leaf, which name the position. Held against mistakes and against whoever edits a table
without this one; whoever can rewrite both is held by checkpoints outside (ADR 0012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from .canonical import sha256
from .checks import Page, Round, States
from .invariant import Breach, Numbers
from .leaf import leaf
from .store import Reached, identity, read_after
from .types import Recorded

BUCKET = 1_024
MARK = 4
NOTHING = bytes(MARK)
"""In place of a mark where the log had a hole; a leaf begins so once in four thousand million."""
START = bytes(32)


@dataclass(frozen=True, slots=True)
class Kept:
    """One row of es.leaves."""

    bucket: int
    count: int
    chain: bytes
    marks: bytes


@dataclass(frozen=True, slots=True)
class Leaves:
    """Along the log it keeps leaves; round and round it reads one bucket a look, and the last one
    each time, since what is lost is most often the tail."""

    name: str = "nothing_changed"
    title: str = "已记录的内容没有改变"
    source: None = None

    def keys(self, _: Page) -> set[str]:
        return set()

    async def walk(self, reached: Reached, page: Page, _: States) -> Sequence[Breach]:
        first = (page.events[0].position - 1) // BUCKET
        kept = await _row(reached, first)
        chain = await _chain(reached, first) if kept is None else kept.chain
        rows = list(_grown(kept, chain, page.events))
        await reached.execute(
            _KEEP,
            [row.bucket for row in rows],
            [row.count for row in rows],
            [row.chain for row in rows],
            [row.marks for row in rows],
        )
        return ()

    async def look(self, reached: Reached, after: str) -> Round:
        store, _ = await identity(reached)
        rows = await reached.fetch(_NEXT_AND_LAST, int(after or -1))
        kept = [Kept(*row) for row in rows]
        found = [breach for row in kept for breach in await _differences(reached, store, row)]
        goes_on = len(kept) > 1
        return Round(
            found, sum(row.count for row in kept), str(kept[0].bucket) if goes_on else None
        )


def _grown(kept: Kept | None, chain: bytes, events: Sequence[Recorded]) -> Iterator[Kept]:
    """The rows that these events end in; `kept` is that of the first event's bucket so far."""
    bucket = (events[0].position - 1) // BUCKET
    marks = bytearray(b"" if kept is None else kept.marks)
    for event in events:
        here, place = divmod(event.position - 1, BUCKET)
        if here != bucket:
            yield Kept(bucket, len(marks) // MARK, chain, bytes(marks))
            bucket, marks = here, bytearray()
        named = leaf(event)
        chain = sha256(chain, named)
        marks += NOTHING * (place - len(marks) // MARK) + named[:MARK]
    yield Kept(bucket, len(marks) // MARK, chain, bytes(marks))


async def _differences(reached: Reached, store: UUID, kept: Kept) -> list[Breach]:
    """Every position of a bucket that does not read as it did."""
    first, chain = kept.bucket * BUCKET, await _chain(reached, kept.bucket)
    there: dict[int, tuple[Recorded | None, bytes]] = {}
    for event in await read_after(reached, store, first, kept.count):
        if event.position <= first + kept.count:
            named = leaf(event)
            chain = sha256(chain, named)
            there[event.position] = (event, named[:MARK])
    found = []
    for nth in range(kept.count):
        mark = kept.marks[MARK * nth : MARK * nth + MARK]
        at, now = there.get(first + nth + 1, (None, NOTHING))
        if now != mark:
            says = "missing" if at is None else "added" if mark == NOTHING else "changed"
            found.append(_breach(kept.bucket, first + nth + 1, at, says))
    if not found and chain != kept.chain:
        found.append(_breach(kept.bucket, None, None, "changed"))
    return found


def _breach(bucket: int, position: int | None, event: Recorded | None, says: str) -> Breach:
    numbers: Numbers = {"bucket": bucket, "position": position, "found": says}
    return Breach(event=None if event is None else event.identity, numbers=numbers)


async def _row(reached: Reached, bucket: int) -> Kept | None:
    row = await reached.fetchrow(
        "SELECT bucket, count, chain, marks FROM es.leaves WHERE bucket = $1", bucket
    )
    return None if row is None else Kept(*row)


async def _chain(reached: Reached, bucket: int) -> bytes:
    """The chain that a bucket begins with: that of the last one before it."""
    before: bytes | None = await reached.fetchval(
        "SELECT chain FROM es.leaves WHERE bucket < $1 ORDER BY bucket DESC LIMIT 1", bucket
    )
    return before or START


_NEXT_AND_LAST = """
(SELECT bucket, count, chain, marks FROM es.leaves WHERE bucket > $1 ORDER BY bucket LIMIT 1)
UNION (SELECT bucket, count, chain, marks FROM es.leaves ORDER BY bucket DESC LIMIT 1)
ORDER BY bucket
"""
_KEEP = """
INSERT INTO es.leaves AS l (bucket, count, chain, marks)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::bytea[], $4::bytea[])
ON CONFLICT (bucket) DO UPDATE
   SET count = excluded.count, chain = excluded.chain, marks = excluded.marks
 WHERE l.count < excluded.count
"""
