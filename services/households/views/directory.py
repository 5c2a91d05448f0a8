"""The list of users, from the copy that every service has."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.known import below


class Of(NamedTuple):
    """Which users: of an area and below, of a unit, by subject; None does not cut."""

    scope: UUID | None
    unit: UUID | None
    subject: str | None


async def users(pool: Pool, of: Of, after: UUID | None, limit: int) -> list[Record]:
    """Users with the post they have now, in order of id."""
    return await pool.fetch(_USERS, *of, after, limit)


_USERS = f"""
SELECT u.id, u.subject, s.unit, s.area, s.post, d.id IS NOT NULL AS disabled, n.successor
  FROM known.users u
  JOIN known.seats s ON s.id = u.id
  LEFT JOIN known.disabled d ON d.id = u.id
  LEFT JOIN LATERAL (SELECT successor FROM known.successors WHERE id = u.id
                      ORDER BY position DESC LIMIT 1) n ON true
 WHERE ($1::uuid IS NULL OR s.area IN ({below("$1")}))
   AND ($2::uuid IS NULL OR s.unit = $2)
   AND ($3::text IS NULL OR u.subject = $3)
   AND ($4::uuid IS NULL OR u.id > $4)
 ORDER BY u.id LIMIT $5 + 1
"""  # noqa: S608 - constants only


async def area_of(pool: Pool, code: str) -> UUID | None:
    """The area that bears a code, or did last."""
    found: UUID | None = await pool.fetchval(
        "SELECT area FROM known.area_codes WHERE code = $1 ORDER BY valid_from DESC LIMIT 1", code
    )
    return found


async def unit_of(pool: Pool, path: tuple[UUID, ...], name: str) -> UUID | None:
    """The organisation that goes by a name in the lowest of these areas that has one."""
    found: UUID | None = await pool.fetchval(
        "SELECT organisation FROM view.organisation_names WHERE area = ANY ($1) AND name = $2"
        " ORDER BY array_position($1, area) DESC LIMIT 1",
        list(path),
        name,
    )
    return found
