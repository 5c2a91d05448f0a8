"""Facts that every log may hold, whatever its service: lives, refusals, foreign ids."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event


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


CONTRACTS = Contracts(
    (EpochOpened, CommandRefused, RefusalsCounted, ExternalRefBound, GenerationSwapped)
)
