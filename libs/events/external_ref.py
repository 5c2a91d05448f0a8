"""external_ref: another system's own id names one thing here, for ever (uniqueness is a stream)."""

from __future__ import annotations

from uuid import UUID

from .contracts.log import ExternalRefBound
from .decider import Decision, Fold, Streams
from .errors import ExternalRefTaken
from .types import Command, Event, ExternalRef, stream_id


def _bind(_: ExternalRefBound | None, event: Event) -> ExternalRefBound | None:
    return event if isinstance(event, ExternalRefBound) else None


external_refs: Fold[ExternalRefBound | None] = Fold("external_ref", None, _bind)


def external_ref_stream(ref: ExternalRef) -> UUID:
    return stream_id("external_ref", ref.system, ref.system, ref.id)


async def bound_ref(streams: Streams, command: Command) -> ExternalRefBound | None:
    if command.external_ref is None:
        return None
    return await streams.load(external_refs, external_ref_stream(command.external_ref))


def refuse_taken(bound: ExternalRefBound | None, ref: ExternalRef | None) -> None:
    if bound is not None and ref is not None:
        raise ExternalRefTaken(system=ref.system, id=ref.id, target=str(bound.target))


def binding(ref: ExternalRef, noun: str, decision: Decision) -> tuple[UUID, ExternalRefBound]:
    """The event that binds the foreign id to what the decision made (its body's `id`)."""
    target = UUID(decision.body["id"])
    bound = ExternalRefBound(system=ref.system, id=ref.id, noun=noun, target=target)
    return external_ref_stream(ref), bound
