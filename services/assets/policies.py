"""What assets does when others tell something: a fact in, a command to itself out. Pure."""

from __future__ import annotations

from libs.events.contracts.funds import FundPaid, ProjectCorrected
from libs.events.decider import Reaction
from libs.events.types import Event, Metadata, Recorded

from .domain.expectation import ExpectFormation, expectation_stream


def expect_formation(_: Recorded, fact: Event, metadata: Metadata) -> Reaction | None:
    """Money was paid for a project, or its kind was corrected: an asset may be due (A1), or no
    longer. Which kinds of project leave one is the rule's to say."""
    match fact:
        case FundPaid():
            project = next((m.project for m in fact.movements if m.project is not None), None)
            if project is None:
                return None
            command = ExpectFormation(
                occurred_on=metadata.occurred_on,
                effective_on=metadata.effective_on,
                project=project,
            )
            return Reaction(command, expectation_stream(project), fact.area)
        case ProjectCorrected() if any(change.field == "kind" for change in fact.changes):
            command = ExpectFormation(
                occurred_on=metadata.occurred_on,
                effective_on=metadata.effective_on,
                project=fact.project,
                corrected=True,
            )
            return Reaction(command, expectation_stream(fact.project), fact.area)
        case _:
            return None
