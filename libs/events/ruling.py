"""The whole decision of a command: its scope, the foreign id, the rule and what it may waive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .approval import APPROVALS, required, submitted
from .contracts.log import ExternalRefBound
from .correction import require_later
from .dated_rows import Reference, reference_stream, references
from .decider import AnyDecider, Ask, Decision, Streams
from .evidence_needed import NEEDED, Showing, missing, require_attached, showing
from .external_ref import binding, bound_ref, refuse_taken
from .reference import reference
from .severity import SEVERITIES, decided


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a decision stands on beside its own streams: what the foreign id names already, how
    strict the rules are that may bend, what needs approval, and what evidence there is."""

    bound: ExternalRefBound | None
    severities: Reference
    approvals: Reference
    showing: Showing


async def ruled_by(streams: Streams, ask: Ask[Any], decider: AnyDecider) -> Ruled:
    bound, approvals, needed = await bound_ref(streams, ask.command), Reference(), Reference()
    if decider.approvable:
        sets = map(reference_stream, (APPROVALS.name, NEEDED.name))
        approvals, needed = await streams.load_many(references, sets)
    shown = await showing(streams, ask, needed)
    bends = decider.bends or shown.of
    severities = await reference(streams, SEVERITIES.name) if bends else Reference()
    return Ruled(bound, severities, approvals, shown)


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
    require_attached(ruled.showing, ask, facts)
    lacking = missing(ruled.showing, ask, facts)
    decision = decided(decider, state, ask, facts, ruled.severities, lacking=lacking)
    require_later(ask.command, facts, decision)
    if ref is None:
        return decision
    stream, binds = binding(ref, decider.noun, decision, facts.path)
    return replace(decision, events={**decision.events, stream: (binds,)})
