"""The whole decision of a command: its scope, the foreign id, the rule and what it may waive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .contracts.log import ExternalRefBound
from .dated_rows import Reference
from .decider import Ask, Decider, Decision, Streams
from .external_ref import binding, bound_ref, refuse_taken
from .reference import reference
from .severity import SEVERITIES, decided
from .types import Command

AnyDecider = Decider[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a decision stands on beside its own streams: what the foreign id names already, and how
    strict the rules are that may bend."""

    bound: ExternalRefBound | None
    severities: Reference


async def ruled_by(streams: Streams, command: Command, decider: AnyDecider) -> Ruled:
    severities = await reference(streams, SEVERITIES.name) if decider.bends else Reference()
    return Ruled(await bound_ref(streams, command), severities)


def ruling(decider: AnyDecider, state: Any, ask: Ask[Any], facts: Any, ruled: Ruled) -> Decision:
    """The whole decision of a command, pure: the scope, the foreign id, the rule.

    Raises: Refused. Run again by `redecide`.
    """
    ref = ask.command.external_ref
    decider.require_scope(ask, facts)
    refuse_taken(ruled.bound, ref, ask.actor, facts.path)
    decision = decided(decider, state, ask, facts, ruled.severities)
    if ref is None:
        return decision
    stream, binds = binding(ref, decider.noun, decision, facts.path)
    return replace(decision, events={**decision.events, stream: (binds,)})
