"""Checks of every log that need an index or another store: versions, requests, what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import msgspec

from .checks import Page, Round, States
from .invariant import Breach, Numbers, State
from .store import Reached
from .types import Recorded

At = Callable[[int], Awaitable[Recorded | None]]
"""The event at a position of another log; None where there is none."""


@dataclass(frozen=True, slots=True)
class Versions:
    """By induction: each version but the first has the one before it, at a lower position; that
    no version stands twice is the index's."""

    name: str = "versions_dense"
    title: str = "每个流的版本从 1 起连续"

    def keys(self, _: Page) -> set[str]:
        return set()

    async def walk(self, reached: Reached, page: Page, _: States) -> Sequence[Breach]:
        wrong: list[Recorded] = []
        asked: list[Recorded] = []
        last: dict[UUID, int] = {}
        for event in page.events:
            before = last.get(event.stream, 0)
            if event.version != before + 1:
                (asked if before == 0 and event.version > 0 else wrong).append(event)
            last[event.stream] = event.version
        rows = await reached.fetch(
            _ORPHANS,
            [event.stream for event in asked],
            [event.version - 1 for event in asked],
            [event.position for event in asked],
        )
        wrong += [asked[row["no"] - 1] for row in rows]
        return [_of_version(event) for event in sorted(wrong, key=lambda event: event.position)]


def _of_version(event: Recorded) -> Breach:
    numbers: Numbers = {"stream": str(event.stream), "version": event.version}
    return Breach(event=event.identity, numbers={"position": event.position, **numbers})


_ORPHANS = """
SELECT a.no::int AS no
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY a(stream, version, behind, no)
  LEFT JOIN LATERAL (SELECT position FROM es.events
                      WHERE stream_id = a.stream AND version = a.version LIMIT 1) e ON true
 WHERE e.position IS NULL OR e.position >= a.behind
"""


@dataclass(frozen=True, slots=True)
class Requests:
    """Events of one request stand together; its row says where the last of them is and how many
    there are. A run of them that goes on behind the page is remembered."""

    name: str = "events_have_requests"
    title: str = "每个事件属于一个请求，个数与位置相符"

    def keys(self, _: Page) -> set[str]:
        return {""}

    async def walk(self, reached: Reached, page: Page, states: States) -> Sequence[Breach]:
        runs = list(_runs(states.get((self.name, ""), {}), page))
        rows = await reached.fetch(
            "SELECT request_id, position, events FROM es.requests WHERE request_id = ANY ($1)",
            list({run["request"] for run in runs}),
        )
        told = {str(row["request_id"]): (row["position"], row["events"]) for row in rows}
        open_ = runs[-1] if runs and _goes_on(runs[-1], told) else {}
        states[self.name, ""] = open_
        return [_of_run(run, told) for run in runs if run is not open_ and not _whole(run, told)]


Told = Mapping[str, tuple[int, int]]
"""By request: the position of its last event, and how many there are."""


def _runs(open_: State, page: Page) -> Iterator[State]:
    """Neighbours of one request: {request, epoch, first, last, count}. An unreadable event, which
    another check tells, belongs to the run it stands in."""
    read = [pair for pair in zip(page.requests, page.events, strict=True) if pair[0] is not None]
    for id_, pairs in groupby(read, key=itemgetter(0)):
        request, events = str(id_), [event for _, event in pairs]
        first, count = events[0].position, len(events)
        if open_.get("request") == request:
            first, count = open_["first"], count + open_["count"]
        elif open_:
            yield open_
        open_ = {}
        yield {
            "request": request,
            "epoch": events[0].epoch,
            "first": first,
            "last": events[-1].position,
            "count": count,
        }
    if open_:
        yield open_


def _goes_on(run: State, told: Told) -> bool:
    last, events = told.get(run["request"], (0, 0))
    return bool(run["first"] == last - events + 1 and run["last"] < last)


def _whole(run: State, told: Told) -> bool:
    last, events = told.get(run["request"], (0, 0))
    return (run["first"], run["last"]) == (last - events + 1, last)


def _of_run(run: State, told: Told) -> Breach:
    last, events = told.get(run["request"], (None, None))
    numbers: Numbers = {"request": run["request"], "first": run["first"], "last": run["last"]}
    numbers |= {"events": run["count"], "told_last": last, "told_events": events}
    return Breach(event=f"{run['epoch']}-{run['first']}", numbers=numbers)


@dataclass(frozen=True, slots=True)
class Seen:
    """The latest event says how far this service has applied the other logs, and what it saw is
    there. `seen` never falls, so the latest tells for all before it. A source that was restored
    from an older copy no longer holds what it had shown."""

    sources: Mapping[str, At]
    name: str = "seen_exists"
    title: str = "所见来源事件都在来源中"
    source: None = None

    async def look(self, reached: Reached, _: str) -> Round:
        row = await reached.fetchrow(
            "SELECT epoch || '-' || position AS event, seen FROM es.events"
            " ORDER BY position DESC LIMIT 1"
        )
        if row is None:
            return Round((), 0, None)
        seen: dict[str, list[int]] = msgspec.json.decode(row["seen"])
        asked = {name: at for name, at in seen.items() if at[1] and name in self.sources}
        found = []
        for name, (epoch, position) in sorted(asked.items()):
            there = await self.sources[name](position)
            if there is None or there.epoch != epoch:
                says: Numbers = {"source": name, "epoch": epoch, "position": position}
                says["found_epoch"] = None if there is None else there.epoch
                found.append(Breach(event=row["event"], numbers=says))
        return Round(found, len(asked), None)
