"""Where did this fen go, where did it come from: both directions, at a moment (X3).

Every query begins with the cut ($1, $2), the day ($3) and the thing asked for ($4). Amounts stand
by account, so that the paid fen of a lot are the paid fen of its payments, and the fen of a payment
are those of its lots.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from .cursors import CUT, Moment, latest, told, within_cut
from .tables import WEIGHT

FIRST = UUID(int=0)
SPENT = "('reserved', 'in_flight', 'paid')"

_SUMS = ", ".join(
    f"coalesce(sum(m.amount_fen) FILTER (WHERE m.account = '{account}'), 0)::bigint"
    f" AS {account}_fen"
    for account in ("allocated", "reserved", "in_flight", "paid")
)
_PAID_LINES = "coalesce(sum(m.lines) FILTER (WHERE m.account = 'paid'), 0)::bigint AS paid_lines"


def _entries(name: str, table: str, key: str) -> str:
    """The rows of a table about the thing asked for, at the cut and until the day."""
    return (
        f"{name} AS (SELECT t.* FROM {table} t {within_cut('t')}"  # noqa: S608 - constants
        f" WHERE t.{key} = $4 AND ($3::date IS NULL OR t.effective_on <= $3))"
    )


def _named(table: str, key: str, alias: str) -> str:
    return f"{latest(table, key)} {alias}"


def _begun(table: str, key: str) -> str:
    """It counted on the day, whenever it was corrected since."""
    return (
        f"($3::date IS NULL OR EXISTS (SELECT FROM {table} b"
        f" WHERE b.{key} = $4 AND b.effective_on <= $3))"
    )


LOT = f"""
WITH {CUT} SELECT l.lot AS id, l.area, l.level, l.year, l.fund_name, l.batch, l.amount_fen,
       l.document_id, d.number, d.title, d.kind, d.issued_on
  FROM {_named("view.lots", "lot", "l")}
  LEFT JOIN {_named("view.documents", "document_id", "d")} ON d.document_id = l.document_id
 WHERE l.lot = $4 AND {_begun("view.lots", "lot")}
"""  # noqa: S608 - constants
LOT_PURPOSES = f"""
WITH {CUT}, {_entries("m", "view.movements", "lot")}
SELECT purpose,
       coalesce(-sum(amount_fen) FILTER (WHERE account = 'received'), 0)::bigint AS received_fen,
       coalesce(-sum(amount_fen) FILTER (WHERE account = 'carried_in'), 0)::bigint
           AS carried_in_fen,
       coalesce(-sum(amount_fen) FILTER (WHERE account = 'reallocated'), 0)::bigint
           AS reallocated_fen,
       coalesce(sum(amount_fen) FILTER (WHERE account = 'unallocated'), 0)::bigint
           AS unallocated_fen,
       coalesce(sum(amount_fen) FILTER (WHERE account = 'paid'), 0)::bigint AS paid_fen,
       array_remove(array_agg(DISTINCT document) FILTER (WHERE account = 'reallocated'), NULL)
           AS reallocated_by
  FROM m GROUP BY purpose ORDER BY purpose
"""  # noqa: S608 - constants
LOT_PROJECTS = f"""
WITH {CUT}, {_entries("m", "view.movements", "lot")}
SELECT m.project AS id, p.name, p.kind, m.purpose, {_SUMS},
       coalesce(sum(m.amount_fen) FILTER (WHERE m.account = 'allocated'
           AND m.event IN ('FundAllocated', 'AllocationCorrected')), 0)::bigint AS given_fen,
       array_remove(array_agg(DISTINCT m.document) FILTER (WHERE m.event = 'FundAllocated'), NULL)
           AS documents
  FROM m LEFT JOIN {_named("view.projects", "project", "p")} ON p.project = m.project
 WHERE m.project IS NOT NULL GROUP BY m.project, p.name, p.kind, m.purpose ORDER BY m.project
"""  # noqa: S608 - constants
LOT_PAYMENTS = f"""
WITH {CUT}, {_entries("m", "view.movements", "lot")}
SELECT m.payment AS id, p.kind, p.grade, p.scheme, p.period, p.use, p.project, {_SUMS},
       {_PAID_LINES}
  FROM m LEFT JOIN {_named("view.payments", "payment", "p")} ON p.payment = m.payment
 WHERE m.payment IS NOT NULL
 GROUP BY m.payment, p.kind, p.grade, p.scheme, p.period, p.use, p.project ORDER BY m.payment
"""  # noqa: S608 - constants
LOT_ASSETS = f"""
WITH {CUT}, {_entries("a", "view.assets", "lot")}
SELECT asset AS id, name, kind, project, area, sum(value_fen)::bigint AS from_lot_fen
  FROM a WHERE fact = 'source' GROUP BY asset, name, kind, project, area
HAVING sum(value_fen) <> 0 ORDER BY asset
"""  # noqa: S608 - constants
PAYMENT = f"""
WITH {CUT} SELECT p.payment AS id, p.kind, p.area, p.project, j.name AS project_name, p.payee_kind,
       p.payee, o.name AS payee_name, p.use, p.scheme, p.period, p.tranche, p.grade, p.lines,
       p.amount_fen
  FROM {_named("view.payments", "payment", "p")}
  LEFT JOIN {_named("view.projects", "project", "j")} ON j.project = p.project
  LEFT JOIN {_named("view.organisations", "organisation", "o")} ON o.organisation = p.payee
 WHERE p.payment = $4 AND {_begun("view.payments", "payment")}
"""  # noqa: S608 - constants
PAYMENT_LOTS = f"""
WITH {CUT}, {_entries("m", "view.movements", "payment")}
SELECT m.lot AS id, m.purpose, l.level, l.fund_name, l.batch, l.document_id, d.number, d.title,
       coalesce(sum(m.amount_fen) FILTER (WHERE m.account IN {SPENT}), 0)::bigint AS drawn_fen,
       {_SUMS}, {_PAID_LINES}
  FROM m LEFT JOIN {_named("view.lots", "lot", "l")} ON l.lot = m.lot
  LEFT JOIN {_named("view.documents", "document_id", "d")} ON d.document_id = l.document_id
 GROUP BY m.lot, m.purpose, l.level, l.fund_name, l.batch, l.document_id, d.number, d.title
 ORDER BY m.lot, m.purpose
"""  # noqa: S608 - constants
PROJECT_ASSETS = f"""
WITH {CUT}, {_entries("a", "view.assets", "project")}
SELECT DISTINCT ON (asset) asset AS id, name, kind, area, value_fen FROM a
 WHERE fact = 'formed' ORDER BY asset, position DESC, n DESC
"""  # noqa: S608 - constants
HOUSEHOLD = f"""
WITH {CUT}, {_entries("h", "view.households", "household")}
SELECT household AS id, area, register_type, era, persons, synthetic FROM h
 WHERE fact = 'registered' ORDER BY position DESC, n DESC LIMIT 1
"""  # noqa: S608 - constants
HOUSEHOLD_LINES = f"""
WITH {CUT}, {_entries("t", "view.lines", "household")}
SELECT t.batch, t.line, t.scheme, t.period, t.tranche, t.beneficiary, t.project,
       j.name AS project_name, t.lot, l.level, l.fund_name, t.purpose, d.number AS document,
       coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'ordered'), 0)::bigint AS ordered_fen,
       coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'paid'), 0)::bigint AS paid_fen,
       coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'returned'), 0)::bigint AS returned_fen,
       max(t.effective_on) FILTER (WHERE t.state = 'paid') AS paid_on
  FROM t LEFT JOIN {_named("view.lots", "lot", "l")} ON l.lot = t.lot
  LEFT JOIN {_named("view.documents", "document_id", "d")} ON d.document_id = l.document_id
  LEFT JOIN {_named("view.projects", "project", "j")} ON j.project = t.project
 GROUP BY t.batch, t.line, t.scheme, t.period, t.tranche, t.beneficiary, t.project, j.name, t.lot,
          l.level, l.fund_name, t.purpose, d.number
 ORDER BY t.batch, t.line, t.lot
"""  # noqa: S608 - constants
ASSET = f"""
WITH {CUT}, {_entries("a", "view.assets", "asset")}
SELECT a.asset AS id, a.area, a.name, a.kind, a.quantity, a.value_fen, a.project,
       j.name AS project_name
  FROM a LEFT JOIN {_named("view.projects", "project", "j")} ON j.project = a.project
 WHERE a.fact = 'formed' ORDER BY a.position DESC, a.n DESC LIMIT 1
"""  # noqa: S608 - constants
ASSET_LOTS = f"""
WITH {CUT}, {_entries("a", "view.assets", "asset")}
SELECT a.lot AS id, l.level, l.fund_name, d.number, d.title, sum(a.value_fen)::bigint AS amount_fen
  FROM a LEFT JOIN {_named("view.lots", "lot", "l")} ON l.lot = a.lot
  LEFT JOIN {_named("view.documents", "document_id", "d")} ON d.document_id = l.document_id
 WHERE a.fact = 'source' GROUP BY a.lot, l.level, l.fund_name, d.number, d.title
HAVING sum(a.value_fen) <> 0 ORDER BY a.lot
"""  # noqa: S608 - constants
ASSET_LIFE = f"""
WITH {CUT}, {_entries("a", "view.assets", "asset")}
SELECT a.epoch || '-' || a.position AS event_id, a.event, a.fact, a.category, a.ledger,
       a.organisation, o.name AS organisation_name, a.code, a.value_fen, a.occurred_on
  FROM a LEFT JOIN {_named("view.organisations", "organisation", "o")}
       ON o.organisation = a.organisation
 WHERE a.fact <> 'source' AND {WEIGHT.replace("e.", "a.")} > 0 ORDER BY a.position, a.n
"""  # noqa: S608 - constants
PROJECT_PAYMENTS = f"""
WITH {CUT}, {_entries("m", "view.movements", "project")}
SELECT m.payment AS id, p.kind, p.use, p.scheme, {_SUMS}
  FROM m LEFT JOIN {_named("view.payments", "payment", "p")} ON p.payment = m.payment
 WHERE m.payment IS NOT NULL GROUP BY m.payment, p.kind, p.use, p.scheme ORDER BY m.payment
"""  # noqa: S608 - constants
_PAID_TO = """
WITH {cut}, {lines}
SELECT household AS id, sum(amount_fen)::bigint AS paid_fen, sum(lines)::bigint AS lines
  FROM t WHERE state = 'paid' AND household > $5 GROUP BY household ORDER BY household LIMIT $6
"""
_COUNTED = """
WITH {cut}, {lines}
SELECT count(DISTINCT household) AS count, coalesce(sum(amount_fen), 0)::bigint AS paid_fen
  FROM t WHERE state = 'paid'
"""


async def rows(pool: asyncpg.Pool, query: str, id: UUID, moment: Moment) -> list[dict[str, Any]]:
    """All rows of one of the queries above."""
    found = await pool.fetch(query, *moment.arguments(), moment.counted_until, id)
    return [told(row) for row in found]


async def one(pool: asyncpg.Pool, query: str, id: UUID, moment: Moment) -> dict[str, Any] | None:
    """The row of a query that has at most one."""
    found = await rows(pool, query, id, moment)
    assert len(found) <= 1, f"{id} is there {len(found)} times"
    return found[0] if found else None


async def households(
    pool: asyncpg.Pool, key: str, id: UUID, moment: Moment, page: tuple[UUID, int]
) -> dict[str, Any]:
    """Households paid from a lot or by a batch (`key`): how many, how much, and one page of them.

    A list at summary grade names nobody: its fen are paid, and this is empty.
    """
    assert key in ("lot", "batch"), key
    lines = _entries("t", "view.lines", key)
    after, limit = page
    known = (*moment.arguments(), moment.counted_until, id)
    whole = await pool.fetchrow(_COUNTED.format(cut=CUT, lines=lines), *known)
    found = await pool.fetch(_PAID_TO.format(cut=CUT, lines=lines), *known, after, limit + 1)
    assert whole is not None, "an aggregate has one row"
    items = [told(row) for row in found[:limit]]
    after_this = items[-1]["id"] if len(found) > limit else None
    return {**told(whole), "items": items, "next": after_this}
