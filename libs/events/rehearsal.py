"""Commands decided one after another as if each had been appended, and nothing kept of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from .clock import today
from .decider import AnyDecider, Ask, Decision, Fold
from .errors import Refused
from .execute import Decided, decided
from .loads import LiveStreams
from .log import Log
from .types import Event

T = TypeVar("T")


class Rehearsal:
    """A later command finds what the earlier ones would have appended to this store's streams;
    copies of other services' facts stay as they are."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.pending: dict[UUID, tuple[Event, ...]] = {}

    async def decide(self, ask: Ask[Any], decider: AnyDecider) -> Decision:
        """Raises: Refused, and what gathering raises."""
        ask = replace(ask, today=today())
        found = await decided(self.log, ask, decider, self.streams())
        assert isinstance(found, Decided), "streams without a key find no answer"
        if isinstance(found.outcome, Refused):
            raise found.outcome
        return found.outcome

    def streams(self) -> _Overlaid:
        """As the next command would find them."""
        return _Overlaid(self.log, self.pending)

    def keep(self, decision: Decision) -> None:
        """What comes next shall find it."""
        for stream, events in decision.events.items():
            self.pending[stream] = (*self.pending.get(stream, ()), *events)


class _Overlaid(LiveStreams):
    """The streams as they are, and behind them what is pending."""

    def __init__(self, log: Log, pending: dict[UUID, tuple[Event, ...]]) -> None:
        super().__init__(log.loads)
        self._pending = pending

    async def load_many(self, fold: Fold[T], streams: Iterable[UUID]) -> list[T]:
        wanted = list(streams)
        found = await super().load_many(fold, wanted)
        states = [
            fold.over(self._pending.get(stream, ()), state)
            for stream, state in zip(wanted, found, strict=True)
        ]
        for stream, state in zip(wanted, states, strict=True):
            self.there[stream] = self.there[stream] or state is not fold.initial
        return states
