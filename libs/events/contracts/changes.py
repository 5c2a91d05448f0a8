"""What a correction 更正 says in every service: which fields of a thing change, and why."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ..types import Event, Sealed

Told = Annotated[str | int | bool | None, Meta(examples=["修建村组道路"])]
"""What a field says: a text, a whole number, a day or an id as text."""


class Change(Struct, frozen=True, kw_only=True):
    """A field of something that was registered wrongly: what it said and what it says now."""

    field: Annotated[str, Meta(examples=["title"])]
    was: Told
    now: Told


class SealedChange(Struct, frozen=True, kw_only=True):
    """The same of a person: sealed, and never in clear; null where nothing was or is told."""

    field: Annotated[str, Meta(examples=["name"])]
    was: Sealed | None
    now: Sealed | None


class Corrected(Event, frozen=True, kw_only=True):
    """Something was registered wrongly (更正). What was registered stays in its own event; beside
    the fields that change, a correction carries what the thing now says as a whole, since who reads
    events looks nothing up. The 文号 that it goes by stands in the metadata."""

    area: UUID
    changes: tuple[Change, ...]
    reason: str
    evidence: Annotated[
        str | None, Meta(description="SHA-256 of the file", examples=["0f" * 32])
    ] = None
