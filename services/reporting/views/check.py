"""What must be so whatever happened: lots close, sums are the sums of entries, lists equal lots.

Design 5 and dossier F2: per lot and purpose all accounts are zero together; the totals beside the
entries are their sums; per list and lot the paid lines are the paid movements.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from libs.events import known

from .cursors import told

_SCOPE = f"""
scoped AS (SELECT DISTINCT l.lot FROM view.lots l WHERE $1::uuid IS NULL
           OR l.area IN ({known.below("$1")}))"""  # noqa: S608 - constants only
_LOTS = f"""
WITH {_SCOPE}
SELECT b.lot, b.purpose, sum(b.amount_fen)::bigint AS amount_fen
  FROM view.balances b JOIN scoped s ON s.lot = b.lot
 GROUP BY b.lot, b.purpose ORDER BY b.lot, b.purpose
"""  # noqa: S608 - constants
_TOTALS = f"""
WITH {_SCOPE}, summed AS (
    SELECT lot, purpose, coalesce(project, '00000000-0000-0000-0000-000000000000') AS project,
           account, place, sum(amount_fen)::bigint AS amount_fen, count(*) AS postings
      FROM view.movements GROUP BY 1, 2, 3, 4, 5)
SELECT lot, purpose, project, account, place, b.amount_fen, m.amount_fen AS entries_fen
  FROM view.balances b FULL JOIN summed m USING (lot, purpose, project, account, place)
  JOIN scoped s USING (lot)
 WHERE (b.amount_fen, b.postings) IS DISTINCT FROM (m.amount_fen, m.postings)
 ORDER BY lot, purpose, project, account, place
"""  # noqa: S608 - constants
_LISTS = f"""
WITH {_SCOPE}, listed AS (
    SELECT batch, lot, purpose, sum(amount_fen)::bigint AS lines_fen, sum(lines)::bigint AS lines
      FROM view.lines WHERE state = 'paid' GROUP BY batch, lot, purpose),
moved AS (
    SELECT m.payment AS batch, m.lot, m.purpose, sum(m.amount_fen)::bigint AS movements_fen,
           sum(m.lines)::bigint AS movements_lines
      FROM view.movements m
     WHERE m.account = 'paid' AND m.payment IN
           (SELECT payment FROM view.payments WHERE kind = 'batch' AND grade = 'line')
     GROUP BY m.payment, m.lot, m.purpose)
SELECT batch, lot, purpose, coalesce(lines_fen, 0) AS lines_fen,
       coalesce(movements_fen, 0) AS movements_fen, coalesce(lines, 0) AS lines,
       coalesce(movements_lines, 0) AS movements_lines
  FROM listed FULL JOIN moved USING (batch, lot, purpose) JOIN scoped USING (lot)
 ORDER BY batch, lot, purpose
"""  # noqa: S608 - constants


async def checked(pool: asyncpg.Pool, scope: UUID | None) -> dict[str, Any]:
    """Per invariant how many were looked at, and every counterexample."""
    lots = await pool.fetch(_LOTS, scope)
    totals = await pool.fetch(_TOTALS, scope)
    lists = await pool.fetch(_LISTS, scope)
    open_lots = [row for row in lots if row["amount_fen"] != 0]
    differing = [
        row
        for row in lists
        if (row["lines_fen"], row["lines"]) != (row["movements_fen"], row["movements_lines"])
    ]
    return {
        "lots_close": {"checked": len(lots), "breaches": [told(row) for row in open_lots]},
        "totals_are_entries": {"breaches": [told(row) for row in totals]},
        "lists_are_lots": {"checked": len(lists), "breaches": [told(row) for row in differing]},
    }
