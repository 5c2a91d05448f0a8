"""The order of draw 支出顺序: a dated policy, itself an event; without one nothing is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import get_args
from uuid import UUID

from pydantic import Field

from libs.events.contracts.funds import DrawPolicyAdopted
from libs.events.contracts.money import Level, PolicyUsed
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event, stream_id

from .document import Document, require_registered


class AdoptDrawPolicy(Command):
    """规定支出顺序：先用哪一级资金；同级按批次。"""

    area: UUID
    in_force_from: Day
    levels: tuple[Level, ...] = Field(max_length=10)
    document: UUID | None = None


class LevelsIncomplete(Refused):
    """支出顺序须写明五个级次，各一次：写了 {named}。"""


class NoDrawPolicy(Refused):
    """该区域在 {on} 没有支出顺序，不能自动选择资金。"""


@dataclass(frozen=True, slots=True)
class InForce:
    """One adoption: from which day, as which version of the stream, which order."""

    since: date
    version: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class DrawPolicy:
    area: UUID | None = None
    adopted: tuple[InForce, ...] = ()

    def on(self, day: date) -> InForce:
        """The latest adopted of those in force on a day. Raises: NoDrawPolicy."""
        for policy in reversed(self.adopted):
            if policy.since <= day:
                return policy
        raise NoDrawPolicy(on=day.isoformat())

    def used(self, day: date) -> PolicyUsed:
        if self.area is None:
            raise NoDrawPolicy(on=day.isoformat())
        return PolicyUsed(policy=policy_stream(self.area), version=self.on(day).version)


def policy_stream(area: UUID) -> UUID:
    return stream_id("draw_policy", str(area), str(area))


def adopt(
    state: tuple[DrawPolicy, Document | None], command: AdoptDrawPolicy, _: Facts
) -> Decision:
    """Capability 4: a newer adoption changes later draws only; earlier ones cite their version."""
    document = state[1]
    if sorted(command.levels) != sorted(get_args(Level)):
        raise LevelsIncomplete(named="、".join(command.levels))
    if document is not None and command.document is not None:
        require_registered(document, command.document)
    id_ = policy_stream(command.area)
    event = DrawPolicyAdopted(
        policy=id_,
        area=command.area,
        in_force_from=command.in_force_from,
        levels=command.levels,
        within_level="batch",
        document=command.document,
    )
    return Decision(
        {id_: (event,)}, {"id": str(id_)}, None if document is None else document.number
    )


def evolve(state: DrawPolicy, event: Event) -> DrawPolicy:
    match event:
        case DrawPolicyAdopted():
            latest = InForce(event.in_force_from, len(state.adopted) + 1, event.levels)
            return DrawPolicy(event.area, (*state.adopted, latest))
        case _:
            return state


policies: Fold[DrawPolicy] = Fold("draw_policy", DrawPolicy(), evolve)
