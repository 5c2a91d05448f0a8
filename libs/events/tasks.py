"""A task 待办: what waits for whom by when, of one shape in every service (design 11).

A task is opened by what could not be done without a person, and closed by a person who says what
came of it, or by itself when what it waits for has happened. Its id follows from its kind and what
made it, so it is opened once. Whether it is overdue is computed where it is shown, never stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .contracts.log import Form, TaskClosed, TaskOpened
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams, where
from .directory import Seat, answers_for, same_persons, seat_of
from .entries import Row, Table
from .errors import Refused
from .types import Command, Day, Event, Metadata, Recorded, stream_id

APPROVAL = "approval"
"""The kind of those that ask for a yes or no: they open and close with the approval."""


class FormTyped(BaseModel):
    """The route that answers a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST"]
    path: str

    @classmethod
    def post(cls, path: str) -> Self:
        return cls(method="POST", path=path)


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
    title: str | None = None
    or_duties: tuple[str, ...] = ()
    unit: UUID | None = None
    post: str | None = None
    person: str | None = None
    not_person: str | None = None
    not_persons: tuple[str, ...] = ()
    form: FormTyped | None = None
    assumed: bool = False

    def task(self) -> UUID:
        return stream_id("task", str(self.area), self.kind, self.about)


class CloseTask(Command):
    """办结待办。"""

    note: str = Field(min_length=1, max_length=500, description="处理结果")


class TaskAlreadyClosed(Refused):
    """该待办已经办结：{task}。"""


class ClosesWithApproval(Refused):
    """审批待办随审批办结，不能直接办结：请对审批 {approval} 表示同意或退回。"""


class TaskNotYours(Refused):
    """该待办不由您办理：由 {duties} 的 {person} 办理，您以 {held} 的身份办理。"""

    status = 403


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
    title: str | None = None
    or_duties: tuple[str, ...] = ()
    unit: UUID | None = None
    post: str | None = None
    person: str | None = None
    not_person: str | None = None
    form: Form | None = None
    assumed: bool = False
    not_persons: tuple[str, ...] = ()

    @property
    def barred(self) -> set[str]:
        """Who may not answer it, though of the duty."""
        return {*self.not_persons, *(() if self.not_person is None else (self.not_person,))}


class TaskFacts(Facts, frozen=True, kw_only=True):
    """Who closes it: in which role, by whose seat, everyone whose work is theirs now (`taken`: by
    hand-over), and everyone whose acts count as their own, which handing over does not end."""

    role: str = ""
    same: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    seat: Seat = Seat(None, None)


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
        title=command.title,
        or_duties=command.or_duties,
        unit=command.unit,
        post=command.post,
        person=command.person,
        not_person=command.not_person,
        not_persons=command.not_persons,
        form=None if command.form is None else Form(**command.form.model_dump()),
        assumed=command.assumed,
    )
    return Decision({id_: (opened,)}, {"id": str(id_)})


def close(state: Task, command: CloseTask, facts: TaskFacts) -> Decision:
    """By whoever it waits for. What closes by itself is closed by the system."""
    assert state.id is not None, "a task in the path is there, or 404"
    if state.closed:
        raise TaskAlreadyClosed(task=str(state.id))
    if facts.role != "system":
        _require_theirs(state, facts)
        if state.kind == APPROVAL:
            raise ClosesWithApproval(approval=str(state.target))
    closed = TaskClosed(task=state.id, area=state.area, note=command.note)
    return Decision({state.id: (closed,)}, {"id": str(state.id)})


def _require_theirs(task: Task, facts: TaskFacts) -> None:
    duties = (task.waits_for, *task.or_duties)
    unlike = (
        facts.role not in duties and task.person not in facts.taken,
        task.person is not None and task.person not in facts.same,
        not task.barred.isdisjoint((*facts.same, *facts.own)),
        task.unit is not None and task.unit != facts.seat.unit,
        task.post is not None and task.post != facts.seat.post,
    )
    if any(unlike):
        whom = task.person or task.post or (None if task.unit is None else str(task.unit))
        raise TaskNotYours(duties="、".join(duties), person=whom or "经办人", held=facts.role)


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
                title=event.title,
                or_duties=event.or_duties,
                unit=event.unit,
                post=event.post,
                person=event.person,
                not_person=event.not_person,
                form=event.form,
                assumed=event.assumed,
                not_persons=event.not_persons,
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


async def _who(known: Knowing, state: Task, ask: Ask[Any]) -> TaskFacts:
    lies = await where(known, state.area)
    role = ask.actor.role
    if role == "system":
        return TaskFacts(path=lies.path, role=role)
    users = [one for one in (ask.actor.id, ask.behalf) if one]
    same = tuple(sorted(await answers_for(known.pool, *users)))
    taken = tuple(one for one in same if one not in users)
    own = tuple(sorted(await same_persons(known.pool, *users)))
    seat = await seat_of(known.pool, ask.behalf or ask.actor.id)
    path = lies.path
    if state.person in taken and ask.actor.area is not None:
        path = (
            ask.actor.area,
            *path,
        )  # what was handed over is within their scope wherever it lies
    return TaskFacts(path=path, role=role, same=same, taken=taken, own=own, seat=seat)


OPEN = Decider(OpenTask, Facts, _to_open, _asked_where, open_, founds_areas=True, approvable=False)
CLOSE = Decider(CloseTask, TaskFacts, _of, _who, close, founds_areas=True, approvable=False)
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
        ("title", "text"),
        ("or_duties", "text[]"),
        ("unit", "uuid"),
        ("post", "text"),
        ("person", "text"),
        ("not_person", "text"),
        ("method", "text"),
        ("path", "text"),
        ("assumed", "bool"),
        ("not_persons", "text[]"),
    ),
    key=("id",),
    mode="latest",
)
CLOSED = Table(
    "es.closed_tasks",
    (("task", "uuid"), ("note", "text"), ("closed_at", "timestamptz"), ("closed_by", "text")),
    key=("task",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case TaskOpened():
            yield TASKS, opened_row(recorded, fact)
        case TaskClosed():
            yield CLOSED, (fact.task, fact.note, recorded.recorded_at, metadata.actor.id)
        case _:
            return


def opened_row(recorded: Recorded, fact: TaskOpened) -> Row:
    whom = (fact.task, fact.area, fact.kind, fact.waits_for, fact.due_on)
    only = (fact.title, list(fact.or_duties), fact.unit, fact.post, fact.person, fact.not_person)
    form = (None, None) if fact.form is None else (fact.form.method, fact.form.path)
    said = (fact.target, fact.about, fact.reason, recorded.recorded_at)
    return (*whom, *said, *only, *form, fact.assumed, list(fact.not_persons))
