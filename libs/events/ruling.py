"""The whole decision of a command: its scope, the foreign id, the rule and what it may waive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .approval import APPROVALS, required, submitted
from .contracts.log import ExternalRefBound
from .dated_rows import Reference
from .decider import AnyDecider, Ask, Decision, Streams
from .external_ref import binding, bound_ref, refuse_taken
from .reference import reference
from .severity import SEVERITIES, decided
from .types import Command


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a decision stands on beside its own streams: what the foreign id names already, how
    strict the rules are that may bend, and what needs approval."""

    bound: ExternalRefBound | None
    severities: Reference
    approvals: Reference


async def ruled_by(streams: Streams, command: Command, decider: AnyDecider) -> Ruled:
    nothing = Reference()
    severities = await reference(streams, SEVERITIES.name) if decider.bends else nothing
    approvals = await reference(streams, APPROVALS.name) if decider.approvable else nothing
    return Ruled(await bound_ref(streams, command), severities, approvals)


def ruling(decider: AnyDecider, state: Any, ask: Ask[Any], facts: Any, ruled: Ruled) -> Decision:
    """The whole decision of a command, pure: the scope, the foreign id, the rule; and, where the
    command needs others to say yes, that it waits for them.

    Raises: Refused. Run again by `redecide`.
    """
    decision = upheld(decider, state, ask, facts, ruled)
    needs = required(decider, state, ask, facts, ruled.approvals)
    if needs is None or not decision.events:
        return decision
    return submitted(ask, facts, needs, decision)


def upheld(decider: AnyDecider, state: Any, ask: Ask[Any], facts: Any, ruled: Ruled) -> Decision:
    """What a command gives where nobody else has to be asked. Raises: Refused."""
    ref = ask.command.external_ref
    decider.require_scope(ask, facts)
    refuse_taken(ruled.bound, ref, ask.actor, facts.path)
    decision = decided(decider, state, ask, facts, ruled.severities)
    if ref is None:
        return decision
    stream, binds = binding(ref, decider.noun, decision, facts.path)
    return replace(decision, events={**decision.events, stream: (binds,)})
