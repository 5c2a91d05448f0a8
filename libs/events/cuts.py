"""A cut: one position per log, closed under what its events had seen.

A cut takes each log at an instant, then rises until no event in it knows of an event outside it:
clocks of different databases may differ, so time alone would show an effect without its cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from .types import Cut, Recorded

_PART = re.compile(r"([a-z][a-z0-9_]*):([0-9]{1,18})")
_seen = msgspec.json.Decoder(dict[str, tuple[int, int]])


class Past(Protocol):
    """What a cut needs of a log."""

    async def position_at(self, instant: datetime) -> int: ...
    async def at(self, position: int) -> Recorded | None: ...


async def cut_at(feeds: Mapping[str, Past], instant: datetime) -> dict[str, int]:
    """The smallest closed cut that holds everything recorded at or before `instant`."""
    taken = {source: await feed.position_at(instant) for source, feed in feeds.items()}
    return await close(feeds, taken)


async def close(feeds: Mapping[str, Past], cut: Cut) -> dict[str, int]:
    """Raise a cut until it contains all that its events have seen.

    `seen` never falls along a log, so the last event of each log tells for all before it.
    """
    risen = dict(cut)
    waiting = list(risen)
    while waiting:
        source = waiting.pop()
        last = await feeds[source].at(risen[source]) if risen[source] else None
        for other, (_, position) in (_seen.decode(last.seen) if last else {}).items():
            if other in risen and position > risen[other]:
                risen[other] = position
                waiting.append(other)
    return risen


def parse_cut(text: str) -> dict[str, int]:
    """`funds:1234,assets:7` as a cut. Raises: ValueError saying which part is no position; what
    stands there is not repeated."""
    cut: dict[str, int] = {}
    for nth, part in enumerate(text.split(","), 1):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"第 {nth} 段不是 <服务>:<位置>")
        if found[1] in cut:
            raise ValueError(f"第 {nth} 段的服务已写过")
        cut[found[1]] = int(found[2])
    return cut
