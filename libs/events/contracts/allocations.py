"""What funds tells of allocations 安排 that were corrected; what was allocated is in `funds`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Event, Fen
from .changes import Corrected
from .money import Level, Movement


class AllocationCorrected(Corrected, frozen=True, kw_only=True):
    """An allocation was typed wrongly: what was arranged goes back as far as it is wrong, and is
    arranged as it should have been. `allocation`: the how manieth of the lot."""

    lot: UUID
    allocation: Annotated[int, Meta(ge=1)]
    project: UUID
    document: UUID | None
    amount_fen: Fen
    movements: tuple[Movement, ...]


class ProjectFundingChanged(Event, frozen=True, kw_only=True):
    """The project's side of a corrected allocation."""

    area: UUID
    project: UUID
    lot: UUID
    level: Level
    batch: str
    purpose: str
    more_fen: Annotated[int, Meta(description="integer fen; below 0: so much less")]


CONTRACTS = Contracts((AllocationCorrected, ProjectFundingChanged))
