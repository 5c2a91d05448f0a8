"""Facts that every log may hold, whatever its service: lives, refusals, foreign ids, tasks, what
was skipped, who is told of its events by webhook, and what its rules stand on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event
from . import approvals, evidence, exports, imports, rules


class EarlierLife(Struct, frozen=True, kw_only=True):
    """Where the epoch before ended, as known to whoever opened the new one."""

    epoch: int
    position: Count
    leaf: Annotated[str | None, Meta(description="hex of the last leaf; null for an empty log")]


class EpochOpened(Event, frozen=True, kw_only=True):
    """A life of a store begins: its creation, a restore or a promotion."""

    store: UUID
    epoch: int
    service: str
    reason: Annotated[str, Meta(examples=["created"])]
    previous: EarlierLife | None


class CommandRefused(Event, frozen=True, kw_only=True):
    """A rule said no. The answer that the caller got stays bound to the request key."""

    command: str
    refusal: str
    status: int
    area: Annotated[UUID | None, Meta(description="of the actor who asked")]
    target: UUID | None
    numbers: dict[str, int | str | None]


class RefusalsCounted(Event, frozen=True, kw_only=True):
    """Refusals of that unit and day beyond those kept one by one, as counted by one process since
    it began; each of them still has its request and answer."""

    count: Count


class ExternalRefBound(Event, frozen=True, kw_only=True):
    """Another system's own id now names this thing, for ever."""

    system: str
    id: str
    noun: Annotated[str, Meta(examples=["lot"], description="what kind of thing it is")]
    target: UUID
    area: Annotated[UUID | None, Meta(description="where it lies; null at the top")]


class GenerationSwapped(Event, frozen=True, kw_only=True):
    """Another build of the read model answers from here on (ADR 0010)."""

    generation: int
    previous: int
    digest: Annotated[
        str | None, Meta(description="hex of the difference between the two; null on the way back")
    ]
    accepted: Annotated[bool, Meta(description="they differed, and an operator accepted that")]
    reason: str | None


class Form(Struct, frozen=True, kw_only=True):
    """The route that answers a task, below the prefix of its service."""

    method: Literal["GET", "POST"]
    path: Annotated[str, Meta(examples=["/lots/0e1c4a39-7f6b-8a51-9c1d-2f3b4a5c6d7e/allocations"])]


class TaskOpened(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Something waits for whoever holds a duty (待办); where it is known, for those of a unit or
    post alone, or for one person."""

    task: UUID
    area: Annotated[UUID | None, Meta(description="where it lies; null: the whole installation")]
    kind: Annotated[str, Meta(examples=["reaction_refused"])]
    waits_for: Annotated[str, Meta(description="the role", examples=["clerk"])]
    due_on: Annotated[date | None, Meta(description="null: no rule sets a day")]
    target: Annotated[UUID | None, Meta(description="the thing that it is about")]
    about: Annotated[str, Meta(description="what made it", examples=["funds/1-234"])]
    reason: Annotated[str, Meta(description="name of a refusal or of a state")]
    numbers: dict[str, int | str | None]
    title: Annotated[str | None, Meta(description="what it is, in words")] = None
    or_duties: Annotated[tuple[str, ...], Meta(description="that answer it as well")] = ()
    unit: UUID | None = None
    post: str | None = None
    person: Annotated[str | None, Meta(description="an actor's id: it waits for this one")] = None
    not_person: Annotated[
        str | None, Meta(description="an actor's id: who may not answer it, though of the duty")
    ] = None
    not_persons: Annotated[
        tuple[str, ...], Meta(description="more of those: on whose behalf it is, who did theirs")
    ] = ()
    form: Form | None = None
    assumed: Annotated[
        bool, Meta(description="the day was reckoned with a year that has no calendar")
    ] = False


class TaskClosed(Event, frozen=True, kw_only=True):
    """Somebody did it, or said why nothing is to be done."""

    task: UUID
    area: UUID | None
    note: str


class ParkedSkipped(Event, frozen=True, kw_only=True):
    """An event that waited for its effect will have none: an operator's decision."""

    reader: Annotated[str, Meta(examples=["policy.expect_formation"])]
    source: Annotated[str, Meta(examples=["funds"])]
    key: UUID
    position: Count
    reason: str


class SubscriptionOpened(Event, frozen=True, kw_only=True):
    """Another system is told of events from a position on, signed, at one address."""

    subscription: UUID
    area: Annotated[UUID | None, Meta(description="events of this area and below; null: all")]
    url: str
    types: Annotated[tuple[str, ...] | None, Meta(description="null: every type")]
    from_position: Count


class SubscriptionPaused(Event, frozen=True, kw_only=True):
    """Nothing is sent until it is resumed; nothing is lost either."""

    subscription: UUID
    area: UUID | None
    reason: Literal["asked", "undelivered"]


class SubscriptionResumed(Event, frozen=True, kw_only=True):
    """Sending goes on where it stood."""

    subscription: UUID
    area: UUID | None


class RedeliveryAsked(Event, frozen=True, kw_only=True):
    """Events from a position on are sent once more."""

    subscription: UUID
    area: UUID | None
    from_position: Count


class SecretRotated(Event, frozen=True, kw_only=True):
    """A new secret signs, beside the one before for a day. No secret stands in any event."""

    subscription: UUID
    area: UUID | None
    number: Annotated[int, Meta(description="which secret, from 1", examples=[2])]


CONTRACTS = (
    Contracts(
        (
            EpochOpened,
            CommandRefused,
            RefusalsCounted,
            ExternalRefBound,
            GenerationSwapped,
            TaskOpened,
            TaskClosed,
            ParkedSkipped,
            SubscriptionOpened,
            SubscriptionPaused,
            SubscriptionResumed,
            RedeliveryAsked,
            SecretRotated,
        )
    )
    | rules.CONTRACTS
    | approvals.CONTRACTS
    | evidence.CONTRACTS
    | imports.CONTRACTS
    | exports.CONTRACTS
)
