"""What a store records about itself, by nobody's command: in its own stream, named `store`."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from .canonical import canonical, sha256
from .store import Part, Request
from .types import Actor, Event, Metadata, stream_id


def of_store(
    service: str, fact: Event, request: UUID, *, actor: str, expected: int | None
) -> Request:
    """The fact as a request of its own, as of today. `actor`: an operator's post or the system;
    `expected`: the version that the stream has before it, None for whatever it has."""
    today = datetime.now(UTC).date()
    metadata = Metadata(
        actor=Actor(id=actor, role="operator", unit="system", area=None),
        cause=None,
        correlation=request,
        document=None,
        effective_on=today,
        occurred_on=today,
        origin="system",
        request=request,
        traceparent=None,
    )
    return Request(
        id=request,
        body_hash=sha256(type(fact).__name__.encode(), request.bytes),
        answer=canonical({"body": {}, "status": 201}),
        parts=(Part(stream_id("store", service, service), (fact,), expected),),
        metadata=metadata,
        keep=True,
    )
