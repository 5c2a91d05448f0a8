"""What of the directory waits for somebody by a day: grants and delegations that end."""

from __future__ import annotations

from libs.events.deadline import Deadline
from libs.events.known import path_of

GRANT_ENDING = Deadline(
    "grant_ending",
    "授权或委托即将到期",
    f"""
WITH held AS (
    SELECT g.*, least(g.valid_until, e.valid_until) AS until
      FROM known.grants g LEFT JOIN known.grant_ends e ON e.id = g.id)
SELECT h.id AS subject, h.area, coalesce({path_of("h.area")}, '{{}}'::uuid[]) AS path,
       h.until AS since, CASE WHEN h.of IS NULL THEN 'grant' ELSE 'delegation' END AS reason,
       json_build_object('holder', h.holder, 'valid_until', h.until)::text AS numbers
  FROM held h
 WHERE h.until = h.valid_until
   AND NOT EXISTS (SELECT FROM known.disabled d WHERE d.id = h.holder)
   AND NOT EXISTS (SELECT FROM held n
                    WHERE n.holder = h.holder AND n.duties = h.duties AND n.id <> h.id
                      AND n.area IS NOT DISTINCT FROM h.area
                      AND n.valid_from <= h.until + 1 AND (n.until IS NULL OR n.until > h.until))
""",  # noqa: S608 - constants only
    "security",
    lambda matter: f"/users/{matter.numbers['holder']}/grants",
    passes=True,
)
"""Of those that end by themselves, on a day known from the first; goes when a later one follows,
and with that day."""
DEADLINES = (GRANT_ENDING,)
