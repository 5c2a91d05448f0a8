"""The routes that every service has: health, version, invariants, its events."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from libs.events import known
from libs.events.canonical import LARGEST_INTEGER, canonical
from libs.events.decider import within
from libs.events.errors import NotFoundError, Refused, UnknownArea
from libs.events.external_ref import external_ref_stream, external_refs
from libs.events.loads import LiveStreams
from libs.events.log import Log
from libs.events.schemas import dataschema
from libs.events.standing import standings
from libs.events.store import COLUMNS, recorded
from libs.events.types import ExternalRef, Recorded, withheld

from .call import Call, Holds, RefusedCall
from .checking import checks
from .shapes import Events, Health, Invariants, Named, Version
from .version import version

READERS_OF_EVENTS = ("auditor", "operator", "system")
READERS_OF_REFS = ("clerk", "finance", "steward", "auditor", "system")
LONGEST_WAIT_S = 30
SCANNED_AT_ONCE = 5_000


def common_router() -> APIRouter:
    router = APIRouter()
    for path, endpoint, model, tag, says in (
        ("/health", health, Health, "系统", "是否可用"),
        ("/version", told_version, Version, "系统", "版本"),
        ("/invariants", invariants, Invariants, "系统", "不变量"),
        ("/events", events, Events, "事件", "事件流，按位置"),
        ("/external-refs/{system}/{id}", external_ref, Named, "系统", "来源编号指什么"),
    ):
        router.add_api_route(path, endpoint, response_model=model, tags=[tag], summary=says)
    return router


def answer(body: Any, status: int = 200) -> Response:
    """Plain data as canonical JSON."""
    return Response(canonical(body), status, media_type="application/json")


async def health(request: Request) -> Response:
    """Open to anyone on the network: says whether the store answers, and nothing else."""
    log: Log = request.app.state.log
    head = await log.pool.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
    return answer({"service": log.service, "status": "ok", "head": head})


async def told_version(request: Request) -> Response:
    """Open to anyone: which release answers, on which life of which store."""
    log: Log = request.app.state.log
    return answer({"version": version(), "store": str(log.store), "epoch": log.epoch})


async def invariants(
    request: Request, call: Annotated[Call, Depends(Holds("auditor", "operator"))]
) -> Response:
    """What the running checker found: up to which position each invariant is checked, when, and
    the first counterexample: an event and numbers."""
    async with call.log.pool.acquire() as connection:
        found = await standings(connection, checks(request.app.state.service, {}))
    return answer({"service": call.log.service, "invariants": [asdict(one) for one in found]})


async def external_ref(
    system: str, id: str, call: Annotated[Call, Depends(Holds(*READERS_OF_REFS))]
) -> Response:
    """The thing that another system's own id names here; its id says nothing about it."""
    try:
        ref = ExternalRef(system=system, id=id)
    except ValueError:
        raise NotFoundError() from None
    bound = await LiveStreams(call.log.loads).load(external_refs, external_ref_stream(ref))
    if bound is None:
        raise NotFoundError()
    if call.caller.area is not None:
        if bound.area is None:
            raise NotFoundError()
        await require_in_scope(call, bound.area)
    return answer({"system": system, "id": id, "noun": bound.noun, "target": str(bound.target)})


class Wanted(BaseModel):
    """Which events, and how long to wait for one."""

    after: int = Field(default=0, ge=0, le=LARGEST_INTEGER)
    limit: int = Field(default=100, ge=1, le=500)
    types: str | None = Field(
        default=None, description="逗号分隔", max_length=2000, pattern=r"^[A-Za-z]+(,[A-Za-z]+)*$"
    )
    area: UUID | None = None
    wait: int = Field(default=0, ge=0, le=LONGEST_WAIT_S, description="秒")


async def events(
    call: Annotated[Call, Depends(Holds(*READERS_OF_EVENTS))],
    wanted: Annotated[Wanted, Query()],
) -> Response:
    """CloudEvents by position. `covered_to`: up to where the filter was applied.

    Each event says what stood before it within the filter, so that a scoped reader can prove no
    gap: `previous`, the position of the event before, null where there is none at all; or, where
    none was found near, `none_since`: no event of the filter lies from there to this one. A reader
    that has covered the log to C and holds L as its last event goes on without a gap when
    `previous` is L, or `none_since` is at most C + 1: so it is behind any `after` that was a
    `covered_to`, and `after` = L always gives `previous`.
    """
    scope = wanted.area or call.caller.area
    if scope is not None:
        await require_in_scope(call, scope)
    give_up = asyncio.get_running_loop().time() + wanted.wait
    while True:
        page = await _page(call.log, wanted, scope)
        if page["events"] or asyncio.get_running_loop().time() >= give_up:
            return answer(page)
        await asyncio.sleep(0.1)


async def require_in_scope(call: Call, area: UUID) -> None:
    """Raises: NotFoundError for an area outside the caller's, as for one that does not exist."""
    path = await call.log.pool.fetchval(f"SELECT {known.path_of('$1::uuid')}", area)
    if path is None or (call.caller.area is not None and call.caller.area not in path):
        raise NotFoundError()


def admit(call: Call, path: tuple[UUID, ...]) -> None:
    """Before anything else is looked at: the area of this path is known, and the caller's. Raises:
    RefusedCall, by which the refusal is recorded."""
    try:
        within(call.actor, path)
        if not path:
            raise UnknownArea()
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None


async def _page(log: Log, wanted: Wanted, area: UUID | None) -> dict[str, Any]:
    after, up_to = wanted.after, wanted.after + SCANNED_AT_ONCE
    types = None if wanted.types is None else wanted.types.split(",")
    # The head first: what is appended after it is not covered, and comes with the next page.
    head = await log.pool.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
    rows = await log.pool.fetch(_EVENTS, after, min(head, up_to), types, area, wanted.limit)
    found = [recorded(log.store, row) for row in rows]
    covered = found[-1].position if len(found) == wanted.limit else min(head, up_to)
    before = await _before(log, after, types, area) if found else {}
    shown = []
    for event in found:
        shown.append({**cloud_event(log.service, event), **before})
        before = {"previous": event.position}
    return {"covered_to": max(covered, after), "events": shown, "head": head}


async def _before(
    log: Log, after: int, types: list[str] | None, area: UUID | None
) -> dict[str, int | None]:
    """What stands before the first event of a page, looked for as far back as a page goes on: the
    last event of the filter may lie at the other end of a long log."""
    since = max(0, after - SCANNED_AT_ONCE)
    previous = await log.pool.fetchval(_PREVIOUS, after, types, area, since)
    return {"none_since": since + 1} if previous is None and since else {"previous": previous}


_FILTER = f"""
   AND ($2::text[] IS NULL OR type = ANY ($2))
   AND ($3::uuid IS NULL
        OR (payload->>'area')::uuid IN ({known.below("$3")}))
"""
_EVENTS = f"""
SELECT {COLUMNS} FROM es.events
 WHERE position > $1 AND position <= $2::bigint
{_FILTER.replace("$3", "$4").replace("$2", "$3")}
 ORDER BY position LIMIT $5
"""  # noqa: S608 - constants only
_PREVIOUS = f"""
SELECT position FROM es.events WHERE position <= $1 AND position > $4::bigint {_FILTER}
 ORDER BY position DESC LIMIT 1
"""  # noqa: S608 - constants only


def cloud_event(service: str, event: Recorded) -> dict[str, Any]:
    """CloudEvents 1.0 in structured form; the data are the stored payload and metadata, without
    what is sealed: persons are opaque ids to whoever reads along (product 3)."""
    return {
        "specversion": "1.0",
        "id": event.identity,
        "source": f"/{service}/{event.store}",
        "type": event.type,
        "subject": str(event.stream),
        "time": event.recorded_at.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": dataschema(event.type, event.schema_version),
        "position": event.position,
        "epoch": event.epoch,
        "version": event.version,
        "seen": msgspec.json.decode(event.seen),
        "data": msgspec.json.decode(withheld(event.payload)),
        "metadata": msgspec.json.decode(event.metadata),
    }
