"""when(rule, state, command).then(*events) or .refused(Reason): rules as sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Event

ANYWHERE = Facts(path=(UUID(int=1),))

Rule = Callable[[Any, Any, Any], Decision]


@dataclass(frozen=True)
class Outcome:
    decision: Decision | None
    refusal: Refused | None

    def then(self, *events: Event) -> Decision:
        """These events exactly, over all streams in order."""
        assert self.refusal is None, self.refusal
        assert self.decision is not None
        decided = [event for stream in self.decision.events.values() for event in stream]
        assert decided == list(events)
        return self.decision

    def accepted(self) -> Decision:
        assert self.refusal is None, self.refusal
        assert self.decision is not None
        return self.decision

    def refused(self, reason: type[Refused], **numbers: int | str | None) -> Refused:
        """This refusal, with at least these numbers, and a sentence that can be read."""
        assert isinstance(self.refusal, reason), (self.decision, self.refusal)
        told = {key: self.refusal.numbers.get(key) for key in numbers}
        assert told == numbers
        assert "{" not in self.refusal.detail
        return self.refusal


def when(rule: Rule, state: object, command: Command, facts: Facts = ANYWHERE) -> Outcome:
    """Run a rule on a state."""
    try:
        return Outcome(rule(state, command, facts), None)
    except Refused as refusal:
        return Outcome(None, refusal)
