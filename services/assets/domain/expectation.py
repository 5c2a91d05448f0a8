"""An asset is expected 应形成资产: its project was paid for and is of a kind that leaves one (A1).

003:L121 对照资金找项目，对照项目找资产: whoever follows the money must find the asset, or the gap.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from libs.events.contracts.assets import FormationExpected, FormationNotExpected
from libs.events.decider import Decision, Facts, Fold
from libs.events.types import Command, Event, Reliance, stream_id

FORMING_KINDS = frozenset({"infrastructure", "industry", "habitat", "housing"})
"""Kinds of project that leave something standing: roads and water, workshops and photovoltaics,
stoves and lavatories, repaired dwellings. Insurance, relief, education leave nothing."""


class ExpectFormation(Command):
    """应形成资产。只由系统发出：资金已为该项目支付，或该项目的类别已更正。"""

    project: UUID
    corrected: bool = Field(default=False, description="因类别更正")


def expectation_stream(project: UUID) -> UUID:
    return stream_id("expectation", str(project), str(project))


class ExpectationFacts(Facts, frozen=True, kw_only=True):
    """`path`: of the project's area. `kind`: of the project. `paid`: whether money was paid for
    it. `funds`: the position up to which this holds."""

    funds: Reliance
    kind: str
    paid: bool = True


def expect(state: bool, command: ExpectFormation, facts: ExpectationFacts) -> Decision:
    """Expected once, from the first payment on, while the kind is one that leaves an asset."""
    stream = expectation_stream(command.project)
    due = facts.kind in FORMING_KINDS and facts.paid
    if due == state or (state and not command.corrected):
        return Decision({}, {"id": str(stream), "expected": state}, status=200)
    event = (FormationExpected if due else FormationNotExpected)(
        area=facts.path[-1],
        project=command.project,
        kind=facts.kind,
        relies_on=(facts.funds,),
    )
    return Decision({stream: (event,)}, {"id": str(stream), "expected": due})


def evolve(state: bool, event: Event) -> bool:
    match event:
        case FormationExpected():
            return True
        case FormationNotExpected():
            return False
        case _:
            return state


expectations: Fold[bool] = Fold("expectation", False, evolve)
