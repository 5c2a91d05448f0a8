"""Aliases proposed where they were met, confirmed or rejected by a steward.

A proposed name resolves nothing: it is no name of the area or organisation until it is confirmed,
and then under the same rules as one that a steward adds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.events.contracts.households import (
    AliasConfirmed,
    AliasRejected,
    AreaAliasProposed,
    OrganisationAliasProposed,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from . import area as areas_
from . import organisation as organisations_
from .area import AddAreaAlias, AreaName, Document, registered, require_new_name
from .organisation import Addition, AddOrganisationAlias, Name, Organisation
from .tree import Area

Of = Literal["area", "organisation"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ProposeAlias(Command):
    """提出区域或单位的别名, 由基础数据管理员确认后才生效。"""

    of: Of
    subject: UUID = Field(description="所指的区域或单位")
    alias: AreaName
    met: Text = Field(description="在何处遇到: 文件、表、行", examples=["2020年发放表 第3行"])

    def proposal(self) -> UUID:
        return proposal_stream(self.subject, self.alias)


class ConfirmAlias(Command):
    """确认别名: 自此按该名称可以查到, 与直接登记相同。"""

    document: Document | None = Field(default=None, description="文号")


class RejectAlias(Command):
    """不采用该别名。"""

    reason: Text


def proposal_stream(subject: UUID, alias: str) -> UUID:
    """One name is proposed for one thing once."""
    return stream_id("alias_proposal", str(subject), str(subject), alias)


class AliasAlreadyProposed(Refused):
    """该别名已经提出：{alias}，状态为 {state}，{why}。"""


class ProposalNotThere(Refused):
    """没有这项别名提议。"""


class ProposalDecided(Refused):
    """该别名提议已经处理：{alias}，状态为 {state}。"""


STATES = {"open": "待确认", "confirmed": "已确认", "rejected": "未采用"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A name that someone met and took for another name of this."""

    area: UUID | None = None
    of: Of = "area"
    subject: UUID | None = None
    alias: str = ""
    met: str = ""
    state: Literal["open", "confirmed", "rejected"] = "open"
    reason: str | None = None


class Proposing(NamedTuple):
    """The proposal as it stands; what it is about, and whose the name is among organisations."""

    known: Proposal
    area: Area
    organisation: Organisation
    taken: Name


def propose(state: Proposing, command: ProposeAlias, _: Facts) -> Decision:
    """Refused at once where it could not be confirmed."""
    known = state.known
    if known.area is not None:
        raise AliasAlreadyProposed(
            alias=known.alias, state=STATES[known.state], why=known.reason or known.met
        )
    event: Event
    if command.of == "area":
        area = registered(state.area)
        require_new_name(state.area, command.alias)
        event = AreaAliasProposed(area=area, alias=command.alias, met=command.met)
    else:
        id_, area = organisations_.registered(state.organisation)
        organisations_.require_free(command.alias, state.taken)
        event = OrganisationAliasProposed(
            area=area, organisation=id_, alias=command.alias, met=command.met
        )
    return Decision({command.proposal(): (event,)}, {"id": str(command.proposal())})


def confirm(state: Proposing, command: ConfirmAlias, facts: Facts) -> Decision:
    """The name is added as if the steward had added it; what makes that wrong refuses here too."""
    known, subject = _open(state.known)
    days = {"occurred_on": command.occurred_on, "effective_on": command.effective_on}
    if known.of == "area":
        adding = AddAreaAlias.model_validate(
            {**days, "alias": known.alias, "document": command.document}
        )
        added = areas_.add_alias(state.area, adding, facts)
    else:
        naming = AddOrganisationAlias.model_validate({**days, "alias": known.alias})
        addition = Addition(state.organisation, state.area, state.taken)
        added = organisations_.add_alias(addition, naming, facts)
    proposal = proposal_stream(subject, known.alias)
    confirmed = AliasConfirmed(area=registered(state.area), alias=known.alias)
    events = {**added.events, proposal: (confirmed,)}
    return Decision(events, {"id": str(proposal)}, command.document)


def reject(state: Proposing, command: RejectAlias, _: Facts) -> Decision:
    known, subject = _open(state.known)
    proposal = proposal_stream(subject, known.alias)
    event = AliasRejected(area=registered(state.area), alias=known.alias, reason=command.reason)
    return Decision({proposal: (event,)}, {"id": str(proposal)})


def _open(known: Proposal) -> tuple[Proposal, UUID]:
    """The proposal with what it is about. Raises: ProposalNotThere, ProposalDecided."""
    if known.subject is None:
        raise ProposalNotThere()
    if known.state != "open":
        raise ProposalDecided(alias=known.alias, state=STATES[known.state])
    return known, known.subject


def evolve(state: Proposal, event: Event) -> Proposal:
    match event:
        case AreaAliasProposed():
            return Proposal(event.area, "area", event.area, event.alias, event.met)
        case OrganisationAliasProposed(area=area):
            about = event.organisation
            return Proposal(area, "organisation", about, event.alias, event.met)
        case AliasConfirmed():
            return replace(state, state="confirmed")
        case AliasRejected():
            return replace(state, state="rejected", reason=event.reason)
        case _:
            return state


proposals: Fold[Proposal] = Fold("alias_proposal", Proposal(), evolve)
