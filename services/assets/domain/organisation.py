"""Organisations as the rules of assets know them: which are registered, up to where."""

from __future__ import annotations

from uuid import UUID

from libs.events.decider import Facts
from libs.events.errors import Refused
from libs.events.types import Reliance


class OrganisationFacts(Facts, frozen=True, kw_only=True):
    """Which of the organisations named are registered, up to a position of households."""

    households: Reliance
    registered: tuple[UUID, ...]

    def relied(self) -> tuple[Reliance, ...]:
        return (self.households,)


class UnknownOrganisation(Refused):
    """单位未登记：{organisation}（农户库已读到 {position}）。"""


def require_registered(organisation: UUID, facts: OrganisationFacts) -> None:
    if organisation not in facts.registered:
        raise UnknownOrganisation(
            organisation=str(organisation), position=facts.households.position
        )
