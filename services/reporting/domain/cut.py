"""A cut 截面: one position per log kept under a name, so that figures at it never change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, Field

from libs.events.contracts.reporting import CutNameTaken, CutTaken, LogPosition
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event, stream_id

CutName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", examples=["2020-final"])
]
BEFORE_ANY_LOG = datetime(2013, 1, 1, tzinfo=UTC)


class TakeCut(Command):
    """留存截面。不写知悉时点，则取本服务现已读到的位置。"""

    name: CutName
    area: UUID
    counted_until: Day | None = Field(default=None, description="业务截止日")
    known_at: AwareDatetime | None = Field(
        default=None, ge=BEFORE_ANY_LOG, description="知悉时点，带时区"
    )

    def stream(self) -> UUID:
        return stream_id("cut", str(self.area), str(self.area), self.name)

    def name_stream(self) -> UUID:
        """Which areas have a cut of this name."""
        return stream_id("cut_name", self.name, self.name)


class CutFacts(Facts, frozen=True, kw_only=True):
    """Where every log stood, closed under what its events had seen; all of it applied here."""

    positions: tuple[LogPosition, ...]


class CutAlreadyTaken(Refused):
    """该名称的截面已经留存：{name}。"""


class CutNameOfKin(Refused):
    """该名称在同一条区域线上已有截面：{name}，区域 {area}。"""


class Taking(NamedTuple):
    """The cut as it stands, and every area that has one of this name."""

    known: CutTaken | None
    named: tuple[CutNameTaken, ...]


def take(state: Taking, command: TakeCut, facts: CutFacts) -> Decision:
    """A name means one cut for ever, along the whole line of areas: `?cut=` needs no area."""
    if state.known is not None:
        raise CutAlreadyTaken(name=state.known.name)
    _require_free(state.named, command, facts.path)
    known_at = None if command.known_at is None else command.known_at.astimezone(UTC)
    event = CutTaken(
        area=command.area,
        name=command.name,
        counted_until=command.counted_until,
        known_at=known_at,
        positions=facts.positions,
    )
    mark = CutNameTaken(area=command.area, name=command.name, path=facts.path)
    cut = {at.source: at.position for at in facts.positions}
    body = {"id": str(command.stream()), "name": command.name, "cut": cut}
    return Decision({command.stream(): (event,), command.name_stream(): (mark,)}, body)


def _require_free(named: Iterable[CutNameTaken], command: TakeCut, path: tuple[UUID, ...]) -> None:
    """Neither an ancestor nor a descendant may have given the name."""
    for mark in named:
        if mark.area in path or command.area in mark.path:
            raise CutNameOfKin(name=mark.name, area=str(mark.area))


def evolve(state: CutTaken | None, event: Event) -> CutTaken | None:
    return event if isinstance(event, CutTaken) else state


def _named(state: tuple[CutNameTaken, ...], event: Event) -> tuple[CutNameTaken, ...]:
    return (*state, event) if isinstance(event, CutNameTaken) else state


cuts: Fold[CutTaken | None] = Fold("cut", None, evolve)
names: Fold[tuple[CutNameTaken, ...]] = Fold("cut_name", (), _named)
