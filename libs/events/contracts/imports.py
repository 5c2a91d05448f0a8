"""What was taken from a file: the facts that every log holds of imports."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Count, Event, Fen


class ImportTaken(Event, frozen=True, kw_only=True):
    """A sheet was taken, whole or without the rows that were rejected. What its rows became are
    events of their own, whose correlation is the job."""

    job: UUID
    number: Count
    area: UUID
    importer: Annotated[str, Meta(examples=["lots"])]
    digest: Annotated[str, Meta(description="SHA-256 of the file, hex")]
    mode: Literal["all", "valid_rows"]
    read: Count
    accepted: Count
    rejected: Count
    ignored: Count
    accepted_fen: Fen
    rejected_fen: Fen
    reason: Annotated[str | None, Meta(description="why what happened long ago is entered now")]


CONTRACTS = Contracts((ImportTaken,))
