"""Routes of tasks 待办, the same in every service: list, look at, close."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, Field

from libs.events import known, tasks
from libs.events.calendar_copy import calendars
from libs.events.loads import LiveStreams
from libs.events.tasks import CloseTask, Task
from libs.events.types import plain

from .auth import ROLES, Role
from .call import Call, Holds
from .common_routes import answer
from .listing import Wanted, page, scope_of
from .reading import found
from .shapes import Made, Page
from .task_seats import HoldsAny, seated_for
from .task_shapes import Ended, TaskAsOpened, asked_on, shown

router = APIRouter(tags=["待办"])
WORKERS = tuple(role for role in ROLES if role != "system")
Anyone = Annotated[Call, Depends(Holds(*WORKERS))]
Answerer = Annotated[Call, Depends(HoldsAny(*WORKERS))]


class WantedTasks(Wanted):
    state: Literal["open", "closed"] = "open"
    waits_for: Role | None = Field(default=None, description="职责")


class TaskRow(TaskAsOpened, Ended):
    """In the list."""

    opened_at: AwareDatetime


class TaskShown(TaskAsOpened, Ended):
    """With the numbers of its case."""

    numbers: dict[str, int | str | None]
    closed: bool


@router.get("/tasks", response_model=Page[TaskRow], summary="待办列表")
async def list_tasks(call: Anyone, wanted: Annotated[WantedTasks, Query()]) -> Response:
    """按编号顺序；未办结的，或已办结的。各服务合并、按期限排列的见报表服务的 my-tasks。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(
        _TASKS, scope, wanted.state, wanted.waits_for, wanted.cursor, wanted.limit
    )
    of, on = await calendars(call.log.pool), asked_on(call.request)
    return page([shown(dict(row), call.log.service, of, on) for row in rows], wanted)


@router.get("/tasks/{id}", response_model=TaskShown, summary="待办")
async def get_task(id: UUID, call: Anyone) -> Response:
    version, task = await found(call, tasks.tasks, id, _area, lambda state: state.id is not None)
    ended = await call.log.pool.fetchrow(_ENDED, id)
    path = () if task.area is None else await call.log.known.path(task.area)
    told = plain(task)
    form = told.pop("form") or {"method": None, "path": None}
    del told["not_person"], told["not_persons"]
    row = {**told, **form, **dict(ended or _OPEN), "due_on": task.due_on, "area_path": path}
    of, on = await calendars(call.log.pool), asked_on(call.request)
    response = answer(plain({**shown(row, call.log.service, of, on), "note": task.note}))
    response.headers["etag"] = f'"{version}"'
    return response


@router.post("/tasks/{id}/closures", status_code=201, response_model=Made, summary="办结")
async def close(id: UUID, command: CloseTask, call: Answerer) -> Response:
    """写明处理结果；一件待办只办结一次，由所等的人办理。"""
    task = await LiveStreams(call.log.loads).load(tasks.tasks, id)
    seated = await seated_for(call, task)
    return await seated.execute(tasks.CLOSE, command, id)


def _area(task: Task) -> UUID | None:
    return task.area


_OPEN = {"closed_at": None, "closed_by": None}
_ENDED = "SELECT closed_at, closed_by FROM es.closed_tasks WHERE task = $1"
_TASKS = f"""
SELECT t.id, t.area, t.kind, t.title, t.waits_for, t.or_duties, t.unit, t.post, t.person, t.due_on,
       t.target, t.about, t.reason, t.method, t.path, t.assumed, t.opened_at,
       c.closed_at, c.closed_by, c.note, {known.path_of("t.area")} AS area_path
  FROM es.tasks t
  LEFT JOIN es.closed_tasks c ON c.task = t.id
 WHERE ($1::uuid IS NULL OR t.area IN ({known.below("$1")}))
   AND (c.task IS NOT NULL) = ($2 = 'closed')
   AND ($3::text IS NULL OR t.waits_for = $3 OR $3 = ANY (t.or_duties))
   AND ($4::uuid IS NULL OR t.id > $4)
 ORDER BY t.id LIMIT $5 + 1
"""  # noqa: S608 - constants only
