"""What was taken out in a file: the fact that every log holds of exports."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event

Format = Literal["xlsx", "csv", "ndjson"]


class ListExported(Event, frozen=True, kw_only=True):
    """A list was made into a file and given to whoever asked; stored before its first byte goes
    out, whether or not the last one arrives."""

    list: Annotated[str, Meta(examples=["lots"])]
    area: Annotated[UUID | None, Meta(description="what it was cut to; null: the installation")]
    format: Format
    cut: Annotated[
        dict[str, Count], Meta(description="how far each source was applied in what was read")
    ]
    rows: Count
    bytes: Count
    sha256: Annotated[str, Meta(description="of the file, hex")]
    fields: Annotated[tuple[str, ...], Meta(description="people's fields that it tells")]
    profile: Annotated[str | None, Meta(description="how they are masked; null: it tells none")]
    purpose: Annotated[str | None, Meta(description="for which they are told")]


CONTRACTS = Contracts((ListExported,))
