"""A project 项目: proposed, entered into the library, funded lot by lot (P6, 003:L117)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.events.amount import AmountTyped
from libs.events.contracts.allocations import ProjectFundingChanged
from libs.events.contracts.funds import (
    KeyTaken,
    ProjectCorrected,
    ProjectEnteredLibrary,
    ProjectFunded,
    ProjectProposed,
)
from libs.events.contracts.money import Level
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.severity import Overridable
from libs.events.types import Command, Event, stream_id

from .document import Document, require_registered

ProjectName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["insurance"])]


class ProposeProject(Command):
    """申报项目。编号由区域、年度与名称决定。"""

    area: UUID
    year: int = Field(ge=2013, le=2100)
    name: ProjectName
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["infrastructure"])
    purpose: Purpose
    planned: AmountTyped | None = Field(default=None, description="计划投资")
    rank: int | None = Field(default=None, ge=1, le=10_000, description="年度计划中的排序")

    def project(self) -> UUID:
        return project_stream(self.area, self.year, self.name)


class EnterLibrary(Overridable):
    """项目入库。"""

    document: UUID | None = None


def project_stream(area: UUID, year: int, name: str) -> UUID:
    return stream_id("project", str(area), str(area), str(year), name)


class ProjectAlreadyProposed(Refused):
    """该项目已经申报：{name}，编号 {project}。"""


class ProjectKeyUsed(Refused):
    """{name} {year} 年已由项目 {project} 用过：{why}。另一项目请在名称中写明。"""


class ProjectNotProposed(Refused):
    """项目未申报：{project}。"""


class NotInLibrary(Refused):
    """项目未入库，不能安排资金：{name}。"""


class AlreadyInLibrary(Refused):
    """项目已经入库：{name}。"""


class FundedBy(NamedTuple):
    """A lot that gave to the project; level and batch are what a draw policy orders by."""

    lot: UUID
    level: Level
    batch: str


@dataclass(frozen=True, slots=True)
class Project:
    id: UUID | None = None
    area: UUID | None = None
    path: tuple[UUID, ...] = ()
    name: str = ""
    purpose: str = ""
    year: int = 0
    kind: str = ""
    planned_fen: int | None = None
    in_library: bool = False
    funded: Mapping[FundedBy, int] = field(default_factory=dict)


def require_free(there: Project, year: int, name: str) -> None:
    """`there`: what stands under the key. Raises: ProjectAlreadyProposed, ProjectKeyUsed."""
    if there.id is None:
        return
    if there.area is None:
        why = "该项目更正为此号"
    elif (there.year, there.name) == (year, name):
        raise ProjectAlreadyProposed(name=name, project=str(there.id))
    else:
        why = f"该项目曾如此申报，已更正为 {there.name} {there.year} 年"
    raise ProjectKeyUsed(name=name, year=year, project=str(there.id), why=why)


def propose(state: Project, command: ProposeProject, facts: Facts) -> Decision:
    require_free(state, command.year, command.name)
    id_ = command.project()
    event = ProjectProposed(
        project=command.project(),
        area=command.area,
        path=facts.path,
        year=command.year,
        name=command.name,
        kind=command.kind,
        purpose=command.purpose,
        planned=None if command.planned is None else command.planned.read(),
        rank=command.rank,
    )
    return Decision({id_: (event,)}, {"id": str(id_)})


def enter_library(
    state: tuple[Project, Document | None], command: EnterLibrary, _: Facts
) -> Decision:
    project, document = state
    id_, area = known(project)
    if project.in_library:
        raise AlreadyInLibrary(name=project.name)
    if document is not None and command.document is not None:
        require_registered(document, command.document)
    event = ProjectEnteredLibrary(area=area, project=id_, document=command.document)
    return Decision(
        {id_: (event,)}, {"id": str(id_)}, None if document is None else document.number
    )


def known(project: Project) -> tuple[UUID, UUID]:
    """Id and area of a project that was proposed. Raises: ProjectNotProposed."""
    if project.id is None or project.area is None:
        raise ProjectNotProposed(project="未知")
    return project.id, project.area


def require_fundable(project: Project) -> UUID:
    """Raises: ProjectNotProposed, NotInLibrary."""
    id_, _ = known(project)
    if not project.in_library:
        raise NotInLibrary(name=project.name)
    return id_


def evolve(state: Project, event: Event) -> Project:
    match event:
        case ProjectProposed():
            return replace(
                state,
                id=event.project,
                area=event.area,
                path=event.path,
                name=event.name,
                purpose=event.purpose,
                year=event.year,
                kind=event.kind,
                planned_fen=None if event.planned is None else event.planned.amount_fen,
            )
        case ProjectCorrected():
            named = replace(state, year=event.year, name=event.name)
            return replace(named, kind=event.kind, purpose=event.purpose)
        case KeyTaken():
            return replace(state, id=event.by)
        case ProjectEnteredLibrary():
            return replace(state, in_library=True)
        case ProjectFunded():
            giver = FundedBy(event.lot, event.level, event.batch)
            return _given(state, giver, event.amount_fen)
        case ProjectFundingChanged():
            return _given(state, FundedBy(event.lot, event.level, event.batch), event.more_fen)
        case _:
            return state


def _given(state: Project, giver: FundedBy, more_fen: int) -> Project:
    """A lot of which nothing is left was never a giver."""
    total = state.funded.get(giver, 0) + more_fen
    others = {one: fen for one, fen in state.funded.items() if one != giver}
    return replace(state, funded={**others, giver: total} if total else others)


projects: Fold[Project] = Fold("project", Project(), evolve)
