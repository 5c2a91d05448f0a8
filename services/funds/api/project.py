"""Routes of projects 项目: propose, enter the library."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.contracts.money import Level
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.funds.domain import project
from services.funds.domain.document import Document, documents
from services.funds.domain.project import EnterLibrary, Project, ProposeProject, projects

router = APIRouter(tags=["项目"])
Clerk = Annotated[Call, Depends(Holds("clerk", "finance"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class Given(BaseModel):
    """What one lot has given to the project so far."""

    lot: UUID
    level: Level
    batch: str
    amount_fen: int


class ProjectShown(BaseModel):
    id: UUID
    area: UUID
    name: str
    purpose: str
    in_library: bool
    funded: list[Given]


async def _of_proposal(streams: Streams, ask: Ask[ProposeProject]) -> Project:
    return await streams.load(projects, ask.command.project())


async def _where_proposed(known: Knowing, _: Project, ask: Ask[ProposeProject]) -> Facts:
    area = ask.command.area
    return Facts(path=await known.path(area), ended=await known.ended(area))


async def _of_entry(streams: Streams, ask: Ask[EnterLibrary]) -> tuple[Project, Document | None]:
    known = await streams.load(projects, ask.subject)
    if ask.command.document is None:
        return known, None
    return known, await streams.load(documents, ask.command.document)


async def _where_project_is(known: Knowing, state: tuple[Project, Any], _: Ask[Any]) -> Facts:
    area = state[0].area
    return Facts(path=() if area is None else await known.path(area))


PROPOSE = Decider(
    ProposeProject, Facts, _of_proposal, _where_proposed, project.propose, noun="project"
)
ENTER = Decider(EnterLibrary, Facts, _of_entry, _where_project_is, project.enter_library)
DECIDERS = (PROPOSE, ENTER)


@router.post("/projects", status_code=201, response_model=Made, summary="申报项目")
async def propose(command: ProposeProject, call: Clerk) -> Response:
    """同一区域、年度与名称只申报一次。"""
    return await call.execute(PROPOSE, command, location="/api/v1/funds/projects/{id}")


@router.post(
    "/projects/{id}/library-entries", status_code=201, response_model=Made, summary="项目入库"
)
async def enter_library(id: UUID, command: EnterLibrary, call: Clerk) -> Response:
    """入库之后才能安排资金。"""
    return await call.execute(ENTER, command, id)


@router.get("/projects/{id}", response_model=ProjectShown, summary="项目")
async def get_project(id: UUID, call: Anyone) -> Response:
    return await show(call, projects, id, lambda state: state.area, _shown)


def _shown(state: Project) -> dict[str, Any]:
    funded = [
        {"lot": str(giver.lot), "level": giver.level, "batch": giver.batch, "amount_fen": fen}
        for giver, fen in sorted(state.funded.items())
    ]
    return {
        "id": str(state.id),
        "area": str(state.area),
        "name": state.name,
        "purpose": state.purpose,
        "in_library": state.in_library,
        "funded": funded,
    }
