"""Aliases that were proposed, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.contracts.households import (
    AliasConfirmed,
    AliasRejected,
    AreaAliasProposed,
    OrganisationAliasProposed,
)
from libs.events.entries import Row, Table
from libs.events.known import below
from libs.events.types import Event, Recorded

PROPOSALS = Table(
    "view.alias_proposals",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("of", "text"),
        ("subject", "uuid"),
        ("alias", "text"),
        ("met", "text"),
    ),
    key=("id",),
    mode="latest",
)
RULINGS = Table(
    "view.alias_rulings",
    (("proposal", "uuid"), ("state", "text"), ("reason", "text")),
    key=("proposal",),
    mode="latest",
)

OF = (AreaAliasProposed, OrganisationAliasProposed, AliasConfirmed, AliasRejected)


def project(recorded: Recorded, fact: Event) -> Iterator[tuple[Table, Row]]:
    """One row for the proposal and one for what was decided, under the id of its stream."""
    id_ = recorded.stream
    match fact:
        case AreaAliasProposed(area=area):
            yield PROPOSALS, (id_, area, "area", area, fact.alias, fact.met)
        case OrganisationAliasProposed(area=area):
            about = fact.organisation
            yield PROPOSALS, (id_, area, "organisation", about, fact.alias, fact.met)
        case AliasConfirmed():
            yield RULINGS, (id_, "confirmed", None)
        case AliasRejected():
            yield RULINGS, (id_, "rejected", fact.reason)
        case _:
            return


async def listed(
    pool: Pool, scope: UUID | None, state: str, after: UUID | None, limit: int
) -> list[Record]:
    """Proposals in one state about what lies within a scope."""
    return await pool.fetch(_LISTED, scope, state, after, limit)


_LISTED = f"""
SELECT p.id, p.area, p.of, p.subject, p.alias, p.met, coalesce(r.state, 'open') AS state, r.reason
  FROM view.alias_proposals p
  LEFT JOIN view.alias_rulings r ON r.proposal = p.id
 WHERE ($1::uuid IS NULL OR p.area IN ({below("$1")}))
   AND coalesce(r.state, 'open') = $2
   AND ($3::uuid IS NULL OR p.id > $3)
 ORDER BY p.id LIMIT $4 + 1
"""  # noqa: S608 - constants only
