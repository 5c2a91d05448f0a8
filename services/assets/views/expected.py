"""Projects that were paid for and have no asset yet: the gap of A1."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.contracts.assets import FormationExpected, FormationNotExpected
from libs.events.entries import Row, Table
from libs.events.known import below
from libs.events.types import Event, Metadata, Recorded

EXPECTED = Table(
    "view.expected_formations",
    (
        *(("project", "uuid"), ("area", "uuid"), ("kind", "text"), ("expected_on", "date")),
        ("due", "boolean"),
    ),
    key=("project",),
    mode="latest",
)


OF: tuple[type[Event], ...] = (FormationExpected, FormationNotExpected)


def project(_: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case FormationExpected() | FormationNotExpected():
            due = isinstance(fact, FormationExpected)
            yield EXPECTED, (fact.project, fact.area, fact.kind, metadata.effective_on, due)
        case _:
            return


async def unformed(pool: Pool, scope: UUID | None, after: UUID | None, limit: int) -> list[Record]:
    """Expected and not formed, by id of the project; closed by the first asset that names it."""
    return await pool.fetch(_UNFORMED, scope, after, limit)


_UNFORMED = f"""
SELECT e.project AS id, e.area, p.name, coalesce(p.kind, e.kind) AS kind, e.expected_on
  FROM view.expected_formations e
  LEFT JOIN known.projects p ON p.id = e.project
 WHERE e.due AND ($1::uuid IS NULL OR e.area IN ({below("$1")}))
   AND NOT EXISTS (SELECT FROM view.assets a WHERE a.project = e.project)
   AND ($2::uuid IS NULL OR e.project > $2)
 ORDER BY e.project LIMIT $3 + 1
"""  # noqa: S608 - constants only
