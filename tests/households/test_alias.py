"""Rules of proposed aliases: nothing is resolved by them until a steward confirms."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from libs.events.contracts.households import (
    AliasConfirmed,
    AliasRejected,
    AreaAliasAdded,
    AreaAliasProposed,
    AreaRegistered,
    NameTaken,
    OrganisationAliasAdded,
    OrganisationAliasProposed,
)
from services.households.domain import alias
from services.households.domain.alias import (
    AliasAlreadyProposed,
    ConfirmAlias,
    Proposal,
    ProposalDecided,
    ProposalNotThere,
    ProposeAlias,
    Proposing,
    RejectAlias,
    proposals,
)
from services.households.domain.area import AliasAlreadyAdded, AreaNotRegistered
from services.households.domain.organisation import (
    AliasTaken,
    Name,
    Organisation,
    OrganisationNotRegistered,
)
from services.households.domain.tree import Area, areas
from tests.spec import when

DAY = date(2020, 1, 1)
VILLAGE, BUREAU, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
MET = "2020年发放表 第3行"
village = areas.over(
    [
        AreaRegistered(
            area=VILLAGE,
            code="1",
            name="宁就村",
            level="village",
            parent=None,
            path=(VILLAGE,),
            valid_from=DAY,
        )
    ]
)
bureau = Organisation(BUREAU, VILLAGE, "区农业农村局", "bureau")
PROPOSED = AreaAliasProposed(area=VILLAGE, alias="宁旧村", met=MET)
NAMED = OrganisationAliasProposed(area=VILLAGE, organisation=BUREAU, alias="区农委", met=MET)


def asked(of: str, subject: UUID, text: str) -> ProposeAlias:
    said: dict[str, Any] = {"occurred_on": DAY, "of": of, "subject": subject, "alias": text}
    return ProposeAlias.model_validate({**said, "met": MET})


def state(known: Proposal | None = None, **changed: Any) -> Proposing:
    usual = Proposing(known or Proposal(), village, Organisation(), Name())
    return usual._replace(**changed)


AREA_ASKED = asked("area", VILLAGE, "宁旧村")
UNIT_ASKED = asked("organisation", BUREAU, "区农委")
CONFIRM = ConfirmAlias(occurred_on=DAY, document="某政发〔2020〕1号")
REJECT = RejectAlias(occurred_on=DAY, reason="另有其村")
open_ = proposals.over([PROPOSED])
named = proposals.over([NAMED])


def test_a_proposal_says_where_the_name_was_met() -> None:
    when(alias.propose, state(), AREA_ASKED).then(PROPOSED)
    when(alias.propose, state(organisation=bureau), UNIT_ASKED).then(NAMED)


def test_a_confirmed_name_is_added_as_a_steward_would_add_it() -> None:
    decision = when(alias.confirm, state(open_), CONFIRM).then(
        AreaAliasAdded(area=VILLAGE, alias="宁旧村", document="某政发〔2020〕1号"),
        AliasConfirmed(area=VILLAGE, alias="宁旧村"),
    )
    assert decision.document == "某政发〔2020〕1号"
    when(alias.confirm, state(named, organisation=bureau), CONFIRM).then(
        OrganisationAliasAdded(area=VILLAGE, organisation=BUREAU, alias="区农委"),
        NameTaken(area=VILLAGE, name="区农委", organisation=BUREAU),
        AliasConfirmed(area=VILLAGE, alias="区农委"),
    )


def test_a_rejected_name_is_nobodys_and_is_not_proposed_again() -> None:
    rejected = AliasRejected(area=VILLAGE, alias="宁旧村", reason="另有其村")
    when(alias.reject, state(open_), REJECT).then(rejected)
    known = proposals.over([PROPOSED, rejected])
    when(alias.propose, state(known), AREA_ASKED).refused(
        AliasAlreadyProposed, alias="宁旧村", state="未采用", why="另有其村"
    )
    when(alias.confirm, state(known), CONFIRM).refused(ProposalDecided, state="未采用")


def test_a_name_is_proposed_once_and_decided_once() -> None:
    when(alias.propose, state(open_), AREA_ASKED).refused(
        AliasAlreadyProposed, state="待确认", why=MET
    )
    confirmed = proposals.over([PROPOSED, AliasConfirmed(area=VILLAGE, alias="宁旧村")])
    when(alias.confirm, state(confirmed), CONFIRM).refused(ProposalDecided, state="已确认")
    when(alias.reject, state(confirmed), REJECT).refused(ProposalDecided)
    when(alias.confirm, state(), CONFIRM).refused(ProposalNotThere)


def test_what_could_not_be_confirmed_is_not_proposed() -> None:
    when(alias.propose, state(), asked("area", VILLAGE, "宁就村")).refused(AliasAlreadyAdded)
    when(alias.propose, state(area=Area()), AREA_ASKED).refused(AreaNotRegistered)
    when(alias.propose, state(), UNIT_ASKED).refused(OrganisationNotRegistered)
    taken = state(organisation=bureau, taken=Name(OTHER))
    when(alias.propose, taken, UNIT_ASKED).refused(AliasTaken, organisation=str(OTHER))


def test_a_name_that_was_taken_meanwhile_is_not_confirmed() -> None:
    taken = state(named, organisation=bureau, taken=Name(OTHER))
    when(alias.confirm, taken, CONFIRM).refused(AliasTaken, organisation=str(OTHER))
    added = areas.over([AreaAliasAdded(area=VILLAGE, alias="宁旧村", document=None)], village)
    when(alias.confirm, state(open_, area=added), CONFIRM).refused(AliasAlreadyAdded)
