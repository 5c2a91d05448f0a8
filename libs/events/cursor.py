"""Where a reader stands in a log, and whether a page goes on from there.

A position alone does not say whose it is: the cursor keeps the leaf of the event it names, so that
a log that was copied, restored or rewritten under the reader is found out. Design 4, ADR 0004.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ForkedError, HoleError
from .leaf import leaf
from .types import Recorded


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has applied; position 0 and no leaf before the first event."""

    epoch: int
    position: int
    leaf: bytes | None
    offset: int | None = None
    """Where that event stands in its topic, if it came by one: a hint, never compared."""


def check(lease: str, cursor: Cursor, page: list[Recorded]) -> list[Recorded]:
    """The page without what was applied and without repeats; it must begin at the cursor's own
    event and be dense.

    Raises: ForkedError when the event at the cursor is another one or the epoch changes, HoleError
    when a position is missing.
    """
    if cursor.position > 0:
        _same(lease, cursor, page)
    fresh: list[Recorded] = []
    for event in page:
        expected = cursor.position + len(fresh) + 1
        if event.position < expected:
            continue
        if event.position > expected:
            raise HoleError(
                f"{lease}: 位置 {expected} 缺失，读到 {event.position}", position=expected
            )
        if cursor.position > 0 and event.epoch != cursor.epoch:
            raise ForkedError(
                f"{lease}: 位置 {event.position} 属于纪元 {event.epoch}，已读纪元 {cursor.epoch}",
                position=event.position,
            )
        fresh.append(event)
    return fresh


def _same(lease: str, cursor: Cursor, page: list[Recorded]) -> None:
    if not page or page[0].position != cursor.position:
        found = page[0].position if page else None
        raise ForkedError(
            f"{lease}: 已读到 {cursor.position}，来源在该处没有事件（读到 {found}）",
            position=cursor.position,
        )
    found_leaf = leaf(page[0])
    if page[0].epoch != cursor.epoch or found_leaf != cursor.leaf:
        kept = cursor.leaf.hex() if cursor.leaf else None
        raise ForkedError(
            f"{lease}: 位置 {cursor.position} 分叉：已读 {kept}，来源 {found_leaf.hex()}",
            position=cursor.position,
            kept=kept,
            found=found_leaf.hex(),
        )
