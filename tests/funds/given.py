"""A small district for the rules of funds: two lots, a project that both fund, a policy, a list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from libs.events.contracts.money import Level
from libs.events.decider import Decision, Facts
from libs.events.types import Command, Reliance
from services.funds.domain import lot, project
from services.funds.domain.batch import Listing, batches_
from services.funds.domain.document import Document
from services.funds.domain.drawing import Purse
from services.funds.domain.lot import Lot, RegisterLot, lots
from services.funds.domain.policy import DrawPolicy, InForce
from services.funds.domain.project import Project, ProposeProject, projects
from tests.spec import ANYWHERE

DAY = date(2020, 3, 16)
AREA, PAYEE, HOUSEHOLD = UUID(int=11), UUID(int=12), UUID(int=13)
LEVELS: tuple[Level, ...] = ("central", "province", "prefecture", "county", "township")
RELIED = (Reliance(source="households", epoch=1, position=7),)
LETTER = Document(UUID(int=1), AREA, "测财农〔2020〕1号", "funding", "下达资金")
APPROVAL = replace(LETTER, id=UUID(int=2), number="测政批〔2020〕2号", kind="approval")


def on(command: type[Command], /, **fields: Any) -> Any:
    """A command of that day."""
    return command.model_validate({"occurred_on": DAY, **fields})


def yuan(text: str) -> dict[str, str]:
    return {"text": text, "unit": "元"}


def registered(level: Level, batch: str, text: str, purpose: str = "relief") -> Lot:
    command = on(
        RegisterLot,
        area=AREA,
        level=level,
        year=2020,
        fund_name="测试资金",
        batch=batch,
        document=LETTER.id,
        amount=yuan(text),
        purposes=[{"purpose": purpose, "amount": yuan(text)}],
    )
    known: Lot = after(lots.initial, lots, lot.register((Lot(), LETTER), command, ANYWHERE))
    return known


def in_library(purpose: str = "relief") -> Project:
    command = on(
        ProposeProject, area=AREA, year=2020, name="测试项目", kind="relief", purpose=purpose
    )
    decision = project.propose(Project(), command, Facts(path=(AREA,)))
    proposed: Project = after(projects.initial, projects, decision)
    return replace(proposed, in_library=True)


def after(state: Any, fold: Any, decision: Decision) -> Any:
    """The state after those events of a decision that concern it."""
    return fold.over((event for facts in decision.events.values() for event in facts), state)


ALLOCATING = lot.AllocationFacts(path=ANYWHERE.path)


def allocated(known: Lot, to: Project, text: str) -> tuple[Lot, Project]:
    command = on(lot.AllocateFund, project=to.id, purpose=to.purpose, amount=yuan(text))
    decision = lot.allocate((known, to, None), command, ALLOCATING)
    return after(known, lots, decision), after(to, projects, decision)


def purse(*amounts: tuple[Level, str, str]) -> Purse:
    """A project wholly funded by lots of (level, batch, yuan); province before county."""
    to, found = in_library(), {}
    for level, batch, text in amounts:
        known, to = allocated(registered(level, batch, text), to, text)
        assert known.id is not None
        found[known.id] = known
    policy = DrawPolicy(AREA, (InForce(date(2020, 1, 1), 1, LEVELS),))
    return Purse(to, found, policy)


def moved(known: Purse, decision: Decision) -> Purse:
    """The purse after a decision."""
    found = {
        id_: lots.over(decision.events.get(id_, ()), state) for id_, state in known.lots.items()
    }
    return replace(known, lots=found)


def listing(state: Listing, decision: Decision) -> Listing:
    """A batch and its purse after a decision."""
    own = [
        e for id_, facts in decision.events.items() if id_ == _id(state, decision) for e in facts
    ]
    return Listing(batches_.over(own, state.batch), moved(state.purse, decision))


def _id(state: Listing, decision: Decision) -> UUID:
    return state.batch.id or UUID(decision.body["id"])
