"""Commands decided one after another as if each had been appended, and nothing kept of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from .clock import today
from .decider import AnyDecider, Ask, Decision, Fold
from .errors import NotFoundError
from .external_ref import require_noun
from .loads import LiveStreams
from .log import Log
from .ruling import ruled_by, ruling
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
        ask = replace(ask, today=ask.today or today())
        require_noun(ask.command, decider.noun)
        streams = self.streams()
        state = await decider.gather(streams, ask)
        if ask.target is not None and not streams.there.get(ask.subject, True):
            raise NotFoundError()
        ruled = await ruled_by(streams, ask, decider)
        facts = await decider.learned(self.log.known, state, ask)
        return ruling(decider, state, ask, facts, ruled)

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
