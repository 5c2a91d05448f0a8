"""Who may act, as every service knows it: copies of users, grants and delegations of households, of
the systems of others (systems.py), and of the working calendar (calendar_copy.py).

A delegation is a row of its own that names the grant it stands on; whether that one still holds,
and whether neither user is disabled, is asked when it is used (`held`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool

from . import calendar_copy, systems
from .contracts.directory import (
    GrantEnded,
    PostChanged,
    RoleDelegated,
    RoleGranted,
    UserDisabled,
    UserRegistered,
    WorkHandedOver,
)
from .entries import Row, Table
from .types import Event, Metadata, Recorded

USERS = Table(
    "known.users",
    (("id", "uuid"), ("subject", "text")),
    key=("id",),
    mode="latest",
)
SEATS = Table(
    "known.seats",
    (("id", "uuid"), ("area", "uuid"), ("unit", "uuid"), ("post", "text")),
    key=("id",),
    mode="latest",
)
DISABLED = Table("known.disabled", (("id", "uuid"),), key=("id",), mode="latest")
SUCCESSORS = Table(
    "known.successors",
    (("id", "uuid"), ("successor", "uuid"), ("position", "bigint")),
    key=("id", "successor"),
    mode="latest",
)
GRANTS = Table(
    "known.grants",
    (
        ("id", "uuid"),
        ("holder", "uuid"),
        ("of", "uuid"),
        ("area", "uuid"),
        ("duties", "text[]"),
        ("valid_from", "date"),
        ("valid_until", "date"),
    ),
    key=("id",),
    mode="latest",
)
ENDS = Table(
    "known.grant_ends", (("id", "uuid"), ("valid_until", "date")), key=("id",), mode="latest"
)
OF = (
    *(UserRegistered, PostChanged, UserDisabled, WorkHandedOver),
    *(RoleGranted, RoleDelegated, GrantEnded),
    *systems.OF,
    *calendar_copy.OF,
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    """Rows of the directory from the feed of households."""
    match fact:
        case UserRegistered():
            yield USERS, (fact.user, fact.subject)
            yield SEATS, (fact.user, fact.area, fact.unit, fact.post)
        case PostChanged():
            yield SEATS, (fact.user, fact.area, fact.unit, fact.post)
        case UserDisabled():
            yield DISABLED, (fact.user,)
        case WorkHandedOver():
            yield SUCCESSORS, (fact.user, fact.to, recorded.position)
        case RoleGranted():
            duties, days = list(fact.duties), (fact.valid_from, fact.valid_until)
            yield GRANTS, (fact.grant, fact.user, None, fact.area, duties, *days)
        case RoleDelegated():
            duties, days = list(fact.duties), (fact.valid_from, fact.valid_until)
            yield GRANTS, (fact.grant, fact.to, fact.of, fact.area, duties, *days)
        case GrantEnded():
            yield ENDS, (fact.grant, fact.valid_until)
        case _:
            yield from systems.project(fact)
            yield from calendar_copy.project(recorded, fact)


class Held(NamedTuple):
    """A grant that holds today. `behalf`: on whose behalf it is used, when it is delegated."""

    grant: UUID
    user: UUID
    duties: tuple[str, ...]
    area: UUID | None
    unit: str
    behalf: UUID | None


async def held(pool: Pool, subject: str, on: date) -> list[Held]:
    """What the user that the issuer calls so may do on a day; nothing when disabled or unknown."""
    rows = await pool.fetch(_HELD, subject, on)
    return [
        Held(
            row["id"],
            row["holder"],
            tuple(row["duties"]),
            row["area"],
            "" if row["unit"] is None else str(row["unit"]),
            row["behalf"],
        )
        for row in rows
    ]


async def same_person(pool: Pool, user: str) -> frozenset[str]:
    """The user and all whose work it took over, as texts: what they did counts as its own."""
    rows = await pool.fetch(_TAKEN_OVER, user)
    return frozenset({user, *(str(row["id"]) for row in rows)})


async def same_persons(pool: Pool, *users: str) -> frozenset[str]:
    """Of somebody who acts on behalf of another, both."""
    return frozenset[str]().union(*[await same_person(pool, user) for user in users])


async def answers_for(pool: Pool, *users: str) -> frozenset[str]:
    """Whose open work is one of these users' now: their own unless they handed it over, and what
    was handed over to them, along every chain."""
    candidates = await same_persons(pool, *users)
    rows = await pool.fetch("SELECT id, successor, position FROM known.successors")
    later: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        later.setdefault(str(row["id"]), []).append((row["position"], str(row["successor"])))
    return frozenset(one for one in candidates if _now_of(one, later) in users)


def _now_of(user: str, later: dict[str, list[tuple[int, str]]]) -> str:
    """Who has the work of a user after every handing over, one after the other."""
    at = 0
    while steps := [step for step in later.get(user, []) if step[0] > at]:
        at, user = max(steps)
    return user


class Seat(NamedTuple):
    """For which unit and in which post somebody acts."""

    unit: UUID | None
    post: str | None


async def seat_of(pool: Pool, user: str) -> Seat:
    """Of a user now; nothing of somebody unknown."""
    row = await pool.fetchrow("SELECT unit, post FROM known.seats WHERE id::text = $1", user)
    return Seat(None, None) if row is None else Seat(*row)


_HELD = """
WITH days AS (
    SELECT g.id, g.holder, g.of, g.area, g.duties, g.valid_from,
           least(g.valid_until, e.valid_until) AS valid_until
      FROM known.grants g LEFT JOIN known.grant_ends e ON e.id = g.id
), now AS (
    SELECT * FROM days d
     WHERE d.valid_from <= $2 AND (d.valid_until IS NULL OR d.valid_until >= $2)
       AND NOT EXISTS (SELECT 1 FROM known.disabled x WHERE x.id = d.holder)
)
SELECT n.id, n.holder, n.duties, n.area, s.unit, base.holder AS behalf
  FROM known.users u
  JOIN now n ON n.holder = u.id
  JOIN known.seats s ON s.id = u.id
  LEFT JOIN now base ON base.id = n.of
 WHERE u.subject = $1 AND (n.of IS NULL OR base.id IS NOT NULL)
 ORDER BY n.of IS NOT NULL, n.valid_from, n.id
"""
_TAKEN_OVER = """
WITH RECURSIVE taken AS (
    SELECT id FROM known.successors WHERE successor::text = $1
    UNION
    SELECT s.id FROM known.successors s JOIN taken t ON s.successor = t.id
)
SELECT id FROM taken
"""
