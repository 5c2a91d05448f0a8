"""A cut 截面: one position per log kept under a name, so that figures at it never change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from libs.events.contracts.reporting import CutTaken
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

CutName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", examples=["2020-final"])
]
BEFORE_ANY_LOG = datetime(2013, 1, 1, tzinfo=UTC)


class TakeCut(Command):
    """留存截面。不写知悉时点，则取本服务现已读到的位置。"""

    name: CutName
    area: UUID
    counted_until: date | None = Field(default=None, description="业务截止日")
    known_at: AwareDatetime | None = Field(
        default=None, ge=BEFORE_ANY_LOG, description="知悉时点，带时区"
    )

    def stream(self) -> UUID:
        return stream_id("cut", str(self.area), str(self.area), self.name)


class CutFacts(Facts, frozen=True, kw_only=True):
    """Where every log stood, closed under what its events had seen; all of it applied here."""

    positions: dict[str, int]


class CutAlreadyTaken(Refused):
    """该名称的截面已经留存：{name}。"""


def take(state: CutTaken | None, command: TakeCut, facts: CutFacts) -> Decision:
    """A name means one cut for ever."""
    if state is not None:
        raise CutAlreadyTaken(name=state.name)
    known_at = None if command.known_at is None else command.known_at.astimezone(UTC)
    event = CutTaken(
        area=command.area,
        name=command.name,
        counted_until=command.counted_until,
        known_at=known_at,
        positions=facts.positions,
    )
    body = {"id": str(command.stream()), "name": command.name, "cut": dict(facts.positions)}
    return Decision({command.stream(): (event,)}, body)


def evolve(state: CutTaken | None, event: Event) -> CutTaken | None:
    return event if isinstance(event, CutTaken) else state


cuts: Fold[CutTaken | None] = Fold("cut", None, evolve)
