"""What of assets waits for somebody by a day: what was paid for and has no asset yet (A1)."""

from __future__ import annotations

from libs.events.deadline import Deadline
from libs.events.known import path_of

ASSET_UNFORMED = Deadline(
    "asset_unformed",
    "已付款而未形成资产",
    f"""
SELECT e.project AS subject, e.area, coalesce({path_of("e.area")}, ARRAY[e.area]) AS path,
       e.expected_on AS since, 'expected' AS reason,
       json_build_object('kind', e.kind)::text AS numbers
  FROM view.expected_formations e
 WHERE e.due AND NOT EXISTS (SELECT FROM view.assets a WHERE a.project = e.project)
""",  # noqa: S608 - constants only
    "clerk",
    lambda _: "/assets",
)
DEADLINES = (ASSET_UNFORMED,)
