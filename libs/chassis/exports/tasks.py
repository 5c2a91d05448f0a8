"""The list of tasks 待办, which every service has."""

from __future__ import annotations

from libs.events.known import below

from .export import AREA_COLUMNS, AREA_FIELDS, AREA_JOIN, Export, Field

TASKS = Export(
    "tasks",
    "待办",
    ("clerk", "finance", "steward", "operator", "auditor"),
    (
        Field("id", "编号", "code"),
        *AREA_FIELDS,
        Field("kind", "种类"),
        Field("waits_for", "等待角色"),
        Field("due_on", "期限", "day"),
        Field("about", "由何而来"),
        Field("reason", "缘由"),
        Field("opened_at", "开出时间", "moment"),
        Field("closed_at", "办结时间", "moment"),
        Field("note", "处理结果"),
    ),
    f"""
SELECT t.id, {AREA_COLUMNS}, t.kind, t.waits_for, t.due_on, t.about, t.reason, t.opened_at,
       c.closed_at, c.note
  FROM es.tasks t
  LEFT JOIN es.closed_tasks c ON c.task = t.id
{AREA_JOIN}
 WHERE $1::uuid IS NULL OR t.area IN ({below("$1")})
 ORDER BY t.id
""",  # noqa: S608 - constants of the code
)
