"""Routes of webhook subscriptions 订阅, the same in every service (product 3).

A secret is told once, in the answer to the command that made it, and stands in nothing that is
kept of the command: the answer under its key is stored without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from libs.events import subscriptions as rules
from libs.events.decider import Ask, Knowing
from libs.events.subscriptions import (
    OpenSubscription,
    PauseSubscription,
    RedeliverEvents,
    ResumeSubscription,
    RotateSecret,
    Subscription,
    SubscriptionFacts,
)
from libs.events.types import plain

from .call import Call, Holds
from .common_routes import answer
from .listing import Wanted, page, scope_of
from .reading import found
from .webhook import is_listed, make_secret

router = APIRouter(tags=["订阅"])
Keeper = Annotated[Call, Depends(Holds("operator", "system"))]
Anyone = Annotated[Call, Depends(Holds("operator", "system", "auditor"))]


@router.post("/subscriptions", status_code=201, summary="开通订阅")
async def open_(command: OpenSubscription, call: Keeper, request: Request) -> Response:
    """地址须在运维准许的名单中。密钥只在此应答中给出一次。"""
    listed = is_listed(command.url, request.app.state.webhooks)

    async def learn(
        known: Knowing, _: Subscription, ask: Ask[OpenSubscription]
    ) -> SubscriptionFacts:
        return await rules.learned(known, ask.command.area, listed=listed)

    location = f"{request.app.state.service.prefix}/subscriptions/{{id}}"
    decider = replace(rules.OPEN, learn=learn)
    return await _with_secret(call, await call.execute(decider, command, location=location))


@router.post("/subscriptions/{id}/pauses", status_code=201, summary="暂停推送")
async def pause(id: UUID, command: PauseSubscription, call: Keeper) -> Response:
    """恢复时从停处继续。"""
    return await call.execute(rules.PAUSE, command, id)


@router.post("/subscriptions/{id}/resumes", status_code=201, summary="恢复推送")
async def resume(id: UUID, command: ResumeSubscription, call: Keeper) -> Response:
    """未送达的即刻再试。"""
    return await call.execute(rules.RESUME, command, id)


@router.post("/subscriptions/{id}/redeliveries", status_code=201, summary="重新推送")
async def redeliver(id: UUID, command: RedeliverEvents, call: Keeper) -> Response:
    """从该位置起再推送一遍；事件编号不变，接收方凭编号去重。"""
    return await call.execute(rules.REDELIVER, command, id)


@router.post("/subscriptions/{id}/secret-rotations", status_code=201, summary="更换密钥")
async def rotate(id: UUID, command: RotateSecret, call: Keeper) -> Response:
    """一天之内新旧密钥同签。新密钥只在此应答中给出一次。"""
    return await _with_secret(call, await call.execute(rules.ROTATE, command, id))


@router.get("/subscriptions", summary="订阅列表")
async def listed(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    """按编号顺序，各带推送到何处。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(_LISTED, scope, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/subscriptions/{id}", summary="订阅")
async def get(id: UUID, call: Anyone) -> Response:
    """推送到何处，自何时起未能送达，试过几次，因何暂停。"""
    version, state = await found(
        call, rules.subscriptions, id, lambda one: one.area, lambda one: one.id is not None
    )
    row = await call.log.pool.fetchrow(_STATE, id)
    sent: dict[str, Any] = plain(dict(row)) if row is not None else {}
    shown: dict[str, Any] = plain(state)
    response = answer({**shown, **sent})
    response.headers["etag"] = f'"{version}"'
    return response


async def _with_secret(call: Call, answered: Response) -> Response:
    """The answer with the secret, if it is made now. After a crash before it was made, the same
    key gets it; once told it is not told again."""
    body = msgspec.json.decode(answered.body)
    if answered.status_code >= 400:
        return answered
    secret = await make_secret(call.log.pool, UUID(body["id"]), body["secret_number"])
    told = answer({**body, "secret": secret}, answered.status_code)
    told.headers.update(
        {name: value for name, value in answered.headers.items() if name != "content-length"}
    )
    return told


_STATE_OF = """
       coalesce(c.position, s.from_position - 1) AS delivered_to, c.stopped,
       p.waiting_since, coalesce(p.waiting, 0) AS waiting, coalesce(p.attempts, 0) AS attempts
  FROM es.subscriptions s
  LEFT JOIN es.cursors c ON c.reader = 'subscription.' || s.id::text
  LEFT JOIN LATERAL (SELECT min(parked_at) AS waiting_since, count(*) AS waiting,
                            max(attempts) AS attempts
                       FROM es.parked WHERE reader = 'subscription.' || s.id::text) p ON true
"""
_STATE = f"SELECT {_STATE_OF} WHERE s.id = $1"
_LISTED = f"""
SELECT s.id, s.area, s.url, s.types, t.state, t.reason, t.since, {_STATE_OF}
  LEFT JOIN es.subscription_states t ON t.subscription = s.id
 WHERE ($1::uuid IS NULL OR s.area IN (SELECT id FROM known.areas WHERE $1 = ANY (path)))
   AND ($2::uuid IS NULL OR s.id > $2)
 ORDER BY s.id LIMIT $3 + 1
"""  # noqa: S608 - constants only
