"""Routes of webhook subscriptions 订阅, the same in every service (product 3).

A secret is told once, in the answer to the command that made it, and stands in nothing that is
kept of the command: the answer under its key is stored without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.events import known
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
from .shapes import Made, Page
from .webhook import is_listed, make_secret

router = APIRouter(tags=["订阅"])
Keeper = Annotated[Call, Depends(Holds("operator", "system"))]
Anyone = Annotated[Call, Depends(Holds("operator", "system", "auditor"))]


class SecretTold(Made):
    """The answer to the command that made a secret, with it."""

    secret_number: int
    secret: str | None = Field(description="只给出一次；重复请求时为 null", examples=["whsec_…"])


class Sent(BaseModel):
    """Where to, and how far it got."""

    id: UUID
    area: UUID | None = Field(description="null: 全部区域")
    url: str
    types: list[str] | None = Field(description="null: 全部类型")
    state: Literal["active", "paused"]
    reason: str | None = Field(description="因何暂停", examples=["asked", "undelivered"])
    delivered_to: int = Field(description="推送到的位置")
    stopped: str | None = Field(description="推送因何停止")
    waiting: int = Field(description="未能送达而等候的事件数")
    waiting_since: AwareDatetime | None
    attempts: int = Field(description="等候的事件已试过几次，取最多者")


class SubscriptionRow(Sent):
    """In the list."""

    since: AwareDatetime = Field(description="自何时起处于此状态")


class SubscriptionShown(Sent):
    """With the number of its newest secret."""

    from_position: int = Field(description="从此位置起推送；重新推送后，是那时所求的位置")
    secrets: int


@router.post("/subscriptions", status_code=201, response_model=SecretTold, summary="开通订阅")
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


@router.post("/subscriptions/{id}/pauses", status_code=201, response_model=Made, summary="暂停推送")
async def pause(id: UUID, command: PauseSubscription, call: Keeper) -> Response:
    """恢复时从停处继续。"""
    return await call.execute(rules.PAUSE, command, id)


@router.post(
    "/subscriptions/{id}/resumes", status_code=201, response_model=Made, summary="恢复推送"
)
async def resume(id: UUID, command: ResumeSubscription, call: Keeper) -> Response:
    """未送达的即刻再试。"""
    return await call.execute(rules.RESUME, command, id)


@router.post(
    "/subscriptions/{id}/redeliveries", status_code=201, response_model=Made, summary="重新推送"
)
async def redeliver(id: UUID, command: RedeliverEvents, call: Keeper) -> Response:
    """从该位置起再推送一遍；事件编号不变，接收方凭编号去重。"""
    return await call.execute(rules.REDELIVER, command, id)


@router.post(
    "/subscriptions/{id}/secret-rotations",
    status_code=201,
    response_model=SecretTold,
    summary="更换密钥",
)
async def rotate(id: UUID, command: RotateSecret, call: Keeper) -> Response:
    """一天之内新旧密钥同签。新密钥只在此应答中给出一次。"""
    return await _with_secret(call, await call.execute(rules.ROTATE, command, id))


@router.get("/subscriptions", response_model=Page[SubscriptionRow], summary="订阅列表")
async def list_subscriptions(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    """按编号顺序，各带推送到何处。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(_LISTED, scope, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/subscriptions/{id}", response_model=SubscriptionShown, summary="订阅")
async def get_subscription(id: UUID, call: Anyone) -> Response:
    """推送到何处，自何时起未能送达，试过几次，因何暂停。"""
    version, state = await found(
        call, rules.subscriptions, id, lambda one: one.area, lambda one: one.id is not None
    )
    sent = await call.log.pool.fetchrow(_SENT, id, state.from_position)
    assert sent is not None, "a row, whether or not the subscription was read yet"
    shown: dict[str, Any] = plain(state) | plain(dict(sent))
    response = answer(shown)
    response.headers["etag"] = f'"{version}"'
    return response


async def _with_secret(call: Call, answered: Response) -> Response:
    """The answer with the secret, if it is made now. After a crash before it was made, the same
    key gets it; once told it is not told again."""
    if answered.status_code != 201:
        return answered
    body = msgspec.json.decode(answered.body)
    secret = await make_secret(call.log.pool, UUID(body["id"]), body["secret_number"])
    told = answer({**body, "secret": secret}, answered.status_code)
    told.headers.update(
        {name: value for name, value in answered.headers.items() if name != "content-length"}
    )
    return told


_SENT_OF = """
       coalesce(c.position, s.from_position - 1) AS delivered_to, c.stopped,
       p.waiting_since, coalesce(p.waiting, 0) AS waiting, coalesce(p.attempts, 0) AS attempts
  FROM {subscriptions} s
  LEFT JOIN es.cursors c ON c.reader = 'subscription.' || s.id::text
  LEFT JOIN LATERAL (SELECT min(parked_at) AS waiting_since, count(*) AS waiting,
                            max(attempts) AS attempts
                       FROM es.parked WHERE reader = 'subscription.' || s.id::text) p ON true
"""
# What was opened a moment ago is shown from its stream, before the reader has it in the table.
_OPENED = "(SELECT $1::uuid AS id, $2::bigint AS from_position)"
_SENT = f"SELECT {_SENT_OF.format(subscriptions=_OPENED)}"
_LISTED = f"""
SELECT s.id, s.area, s.url, s.types, t.state, t.reason, t.since,
       {_SENT_OF.format(subscriptions="es.subscriptions")}
  JOIN es.subscription_states t ON t.subscription = s.id
 WHERE ($1::uuid IS NULL OR s.area IN ({known.below("$1")}))
   AND ($2::uuid IS NULL OR s.id > $2)
 ORDER BY s.id LIMIT $3 + 1
"""
