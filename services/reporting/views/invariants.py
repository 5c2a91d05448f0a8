"""What must be so in the tables of reporting, looked at some lots and lists at a time.

The same three as `check` answers for a scope: lots close, totals are the sums of their entries,
lists equal what their lots paid. A look is one statement, so it sees one applied position.
"""

from __future__ import annotations

from libs.events.invariant import TableInvariant

_BEHIND = "coalesce(nullif($1, ''), '00000000-0000-0000-0000-000000000000')::uuid"
_LOTS_CLOSE = f"""
SELECT k.lot::text AS key, open.numbers
  FROM (SELECT DISTINCT lot FROM view.balances WHERE lot > {_BEHIND} ORDER BY lot LIMIT $2) k
  LEFT JOIN LATERAL (
       SELECT json_build_object('lot', k.lot, 'purpose', purpose,
                                'amount_fen', sum(amount_fen)::bigint) AS numbers
         FROM view.balances WHERE lot = k.lot
        GROUP BY purpose HAVING sum(amount_fen) <> 0) open ON true
 ORDER BY k.lot
"""  # noqa: S608 - constants
_TOTALS_ARE_ENTRIES = f"""
SELECT k.lot::text AS key, differing.numbers
  FROM ((SELECT DISTINCT lot FROM view.balances WHERE lot > {_BEHIND} ORDER BY lot LIMIT $2)
        UNION
        (SELECT DISTINCT lot FROM view.movements WHERE lot > {_BEHIND} ORDER BY lot LIMIT $2)
        ORDER BY lot LIMIT $2) k
  LEFT JOIN LATERAL (
       SELECT json_build_object('lot', k.lot, 'purpose', purpose, 'account', account,
                                'total_fen', sum(total_fen)::bigint,
                                'entries_fen', sum(entries_fen)::bigint,
                                'postings', sum(postings)::bigint,
                                'entries', sum(entries)::bigint) AS numbers
         FROM (SELECT purpose, project, account, place, amount_fen AS total_fen, postings,
                      0 AS entries_fen, 0 AS entries
                 FROM view.balances WHERE lot = k.lot
               UNION ALL
               SELECT purpose, coalesce(project, '00000000-0000-0000-0000-000000000000'), account,
                      place, 0, 0, amount_fen, 1
                 FROM view.movements WHERE lot = k.lot) both_
        GROUP BY purpose, project, account, place
       HAVING (sum(total_fen), sum(postings)) <> (sum(entries_fen), sum(entries))) differing ON true
 ORDER BY k.lot
"""  # noqa: S608 - constants
_LISTS_ARE_LOTS = f"""
SELECT k.batch::text AS key, differing.numbers
  FROM ((SELECT DISTINCT batch FROM view.lines WHERE batch > {_BEHIND} ORDER BY batch LIMIT $2)
        UNION
        (SELECT DISTINCT payment FROM view.payments
          WHERE kind = 'batch' AND grade = 'line' AND payment > {_BEHIND} ORDER BY payment LIMIT $2)
        ORDER BY batch LIMIT $2) k
  LEFT JOIN LATERAL (
       SELECT json_build_object('batch', k.batch, 'lot', lot, 'purpose', purpose,
                                'lines_fen', sum(lines_fen)::bigint,
                                'movements_fen', sum(movements_fen)::bigint,
                                'lines', sum(lines)::bigint,
                                'movements_lines', sum(movements_lines)::bigint) AS numbers
         FROM (SELECT lot, purpose, amount_fen AS lines_fen, lines, 0 AS movements_fen,
                      0 AS movements_lines
                 FROM view.lines WHERE batch = k.batch AND state = 'paid'
               UNION ALL
               SELECT lot, purpose, 0, 0, amount_fen, lines
                 FROM view.movements WHERE payment = k.batch AND account = 'paid') both_
        GROUP BY lot, purpose
       HAVING sum(lines_fen) <> sum(movements_fen)
           OR sum(lines) <> coalesce(sum(movements_lines), 0)) differing ON true
 ORDER BY k.batch
"""  # noqa: S608 - constants

INVARIANTS = (
    TableInvariant("lots_close", "每笔资金每个用途合计为零", _LOTS_CLOSE, 50, "funds"),
    TableInvariant("totals_are_entries", "余额等于明细之和", _TOTALS_ARE_ENTRIES, 50, "funds"),
    TableInvariant("lists_are_lots", "批次兑付的逐行等于资金一侧", _LISTS_ARE_LOTS, 5, "funds"),
)
