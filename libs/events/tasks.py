"""A task 待办: what waits for whom by when, of one shape in every service (design 11).

A task is opened by what could not be done without a person, and closed by a person who says what
came of it. Its id follows from its kind and what made it, so it is opened once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from .contracts.log import TaskClosed, TaskOpened
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams, where
from .entries import Row, Table
from .errors import Refused
from .types import Command, Day, Event, Metadata, Recorded, stream_id


class OpenTask(Command):
    """开出待办。只由系统发出。"""

    area: UUID | None
    kind: str
    waits_for: str
    due_on: Day | None = None
    target: UUID | None = None
    about: str
    reason: str
    numbers: dict[str, int | str | None] = Field(default_factory=dict)

    def task(self) -> UUID:
        return stream_id("task", str(self.area), self.kind, self.about)


class CloseTask(Command):
    """办结待办。"""

    note: str = Field(min_length=1, max_length=500, description="处理结果")


class TaskAlreadyClosed(Refused):
    """该待办已经办结：{task}。"""


@dataclass(frozen=True, slots=True)
class Task:
    id: UUID | None = None
    area: UUID | None = None
    kind: str = ""
    waits_for: str = ""
    due_on: date | None = None
    target: UUID | None = None
    about: str = ""
    reason: str = ""
    numbers: Mapping[str, int | str | None] = field(default_factory=dict)
    closed: bool = False
    note: str | None = None


def open_(state: Task, command: OpenTask, _: Facts) -> Decision:
    """Opened once: what made it may come again."""
    id_ = command.task()
    if state.id is not None:
        return Decision({}, {"id": str(id_)}, status=200)
    opened = TaskOpened(
        task=id_,
        area=command.area,
        kind=command.kind,
        waits_for=command.waits_for,
        due_on=command.due_on,
        target=command.target,
        about=command.about,
        reason=command.reason,
        numbers=command.numbers,
    )
    return Decision({id_: (opened,)}, {"id": str(id_)})


def close(state: Task, command: CloseTask, _: Facts) -> Decision:
    assert state.id is not None, "a task in the path is there, or 404"
    if state.closed:
        raise TaskAlreadyClosed(task=str(state.id))
    closed = TaskClosed(task=state.id, area=state.area, note=command.note)
    return Decision({state.id: (closed,)}, {"id": str(state.id)})


def evolve(state: Task, event: Event) -> Task:
    match event:
        case TaskOpened():
            return Task(
                event.task,
                event.area,
                event.kind,
                event.waits_for,
                event.due_on,
                event.target,
                event.about,
                event.reason,
                event.numbers,
            )
        case TaskClosed():
            return replace(state, closed=True, note=event.note)
        case _:
            return state


tasks: Fold[Task] = Fold("task", Task(), evolve)


async def _to_open(streams: Streams, ask: Ask[OpenTask]) -> Task:
    return await streams.load(tasks, ask.command.task())


async def _of(streams: Streams, ask: Ask[Any]) -> Task:
    return await streams.load(tasks, ask.subject)


async def _asked_where(known: Knowing, _: Task, ask: Ask[OpenTask]) -> Facts:
    return await where(known, ask.command.area)


async def _where(known: Knowing, state: Task, _: Ask[Any]) -> Facts:
    return await where(known, state.area)


OPEN = Decider(OpenTask, Facts, _to_open, _asked_where, open_, founds_areas=True, approvable=False)
CLOSE = Decider(CloseTask, Facts, _of, _where, close, founds_areas=True, approvable=False)
DECIDERS = (OPEN, CLOSE)

TASKS = Table(
    "es.tasks",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("kind", "text"),
        ("waits_for", "text"),
        ("due_on", "date"),
        ("target", "uuid"),
        ("about", "text"),
        ("reason", "text"),
        ("opened_at", "timestamptz"),
    ),
    key=("id",),
    mode="latest",
)
CLOSED = Table(
    "es.closed_tasks",
    (("task", "uuid"), ("note", "text"), ("closed_at", "timestamptz")),
    key=("task",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case TaskOpened():
            whom = (fact.task, fact.area, fact.kind, fact.waits_for, fact.due_on)
            yield TASKS, (*whom, fact.target, fact.about, fact.reason, recorded.recorded_at)
        case TaskClosed():
            yield CLOSED, (fact.task, fact.note, recorded.recorded_at)
        case _:
            return
