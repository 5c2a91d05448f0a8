"""What is spooled comes back from anywhere in it, and lies on no disk in clear."""

from __future__ import annotations

import os
import random

from libs.chassis.sheets.spool import BLOCK, KEPT, Spool

CLEAR = "演示户主 900101199001010000 ".encode()


def test_any_piece_comes_back_whatever_the_blocks() -> None:
    drawn = random.Random(7)
    whole = drawn.randbytes((KEPT + 3) * BLOCK + 17)
    spool, at = Spool(), 0
    while at < len(whole):
        step = drawn.choice([1, 100, BLOCK, BLOCK + 1])
        spool.write(whole[at : at + step])
        at += step
    assert spool.size == len(whole)
    edges = (0, BLOCK - 1, BLOCK, KEPT * BLOCK, len(whole) - 1)
    for start in (*edges, *(drawn.randrange(len(whole)) for _ in range(200))):
        for length in (0, 1, 20, BLOCK + 5):
            assert spool.read(start, start + length) == whole[start : start + length]
    spool.close()


def test_nothing_lies_on_the_disk_in_clear() -> None:
    spool = Spool()
    for _ in range(2 * BLOCK // len(CLEAR)):
        spool.write(CLEAR)
    on_disk = os.pread(spool._file.fileno(), 4 * BLOCK, 0)
    assert len(on_disk) >= BLOCK
    assert CLEAR not in on_disk
    assert on_disk[:BLOCK] != on_disk[BLOCK:][:BLOCK]
    spool.close()
