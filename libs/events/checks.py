"""How each kind of invariant is looked at: a page of the log at a time, or some things in a round.

A check writes nothing but what it must remember; where it stands is the checker's. Whatever an
event holds, a check goes on behind it (ADR 0012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

import msgspec
import structlog

from .codec import Contracts, decode_metadata
from .invariant import Breach, EventInvariant, Numbers, State, TableInvariant
from .store import Reached
from .types import Event, Recorded

States = dict[tuple[str, str], State]
"""(invariant, key) -> what it remembers."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order with what they say; no fact: of a type not known here, or unreadable."""

    events: Sequence[Recorded]
    facts: Sequence[Event | None]
    requests: Sequence[UUID | None]
    unreadable: Sequence[Breach]


@dataclass(frozen=True, slots=True)
class Round:
    """Some things looked at. `after`: the key to go on behind, None when the round is over."""

    breaches: Sequence[Breach]
    looked: int
    after: str | None


@runtime_checkable
class Walking(Protocol):
    """Looked at along the log."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    def keys(self, page: Page) -> set[str]:
        """Whose states `walk` will want."""
        ...

    async def walk(self, reached: Reached, page: Page, states: States) -> Sequence[Breach]:
        """Look at a page; `states` hold those of `keys` and become those behind the page."""
        ...


@runtime_checkable
class Rounding(Protocol):
    """Looked at round and round."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def source(self) -> str | None: ...
    async def look(self, reached: Reached, after: str) -> Round: ...


Check = Walking | Rounding


def read(events: Sequence[Recorded], contracts: Contracts) -> Page:
    """What the events say. One that cannot be read is a breach, and the others go on."""
    facts: list[Event | None] = []
    requests: list[UUID | None] = []
    unreadable = []
    for event in events:
        fact, request = None, None
        try:
            request = decode_metadata(event.metadata).request
            fact = contracts.decode(event.type, event.schema_version, event.payload)
        except ValueError as error:  # msgspec's own errors too; their words may quote a value
            says: Numbers = {"type": event.type, "version": event.schema_version}
            says["error"] = type(error).__name__
            unreadable.append(Breach(event=event.identity, numbers=says))
        facts.append(fact)
        requests.append(request)
    return Page(events, facts, requests, unreadable)


@dataclass(frozen=True, slots=True)
class _Named:
    """A check goes by the name of its invariant."""

    invariant: EventInvariant | TableInvariant

    @property
    def name(self) -> str:
        return self.invariant.name

    @property
    def title(self) -> str:
        return self.invariant.title


@dataclass(frozen=True, slots=True)
class Along(_Named):
    """An invariant along the log: its step on every event that concerns it."""

    invariant: EventInvariant

    def keys(self, page: Page) -> set[str]:
        if self.invariant.facts is None:
            return {""}
        return {key for _, _, key in self._concerned(page)}

    async def walk(self, _: Reached, page: Page, states: States) -> Sequence[Breach]:
        name, step = self.invariant.name, self.invariant.step
        found: list[Breach] = []
        for recorded, fact, key in self._concerned(page):
            at = (name, key)
            numbers: Numbers | None
            try:
                states[at], numbers = step(states.get(at, {}), recorded, fact)
            except Exception as error:  # what no step foresaw is a counterexample too
                log.exception("check_failed", invariant=name, event_id=recorded.identity)
                numbers = {"failed": type(error).__name__}
            if numbers is not None:
                found.append(Breach(event=recorded.identity, numbers=numbers))
        return found

    def _concerned(self, page: Page) -> Iterator[tuple[Recorded, Event | None, str]]:
        facts, key = self.invariant.facts, self.invariant.key
        for recorded, fact in zip(page.events, page.facts, strict=True):
            if facts is None:
                yield recorded, fact, ""
            elif isinstance(fact, facts):
                yield recorded, fact, key(fact)


@dataclass(frozen=True, slots=True)
class Readable:
    name: str = "events_readable"
    title: str = "已知类型的事件都能读"

    def keys(self, _: Page) -> set[str]:
        return set()

    async def walk(self, _: Reached, page: Page, __: States) -> Sequence[Breach]:
        return page.unreadable


@dataclass(frozen=True, slots=True)
class Tables(_Named):
    """An invariant in tables: its SQL on the next things."""

    invariant: TableInvariant

    @property
    def source(self) -> str | None:
        return self.invariant.source

    async def look(self, reached: Reached, after: str) -> Round:
        rows = await reached.fetch(self.invariant.sql, after, self.invariant.at_once)
        looked = len({row["key"] for row in rows})
        found = [
            Breach(event=None, numbers=msgspec.json.decode(row["numbers"]))
            for row in rows
            if row["numbers"] is not None
        ]
        ended = looked < self.invariant.at_once
        return Round(found, looked, None if ended else rows[-1]["key"])
