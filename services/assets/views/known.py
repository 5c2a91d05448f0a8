"""What assets copies from others: areas and organisations; projects and the money they were given.

Two sources, two projections: a row is written by the events of one source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool

from libs.events import directory, known
from libs.events.contracts.allocations import ProjectFundingChanged
from libs.events.contracts.funds import (
    FundPaid,
    ProjectCorrected,
    ProjectFunded,
    ProjectProposed,
)
from libs.events.contracts.households import OrganisationRegistered
from libs.events.contracts.registers import OrganisationCorrected
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

ORGANISATIONS = Table(
    "known.organisations",
    (("id", "uuid"), ("kind", "text"), ("name", "text"), ("area", "uuid")),
    key=("id",),
    mode="latest",
)
PROJECTS = Table(
    "known.projects",
    (("id", "uuid"), ("area", "uuid"), ("name", "text"), ("kind", "text")),
    key=("id",),
    mode="latest",
)
FUNDED = Table(
    "known.funded",
    (("project", "uuid"), ("lot", "uuid"), ("amount_fen", "bigint")),
    key=("project", "lot"),
    mode="sum",
    sums=("amount_fen",),
)
PAID = Table(
    "known.paid", (("project", "uuid"), ("paid_on", "date")), key=("project",), mode="latest"
)

OF_HOUSEHOLDS = (OrganisationRegistered, OrganisationCorrected, *known.AREAS_OF, *directory.OF)
OF_FUNDS = (ProjectProposed, ProjectCorrected, ProjectFunded, ProjectFundingChanged, FundPaid)


def of_households(
    recorded: Recorded, fact: Event, metadata: Metadata
) -> Iterator[tuple[Table, Row]]:
    match fact:
        case OrganisationRegistered() | OrganisationCorrected():
            yield ORGANISATIONS, (fact.organisation, fact.kind, fact.name, fact.area)
        case _:
            yield from known.areas(recorded, fact, metadata)
            yield from directory.project(recorded, fact, metadata)


def of_funds(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case ProjectProposed() | ProjectCorrected():
            yield PROJECTS, (recorded.stream, fact.area, fact.name, fact.kind)
        case ProjectFunded():
            yield FUNDED, (fact.project, fact.lot, fact.amount_fen)
        case ProjectFundingChanged():
            yield FUNDED, (fact.project, fact.lot, fact.more_fen)
        case FundPaid():
            for project in {m.project for m in fact.movements if m.project is not None}:
                yield PAID, (project, metadata.effective_on)
        case _:
            return


class Project(NamedTuple):
    """A project as assets knows it: its area with ancestors (empty: unknown), its kind (empty:
    copied by a release that did not keep it), fen by lot, and whether it was paid for."""

    path: tuple[UUID, ...]
    kind: str
    funded: dict[UUID, int]
    paid: bool


async def project(pool: Pool, id_: UUID) -> Project:
    """One statement, so that the project and its money are of one moment."""
    rows = await pool.fetch(_PROJECT, id_)
    funded = {row["lot"]: row["amount_fen"] for row in rows if row["lot"] is not None}
    if not rows:
        return Project((), "", {}, paid=False)
    path, kind, paid = (rows[0][name] for name in ("path", "kind", "paid"))
    return Project(tuple(path), kind or "", funded, paid)


async def registered(pool: Pool, asked: list[UUID]) -> tuple[UUID, ...]:
    """Those of the organisations that are known, in order of id."""
    rows = await pool.fetch(_REGISTERED, asked)
    return tuple(row["id"] for row in rows)


_PROJECT = f"""
SELECT coalesce({known.path_of("p.area")}, ARRAY[p.area]) AS path, p.kind, f.lot, f.amount_fen,
       EXISTS (SELECT FROM known.paid g WHERE g.project = p.id) AS paid
  FROM known.projects p
  LEFT JOIN known.funded f ON f.project = p.id
 WHERE p.id = $1
"""  # noqa: S608 - constants only
_REGISTERED = "SELECT id FROM known.organisations WHERE id = ANY ($1::uuid[]) ORDER BY id"
