"""Routes of tasks 待办, the same in every service: list, look at, close."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.events import known, tasks
from libs.events.tasks import CloseTask, Task
from libs.events.types import Day, plain

from .auth import Role
from .call import Call, Holds
from .common_routes import answer
from .listing import Wanted, page, scope_of
from .reading import found
from .shapes import Made, Page

router = APIRouter(tags=["待办"])
WORKERS = ("clerk", "finance", "steward", "operator")
Worker = Annotated[Call, Depends(Holds(*WORKERS))]
Anyone = Annotated[Call, Depends(Holds(*WORKERS, "auditor"))]


class WantedTasks(Wanted):
    state: Literal["open", "closed"] = "open"
    waits_for: Role | None = Field(default=None, description="角色")


class TaskAsOpened(BaseModel):
    """What waits for whom by when, as it was opened."""

    id: UUID
    area: UUID | None = Field(description="null: 全部区域的")
    kind: str
    waits_for: str = Field(description="角色")
    due_on: Day | None
    target: UUID | None = Field(description="所涉之物")
    about: str = Field(description="由何而来")
    reason: str


class TaskRow(TaskAsOpened):
    """In the list; open while `closed_at` is null."""

    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    note: str | None = Field(description="处理结果")


class TaskShown(TaskAsOpened):
    """With the numbers of its case."""

    numbers: dict[str, int | str | None]
    closed: bool
    note: str | None = Field(description="处理结果")


@router.get("/tasks", response_model=Page[TaskRow], summary="待办列表")
async def list_tasks(call: Anyone, wanted: Annotated[WantedTasks, Query()]) -> Response:
    """按编号顺序；未办结的，或已办结的。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(
        _TASKS, scope, wanted.state, wanted.waits_for, wanted.cursor, wanted.limit
    )
    return page(rows, wanted)


@router.get("/tasks/{id}", response_model=TaskShown, summary="待办")
async def get_task(id: UUID, call: Anyone) -> Response:
    version, task = await found(call, tasks.tasks, id, _area, lambda state: state.id is not None)
    response = answer(_shown(task))
    response.headers["etag"] = f'"{version}"'
    return response


@router.post("/tasks/{id}/closures", status_code=201, response_model=Made, summary="办结")
async def close(id: UUID, command: CloseTask, call: Worker) -> Response:
    """写明处理结果；一件待办只办结一次。"""
    return await call.execute(tasks.CLOSE, command, id)


def _area(task: Task) -> UUID | None:
    return task.area


def _shown(task: Task) -> dict[str, Any]:
    shown: dict[str, Any] = plain(task)
    return shown


_TASKS = f"""
SELECT t.id, t.area, t.kind, t.waits_for, t.due_on, t.target, t.about, t.reason, t.opened_at,
       c.closed_at, c.note
  FROM es.tasks t
  LEFT JOIN es.closed_tasks c ON c.task = t.id
 WHERE ($1::uuid IS NULL OR t.area IN ({known.below("$1")}))
   AND (c.task IS NOT NULL) = ($2 = 'closed')
   AND ($3::text IS NULL OR t.waits_for = $3)
   AND ($4::uuid IS NULL OR t.id > $4)
 ORDER BY t.id LIMIT $5 + 1
"""  # noqa: S608 - constants only
