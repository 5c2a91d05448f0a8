"""Facts put straight into a service's log, as its own commands would have put them there."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from libs.events.canonical import canonical, sha256
from libs.events.log import Log
from libs.events.store import Outcome, Part, Request
from libs.events.types import Actor, Event, Metadata

CLERK = Actor(id="planter", role="clerk", unit="bureau", area=None)


async def plant(
    log: Log,
    *parts: tuple[UUID, Event] | tuple[UUID, tuple[Event, ...]],
    on: date,
    occurred_on: date | None = None,
    document: str | None = None,
) -> int:
    """One request with these facts by stream, effective on a day; the position of the last."""
    request = uuid4()
    metadata = Metadata(
        actor=CLERK,
        cause=None,
        correlation=request,
        document=document,
        effective_on=on,
        occurred_on=occurred_on or on,
        origin="test",
        request=request,
        traceparent=None,
    )
    appended = await log.append(
        Request(
            id=request,
            body_hash=sha256(request.bytes),
            answer=canonical({"body": {}, "status": 201}),
            parts=tuple(
                Part(stream, facts if isinstance(facts, tuple) else (facts,), None)
                for stream, facts in parts
            ),
            metadata=metadata,
        )
    )
    assert appended.outcome is Outcome.APPENDED, appended
    return appended.position
