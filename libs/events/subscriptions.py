"""A subscription 订阅: another system is told of this log's events at an address of its own.

The rules and what is shown; sending is `libs/chassis/deliveries.py`. One address has one
subscription in an area; which addresses may be reached at all is the operator's list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from .canonical import LARGEST_INTEGER
from .contracts.log import (
    RedeliveryAsked,
    SecretRotated,
    SubscriptionOpened,
    SubscriptionPaused,
    SubscriptionResumed,
)
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from .entries import Row, Table
from .errors import Refused, UnknownArea
from .types import Command, Event, Metadata, Recorded, stream_id

TypeName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{0,79}$")]
FromPosition = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]


class OpenSubscription(Command):
    """开通订阅。密钥只在应答中给出一次。"""

    url: str = Field(
        max_length=500,
        pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$",
        description="接收地址：不带参数、片段与账号",
        examples=["https://receiver.example/hooks/suyuan"],
    )
    types: tuple[TypeName, ...] | None = Field(
        default=None, min_length=1, max_length=100, description="null: 全部类型"
    )
    area: UUID | None = Field(default=None, description="该区域及其下级; null: 全部")
    from_position: FromPosition | None = Field(default=None, description="null: 从现在起")

    def subscription(self) -> UUID:
        return stream_id("subscription", str(self.area), str(self.area), self.url)


class PauseSubscription(Command):
    """暂停推送。"""


class GiveUpSubscription(Command):
    """推送长期不成，暂停。只由系统发出。"""


class ResumeSubscription(Command):
    """恢复推送。"""


class RedeliverEvents(Command):
    """从某位置起重新推送。"""

    from_position: FromPosition


class RotateSecret(Command):
    """更换密钥。新密钥只在应答中给出一次；旧密钥再同签一天。"""


class SubscriptionAlreadyOpen(Refused):
    """该地址已在该区域订阅：{subscription}。"""


class AddressNotListed(Refused):
    """地址不在运维准许的名单中：{url}。"""


class PositionAhead(Refused):
    """位置尚未发生：要求从 {from_position} 起，事件流止于 {head}。"""


class SubscriptionAlreadyPaused(Refused):
    """订阅已经暂停：{subscription}。"""


class SubscriptionNotPaused(Refused):
    """订阅没有暂停：{subscription}。"""


class SubscriptionFacts(Facts, frozen=True, kw_only=True):
    """`head`: where the log ended. `listed`: the operator's list holds the address; false where
    nobody asked for it."""

    head: int
    listed: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    id: UUID | None = None
    area: UUID | None = None
    url: str = ""
    types: tuple[str, ...] | None = None
    from_position: int = 0
    state: Literal["active", "paused"] = "active"
    reason: str | None = None
    secrets: int = 0


def open_(state: Subscription, command: OpenSubscription, facts: SubscriptionFacts) -> Decision:
    id_ = command.subscription()
    if command.area is not None and not facts.path:
        raise UnknownArea()
    if state.id is not None:
        raise SubscriptionAlreadyOpen(subscription=str(id_))
    if not facts.listed:
        raise AddressNotListed(url=command.url)
    opened = SubscriptionOpened(
        subscription=id_,
        area=command.area,
        url=command.url,
        types=command.types,
        from_position=_happened(command.from_position or facts.head + 1, facts),
    )
    return Decision({id_: (opened,)}, {"id": str(id_), "secret_number": 1})


def _happened(from_position: int, facts: SubscriptionFacts) -> int:
    """A reader that stands beyond the head would take the log for another one."""
    if from_position > facts.head + 1:
        raise PositionAhead(from_position=from_position, head=facts.head)
    return from_position


def pause(state: Subscription, _: PauseSubscription, __: SubscriptionFacts) -> Decision:
    id_ = _id(state)
    if state.state == "paused":
        raise SubscriptionAlreadyPaused(subscription=str(id_))
    paused = SubscriptionPaused(subscription=id_, area=state.area, reason="asked")
    return Decision({id_: (paused,)}, {"id": str(id_)})


def give_up(state: Subscription, _: GiveUpSubscription, __: SubscriptionFacts) -> Decision:
    """Whoever paused it before has said all there is to say."""
    id_ = _id(state)
    if state.state == "paused":
        return Decision({}, {"id": str(id_)}, status=200)
    paused = SubscriptionPaused(subscription=id_, area=state.area, reason="undelivered")
    return Decision({id_: (paused,)}, {"id": str(id_)})


def resume(state: Subscription, _: ResumeSubscription, __: SubscriptionFacts) -> Decision:
    id_ = _id(state)
    if state.state == "active":
        raise SubscriptionNotPaused(subscription=str(id_))
    resumed = SubscriptionResumed(subscription=id_, area=state.area)
    return Decision({id_: (resumed,)}, {"id": str(id_)})


def redeliver(state: Subscription, command: RedeliverEvents, facts: SubscriptionFacts) -> Decision:
    id_, at = _id(state), _happened(command.from_position, facts)
    asked = RedeliveryAsked(subscription=id_, area=state.area, from_position=at)
    return Decision({id_: (asked,)}, {"id": str(id_)})


def rotate(state: Subscription, _: RotateSecret, __: SubscriptionFacts) -> Decision:
    id_, number = _id(state), state.secrets + 1
    rotated = SecretRotated(subscription=id_, area=state.area, number=number)
    return Decision({id_: (rotated,)}, {"id": str(id_), "secret_number": number})


def _id(state: Subscription) -> UUID:
    assert state.id is not None, "a subscription in the path is there, or 404"
    return state.id


def evolve(state: Subscription, event: Event) -> Subscription:
    match event:
        case SubscriptionOpened():
            return Subscription(
                event.subscription,
                event.area,
                event.url,
                event.types,
                event.from_position,
                secrets=1,
            )
        case SubscriptionPaused():
            return replace(state, state="paused", reason=event.reason)
        case SubscriptionResumed():
            return replace(state, state="active", reason=None)
        case SecretRotated():
            return replace(state, secrets=event.number)
        case RedeliveryAsked():
            return replace(state, from_position=event.from_position)
        case _:
            return state


subscriptions: Fold[Subscription] = Fold("subscription", Subscription(), evolve)


async def _to_open(streams: Streams, ask: Ask[OpenSubscription]) -> Subscription:
    return await streams.load(subscriptions, ask.command.subscription())


async def _of(streams: Streams, ask: Ask[Any]) -> Subscription:
    return await streams.load(subscriptions, ask.subject)


async def _unlisted(_: Knowing, __: Subscription, ___: Ask[OpenSubscription]) -> SubscriptionFacts:
    """Listed for its rule: a stored request is decided again on its stored facts."""
    raise TypeError("OpenSubscription learns the operator's list: execute it by POST")


async def learned(known: Knowing, area: UUID | None, *, listed: bool) -> SubscriptionFacts:
    path = () if area is None else await known.path(area)
    head = await known.pool.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
    return SubscriptionFacts(path=path, head=head, listed=listed)


async def _where(known: Knowing, state: Subscription, _: Ask[Any]) -> SubscriptionFacts:
    return await learned(known, state.area, listed=False)


HOW: dict[str, Any] = {"founds_areas": True, "approvable": False}
OPEN = Decider(OpenSubscription, SubscriptionFacts, _to_open, _unlisted, open_, **HOW)
PAUSE = Decider(PauseSubscription, SubscriptionFacts, _of, _where, pause, **HOW)
GIVE_UP = Decider(GiveUpSubscription, SubscriptionFacts, _of, _where, give_up, **HOW)
RESUME = Decider(ResumeSubscription, SubscriptionFacts, _of, _where, resume, **HOW)
REDELIVER = Decider(RedeliverEvents, SubscriptionFacts, _of, _where, redeliver, **HOW)
ROTATE = Decider(RotateSecret, SubscriptionFacts, _of, _where, rotate, **HOW)
DECIDERS = (OPEN, PAUSE, GIVE_UP, RESUME, REDELIVER, ROTATE)

SUBSCRIPTIONS = Table(
    "es.subscriptions",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("url", "text"),
        ("types", "text[]"),
        ("from_position", "bigint"),
    ),
    key=("id",),
    mode="latest",
)
STATES = Table(
    "es.subscription_states",
    (
        ("subscription", "uuid"),
        ("state", "text"),
        ("reason", "text"),
        ("position", "bigint"),
        ("since", "timestamptz"),
    ),
    key=("subscription",),
    mode="latest",
)
REDELIVERIES = Table(
    "es.redeliveries",
    (("subscription", "uuid"), ("from_position", "bigint"), ("position", "bigint")),
    key=("subscription",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    at = (recorded.position, recorded.recorded_at)
    match fact:
        case SubscriptionOpened():
            types = None if fact.types is None else list(fact.types)
            row = (fact.subscription, fact.area, fact.url, types, fact.from_position)
            yield SUBSCRIPTIONS, row
            yield STATES, (fact.subscription, "active", None, *at)
        case SubscriptionPaused():
            yield STATES, (fact.subscription, "paused", fact.reason, *at)
        case SubscriptionResumed():
            yield STATES, (fact.subscription, "active", None, *at)
        case RedeliveryAsked():
            yield REDELIVERIES, (fact.subscription, fact.from_position, recorded.position)
        case _:
            return
