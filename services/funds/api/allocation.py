"""Routes of allocations 安排: those of a lot, and how one is corrected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.corrections import CorrectionMade, Subject, correct, counted, counted_since
from libs.chassis.reading import state_of
from libs.events.decider import Ask, Decider, Knowing, Streams
from services.funds.domain.allocation_correction import (
    CorrectAllocation,
    Rearranging,
    correct_allocation,
)
from services.funds.domain.document import documents
from services.funds.domain.lot import AllocationFacts, Lot, lots
from services.funds.domain.project import Project, projects

from .correction import FIGURES, paid
from .purse import path_of

router = APIRouter(tags=["资金"])
Clerk = Annotated[Call, Depends(Holds("clerk", "finance"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class AllocationShown(BaseModel):
    """One allocation as it stands, corrected or not."""

    allocation: int = Field(description="第几次安排，从 1 起")
    project: UUID
    purpose: str
    document: UUID | None
    amount_fen: int


class Allocations(BaseModel):
    """In the order in which they were made."""

    allocations: list[AllocationShown]


async def _rests(call: Call, _: UUID, state: Lot) -> Sequence[dict[str, Any]]:
    """Projects that the lot gave to, and what was paid or listed of their money."""
    given: dict[UUID, int] = {}
    for one in state.allocations:
        given[one.project] = given.get(one.project, 0) + one.amount_fen
    return [counted("projects", list(given), sum(given.values())), *await paid(call, list(given))]


ALLOCATION = Subject(
    "lots",
    "allocation",
    "资金",
    lots,
    lambda one: one.area,
    _rests,
    (("assets", "项目以该资金形成的资产", "/api/v1/reporting/trace/lots/{id}"), FIGURES),
)


async def _state(streams: Streams, ask: Ask[CorrectAllocation]) -> Rearranging:
    """The project is the one that is named, or that which has the money."""
    lot, changes = await streams.load(lots, ask.subject), ask.command.changes
    project = Project()
    here = lot.allocations[ask.command.allocation - 1 : ask.command.allocation]
    wanted = changes.project or (here[0].project if here else None)
    if wanted is not None:
        project = await streams.load(projects, wanted)
    if changes.document is None:
        return Rearranging(lot, project, None)
    letter = await streams.load(documents, changes.document)
    return Rearranging(lot, project, letter)


async def _where(
    known: Knowing, state: Rearranging, ask: Ask[CorrectAllocation]
) -> AllocationFacts:
    lot, project, _letter = state
    return AllocationFacts(
        path=await path_of(known, lot.area),
        since=await counted_since(known, ask.subject),
        project=() if project.area is None else await known.path(project.area),
        home=None if lot.area is None else await known.home(lot.area),
    )


def _arranged(state: Rearranging, command: CorrectAllocation) -> int:
    """What is or would be arranged, whichever is more: a correction is no way around the approval
    of an allocation, neither up nor down."""
    amount = command.changes.amount
    was = state.lot.allocations[command.allocation - 1].amount_fen
    return max(was, 0 if amount is None else amount.read().amount_fen)


CORRECT = Decider(
    CorrectAllocation,
    AllocationFacts,
    _state,
    _where,
    correct_allocation,
    keeps_key=True,
    amount=_arranged,
    approved_as="AllocateFund",
)
DECIDERS = (CORRECT,)


@router.get("/lots/{id}/allocations", response_model=Allocations, summary="资金的各次安排")
async def list_allocations(id: UUID, call: Anyone) -> Response:
    """按先后顺序，更正后的内容；更正记录见该资金的更正记录。"""
    _, state = await state_of(call, lots, id, lambda one: one.area)
    return answer(
        {"allocations": [_shown(nth, one) for nth, one in enumerate(state.allocations, 1)]}
    )


def _shown(nth: int, one: Any) -> dict[str, Any]:
    return {
        "allocation": nth,
        "project": str(one.project),
        "purpose": one.purpose,
        "document": None if one.document is None else str(one.document),
        "amount_fen": one.amount_fen,
    }


@router.post(
    "/lots/{id}/allocation-corrections",
    status_code=201,
    response_model=CorrectionMade,
    summary="更正资金安排",
)
async def correct_one(id: UUID, command: CorrectAllocation, call: Clerk) -> Response:
    """更正项目、金额或文件：先收回再重新安排，只动未冻结未支付的；用途与日期收回后另行安排。"""
    return await correct(call, ALLOCATION, CORRECT, command, id)
