"""What must always be so, as data: along a log event by event, or in tables round and round.

A counterexample names an event and numbers, never a person. How invariants are run, and where the
results are kept, is the checker's (ADR 0012).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from .types import Event, Recorded

Numbers = dict[str, int | str | None]
State = dict[str, Any]
"""Plain JSON: it is stored between two pages. Empty before the first event."""
Step = Callable[[State, Recorded, Any], tuple[State, Numbers | None]]
"""(state, what was recorded, its fact) -> the state after it, and the numbers of a breach."""


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A counterexample. `event`: the identity of the event that shows it, where one does."""

    event: str | None
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class EventInvariant:
    """Holds along a log. `step` is pure and must go on behind a breach, so that what comes later is
    checked too. `facts`: the events that concern it; None: every one, known here or not. `key`:
    whose state a fact changes."""

    name: str
    title: str
    step: Step
    facts: tuple[type[Event], ...] | None = None
    key: Callable[[Any], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class TableInvariant:
    """Holds in tables, whoever wrote them; looked at some things at a time, round and round.

    `sql`: $1 the key looked at last ('' at first), $2 how many; rows (key text, numbers json) in
    the order of keys, at least one for each thing looked at, numbers null where all is well.
    `source`: whose positions say how far the tables are, None for the own log.
    """

    name: str
    title: str
    sql: str
    at_once: int
    source: str | None = None


Invariant = EventInvariant | TableInvariant
