"""Reading one resource from its own stream: exact, with its version as ETag, within scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from fastapi import Response

from libs.events.canonical import canonical
from libs.events.decider import Fold
from libs.events.errors import NotFoundError
from libs.events.loads import LiveStreams

from .call import Call

S = TypeVar("S")
Area = Callable[[S], UUID | None]
Show = Callable[[S], dict[str, Any]]


async def state_of(call: Call, fold: Fold[S], stream: UUID, area: Area[S]) -> tuple[int, S]:
    """(version, state) of a resource. Raises: NotFoundError when there is none, when the stream is
    another noun's (its state has no area), or out of scope."""
    return await found(call, fold, stream, area, lambda state: area(state) is not None)


async def found(
    call: Call, fold: Fold[S], stream: UUID, area: Area[S], is_there: Callable[[S], bool]
) -> tuple[int, S]:
    """The same for what may lie in no area: then it is its whole installation's."""
    streams = LiveStreams(call.log.loads)
    state = await streams.load(fold, stream)
    if not is_there(state):
        raise NotFoundError()
    if call.caller.area is not None:
        where = area(state)
        if where is None or call.caller.area not in await call.log.known.path(where):
            raise NotFoundError()
    return streams.versions[stream], state


async def show(
    call: Call, fold: Fold[S], stream: UUID, area: Area[S], body: Show[S] | None = None
) -> Response:
    """A resource as canonical JSON; `body` shapes what the state alone would say badly."""
    version, state = await state_of(call, fold, stream, area)
    shown = body(state) if body is not None else msgspec.to_builtins(state)
    headers = {"etag": f'"{version}"'}
    return Response(canonical(shown), 200, headers, media_type="application/json")
