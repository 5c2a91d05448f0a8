"""Facts of evidence 附件, in any log: a file shows something about a thing, or is said not to."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event

Digest = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", examples=["0f" * 32], description="hex of SHA-256")
]
Degrees = Annotated[
    str | None, Meta(examples=["25.123456"], description="decimal degrees, as the camera wrote it")
]


class SmallCopy(Struct, frozen=True, kw_only=True):
    """Of a photograph, for the screen: without the camera's notes."""

    digest: Digest
    size: Count
    media_type: str


class AttachmentAdded(Event, frozen=True, kw_only=True):
    """A file shows something about a thing. No name of a file is kept: it may name a person."""

    attachment: UUID
    area: Annotated[
        UUID | None, Meta(description="where the thing lies; null: nowhere in particular")
    ]
    target: Annotated[UUID, Meta(description="the thing that it is about")]
    kind: Annotated[str, Meta(examples=["acceptance_sheet"], description="kind of evidence")]
    digest: Digest
    size: Count
    media_type: Annotated[str, Meta(examples=["image/jpeg"], description="by its content")]
    caption: str | None
    taken_at: Annotated[
        str | None,
        Meta(examples=["2024-03-16T08:30:00"], description="as said, or as the camera wrote it"),
    ]
    latitude: Degrees
    longitude: Degrees
    small: SmallCopy | None


class AttachmentWithdrawn(Event, frozen=True, kw_only=True):
    """It shows nothing any more. The file stays."""

    attachment: UUID
    area: UUID | None
    target: UUID
    reason: str


CONTRACTS = Contracts((AttachmentAdded, AttachmentWithdrawn))
