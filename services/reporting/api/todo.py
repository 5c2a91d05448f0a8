"""The route of the one list of tasks 待办: what waits for the caller, over all services."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call
from libs.chassis.common_routes import answer
from libs.chassis.listing import Wanted
from libs.chassis.task_seats import HoldsAny, Seat, seats_of
from libs.chassis.task_shapes import Ended, TaskAsOpened, asked_on, shown
from libs.chassis.tasks import WORKERS
from libs.events.calendar_copy import calendars
from libs.events.errors import NotFoundError
from libs.events.types import Day, plain
from services.reporting.views import todo
from services.reporting.views.cursors import applied

from .asked import CompleteTo

router = APIRouter(tags=["待办"])
Anyone = Annotated[Call, Depends(HoldsAny(*WORKERS))]
KIND = r"^[a-z][a-z_]{0,39}$"


class WantedTodo(Wanted):
    state: Literal["open", "closed"] = "open"
    kind: str | None = Field(default=None, pattern=KIND)


class TodoRow(TaskAsOpened, Ended):
    """One task, of whichever service."""

    key: UUID = Field(description="用于翻页")
    source: str = Field(description="所属服务")
    numbers: dict[str, int | str | None]
    opened_at: AwareDatetime


class Todo(BaseModel):
    """By deadline, those without one last; `next` is the cursor of the page behind it."""

    on: Day = Field(description="计算所用的业务日")
    items: list[TodoRow]
    next: UUID | None
    counts: dict[str, int] = Field(description="各类件数, 不受 kind 与翻页影响")
    complete_to: dict[str, CompleteTo]


@router.get("/my-tasks", response_model=Todo, summary="本人待办")
async def my_tasks(call: Anyone, wanted: Annotated[WantedTodo, Query()]) -> Response:
    """各服务中等本人办理的，含受托与接手的，按到期日排列；`complete_to` 说明各服务读到哪里。"""
    seats, pool, on = await seats_of(call), call.log.pool, asked_on(call.request)
    await _require_within(call, wanted.area, seats)
    which = todo.Wanted(wanted.state == "closed", wanted.kind, wanted.area)
    told = [plain(seat) for seat in seats]
    rows = await todo.seen(pool, told, which, wanted.cursor, wanted.limit)
    of = await calendars(pool)
    items = [_row(dict(row), of, on) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    body = {
        "on": on,
        "items": items,
        "next": items[-1]["key"] if more else None,
        "counts": await todo.counted(pool, told, which),
        "complete_to": {
            source: {"position": at.position, "stopped": at.stopped}
            for source, at in (await applied(pool)).items()
        },
    }
    return answer(plain(body))


async def _require_within(call: Call, area: UUID | None, seats: list[Seat]) -> None:
    """Raises: NotFoundError for an area that lies in none of the seats'."""
    if area is not None:
        path = await call.log.known.path(area)
        if not path or not any(seat.area in (None, *path) for seat in seats):
            raise NotFoundError()


def _row(row: dict[str, Any], of: Any, on: Any) -> dict[str, Any]:
    row["numbers"] = json.loads(row["numbers"])
    return shown(row, row["source"], of, on)
