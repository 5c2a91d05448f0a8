"""external_ref: another system's own id names one thing here, for ever (uniqueness is a stream)."""

from __future__ import annotations

from uuid import UUID

from .contracts.log import ExternalRefBound
from .decider import Decision, Fold, Streams
from .errors import ExternalRefTaken, NotNameableError
from .types import Actor, Command, Event, ExternalRef, stream_id

Path = tuple[UUID, ...]


def _bind(_: ExternalRefBound | None, event: Event) -> ExternalRefBound | None:
    return event if isinstance(event, ExternalRefBound) else None


external_refs: Fold[ExternalRefBound | None] = Fold("external_ref", None, _bind)


def external_ref_stream(ref: ExternalRef) -> UUID:
    return stream_id("external_ref", ref.system, ref.system, ref.id)


def require_noun(command: Command, noun: str) -> None:
    """Only what makes one thing can name it. Raises: NotNameableError."""
    if command.external_ref is not None and not noun:
        raise NotNameableError(f"{type(command).__name__} 不登记单个新事物, 不能带来源编号")


async def bound_ref(streams: Streams, command: Command) -> ExternalRefBound | None:
    if command.external_ref is None:
        return None
    return await streams.load(external_refs, external_ref_stream(command.external_ref))


def refuse_taken(
    bound: ExternalRefBound | None, ref: ExternalRef | None, actor: Actor, path: Path
) -> None:
    """The other thing is named only where the caller's scope surely holds it."""
    if bound is not None and ref is not None:
        near = actor.area is None or bound.area in (actor.area, *path[path.index(actor.area) :])
        target = str(bound.target) if near else None
        raise ExternalRefTaken(system=ref.system, id=ref.id, target=target)


def binding(
    ref: ExternalRef, noun: str, decision: Decision, path: Path
) -> tuple[UUID, ExternalRefBound]:
    """The event that binds the foreign id to what the decision made (its body's `id`)."""
    target = UUID(decision.body["id"])
    area = path[-1] if path else None
    bound = ExternalRefBound(system=ref.system, id=ref.id, noun=noun, target=target, area=area)
    return external_ref_stream(ref), bound
