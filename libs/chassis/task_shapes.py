"""A task 待办 as it is shown, in its own service and in the list over all of them: with the route
that answers it, and how long until its day, by the calendar of its area."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field

from libs.events.calendar import Calendars, days_left
from libs.events.clock import today
from libs.events.types import Day


class FormShown(BaseModel):
    """The route that answers it."""

    method: str
    path: str


class DueShown(BaseModel):
    """By when; computed as it is asked, never stored."""

    due_on: Day | None
    days_left: int | None = Field(description="距到期的天数; 负数为已超期")
    working_days_left: int | None = Field(description="距到期的工作日; 负数为已超期")
    overdue: bool = Field(description="已过到期日而未办结")
    assumed: bool = Field(description="所涉年份无工作日历, 工作日按星期推定")


class TaskAsOpened(DueShown):
    """What waits for whom by when, as it was opened."""

    id: UUID
    area: UUID | None = Field(description="null: 全部区域的")
    kind: str
    title: str | None = Field(description="何事")
    waits_for: str = Field(description="职责")
    or_duties: list[str] = Field(description="同样可以办理的职责")
    unit: UUID | None = Field(description="只由该单位办理")
    post: str | None = Field(description="只由该岗位办理")
    person: str | None = Field(description="只由此人办理; 含受托与接手")
    target: UUID | None = Field(description="所涉之物")
    about: str = Field(description="由何而来")
    reason: str
    form: FormShown | None = Field(description="办理的接口")


class Ended(BaseModel):
    """How it ended; null while it is open."""

    closed_at: AwareDatetime | None
    closed_by: str | None = Field(description="办结人; 自动办结的为 deadline: 或 reactor:")
    note: str | None = Field(description="处理结果")


def asked_on(request: Request) -> date:
    """The business day of the question; a process may be given another clock."""
    clock: Callable[[], date] = getattr(request.app.state, "today", today)
    return clock()


def shown(row: Mapping[str, Any], service: str, calendars: Calendars, on: date) -> dict[str, Any]:
    """A row of tasks with its `path` and `area_path` made out."""
    told = dict(row)
    method, path = told.pop("method"), told.pop("path")
    form = None if path is None else {"method": method, "path": f"/api/v1/{service}{path}"}
    calendar = calendars.of(told.pop("area_path") or ())
    due_on, assumed = told["due_on"], told["assumed"]
    if due_on is None:
        left = {"days_left": None, "working_days_left": None, "overdue": False}
        return {**told, **left, "form": form}
    days, working_days, also = days_left(calendar, due_on, on)
    return {
        **told,
        "form": form,
        "days_left": days,
        "working_days_left": working_days,
        "overdue": days < 0 and told["closed_at"] is None,
        "assumed": assumed or also,
    }
