"""Cuts closed over the logs themselves: our copies may lag behind them, and keep no `seen`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from fastapi import Request

from libs.events.contracts.reporting import LogPosition
from libs.events.cuts import Past, close, cut_at
from libs.events.errors import EventsError
from libs.events.group_commit import UNKNOWN_OUTCOME
from libs.events.types import Cut


class FeedsUnreadableError(EventsError):
    title = "来源日志暂不可读，不能取闭合的截面"


def feeds_of(request: Request, sources: Iterable[str]) -> Mapping[str, Past]:
    """Raises: FeedsUnreadableError naming the logs that this process has no feed of."""
    feeds: Mapping[str, Past] = getattr(request.app.state, "feeds", {})
    if missing := sorted(set(sources) - set(feeds)):
        raise FeedsUnreadableError("、".join(missing))
    return {source: feeds[source] for source in sources}


@contextmanager
def _readable() -> Iterator[None]:
    """A log that does not answer is said to be unreadable."""
    try:
        yield
    except UNKNOWN_OUTCOME as error:
        raise FeedsUnreadableError(type(error).__name__) from error


async def at_instant(feeds: Mapping[str, Past], instant: datetime) -> dict[str, int]:
    with _readable():
        return await cut_at(feeds, instant)


async def closed(feeds: Mapping[str, Past], cut: Cut) -> dict[str, int]:
    """The cut, risen until it holds all that its events had seen."""
    with _readable():
        return await close(feeds, cut)


async def closed_around(feeds: Mapping[str, Past], named: Cut, applied: Cut) -> dict[str, int]:
    """The named positions closed; a log that is not named stands as far as it is applied and had
    seen no more than that. Where everything is named this is `closed`.

    Risen only, the cut would hold what the other logs have seen since of a log named in the past.
    """
    with _readable():
        least = await close(feeds, {source: named.get(source, 0) for source in feeds})
        most = {source: least[source] if source in named else applied[source] for source in feeds}
        lowering = set(feeds) - set(named)
        while True:
            lower = {
                source: await _within(feeds[source], most, most[source]) for source in lowering
            }
            if all(most[source] == position for source, position in lower.items()):
                break
            most |= lower
        return await close(feeds, {source: max(least[source], most[source]) for source in feeds})


async def _within(feed: Past, cut: Cut, last: int) -> int:
    """The last position, up to `last`, whose event had seen nothing outside the cut: a binary
    search, since `seen` never falls along a log."""
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        event = await feed.at(middle)
        seen = {} if event is None else json.loads(event.seen)
        inside = all(cut.get(source, at) >= at for source, (_, at) in seen.items())
        low, high = (middle, high) if inside else (low, middle - 1)
    return low


async def with_epochs(feeds: Mapping[str, Past], cut: Cut) -> tuple[LogPosition, ...]:
    """The cut as it is kept: each position with the epoch of its event."""
    with _readable():
        last = [(source, at, await feeds[source].at(at)) for source, at in cut.items()]
    return tuple(
        LogPosition(source=source, epoch=event.epoch if event else 0, position=at)
        for source, at, event in last
    )
