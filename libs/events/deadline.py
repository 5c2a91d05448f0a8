"""A deadline 期限 as its service declares it: what waits, since when, the command when it is due.

How many days, of which kind, and how early it shows are rows of the set `deadline`; without a row
there is no deadline. From which day the store is live is a row of the set `live`: what fell due
before is history, and nothing comes of it. `due` is pure: the same rows give the same days, so
whatever hangs on them (a request id, a task) is made once. Design 7 and 11, ADR 0022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import Field

from .calendar import Calendar, Calendars, Reckoned, add_working_days, next_working_day
from .dated_rows import Reference, Set, Values
from .decider import Reaction
from .duties import Duty
from .tasks import FormTyped, OpenTask


class Term(Values):
    """How long; the key is the deadline's name. The row in force on the first day decides."""

    days: int = Field(ge=0, le=3660, description="期限天数, 首日不计")
    unit: Literal["day", "working_day"] = "day"
    rolls: bool = Field(default=False, description="末日遇放假顺延至其后第一个工作日")
    remind: int = Field(default=0, ge=0, le=366, description="提前多少天列入待办, 单位相同")
    basis: str = Field(min_length=1, max_length=200, description="依据")


class Live(Values):
    """Deadlines that fall due from the row's first day on are acted on; the key is `live`."""

    note: str = Field(min_length=1, max_length=200)


TERMS = Set("deadline", "期限", Term, central=True)
LIVE = Set("live", "启用日", Live, central=True)
LIVE_KEY = "live"
HAPPENED, MOVED = "所等之事已经办理", "期限已经变更"
LAPSED, OVER = "期限规定不再适用", "该日已过，无须再办"
"""Why a task closes: its matter waits no longer; is due on another day; waits, and no row makes it
due; was a day that has passed."""


class Matter(NamedTuple):
    """What waits: since which day, where, in words and numbers; of which duties, if it says so
    itself, and who may not answer it, one or more."""

    subject: UUID
    area: UUID | None
    path: Sequence[UUID]
    since: date
    reason: str
    numbers: Mapping[str, int | str | None]
    duties: Sequence[str] = ()
    not_person: str | None = None
    not_persons: Sequence[str] = ()


class Due(NamedTuple):
    """The last day, the business day on which to act on it, and whether a day on the way was only
    assumed to be a working day. `again`: how often it was told before and that closed by itself."""

    on: date
    acts_on: date
    assumed: bool
    again: int = 0


BEYOND = Due(date.max, date.max, assumed=True)
"""Of what waits since a day from which none can be reckoned: it is never due, and counted."""
Act = Callable[["Deadline", Matter, Due], Reaction]


def open_task(deadline: Deadline, matter: Matter, due: Due) -> Reaction:
    """Tell whoever must act, by when. The task says on its own what it is about."""
    duties = tuple(matter.duties) or (deadline.waits_for,)
    command = OpenTask(
        occurred_on=due.acts_on,
        area=matter.area,
        kind=deadline.name,
        title=deadline.title,
        waits_for=duties[0],
        or_duties=duties[1:],
        not_person=matter.not_person,
        not_persons=tuple(matter.not_persons),
        due_on=due.on,
        target=matter.subject,
        about=about(deadline.name, matter.subject, due.on, due.again),
        reason=matter.reason,
        numbers=dict(matter.numbers),
        form=deadline.form(matter),
        assumed=due.assumed,
    )
    return Reaction(command, matter.subject, matter.area, task_for=duties[0])


def about(name: str, subject: UUID, due_on: date, again: int) -> str:
    return f"deadline:{name}/{subject}/{due_on.isoformat()}" + (f"/{again}" if again else "")


@dataclass(frozen=True)
class Deadline:
    """By a name that never changes: its request ids hang on it. `matters`: SQL over the service's
    own tables, a row for each that waits now, with the columns of Matter (`numbers` as JSON text).
    `path`: of the route that answers it, below the prefix of the service. `passes`: what waits is
    the end of its day `since`, and is over with it."""

    name: str
    title: str
    matters: str = field(repr=False)
    waits_for: Duty
    path: Callable[[Matter], str]
    act: Act = open_task
    passes: bool = False

    def over(self, matter: Matter, today: date) -> bool:
        return self.passes and matter.since < today

    def form(self, matter: Matter) -> FormTyped:
        return FormTyped.post(self.path(matter))


@dataclass(frozen=True, slots=True)
class Dates:
    """The dated data by which deadlines are reckoned."""

    terms: Reference
    live: Reference
    calendars: Calendars


def due(deadline: Deadline, matter: Matter, dates: Dates) -> Due | None:
    """When it is due, BEYOND where that is no day of the calendar; None where no row makes it one,
    or it falls due before the store is live."""
    try:
        return _due(deadline, matter, dates)
    except OverflowError:
        return BEYOND


def _due(deadline: Deadline, matter: Matter, dates: Dates) -> Due | None:
    row = dates.terms.at(deadline.name, matter.path, matter.since)
    if row is None:
        return None
    term, calendar = Term.model_validate(row.values), dates.calendars.of(matter.path)
    last, assumed = _last_day(calendar, matter.since, term)
    live = dates.live.at(LIVE_KEY, matter.path, last)
    if live is None:
        return None
    shows, also = _counted(calendar, last, -term.remind, term)
    return Due(last, max(shows, live.valid_from), assumed or also)


class Found(NamedTuple):
    """One matter of one deadline, and when it is due."""

    deadline: Deadline
    matter: Matter
    due: Due

    @property
    def key(self) -> tuple[str, UUID, date]:
        return self.deadline.name, self.matter.subject, self.due.on


def found_due(deadline: Deadline, matters: Iterable[Matter], dates: Dates) -> Iterator[Found]:
    """Reckoned once for what waits in one place since one day: thousands of lots share letters."""
    known: dict[tuple[tuple[UUID, ...], date], Due | None] = {}
    for matter in matters:
        place = (tuple(matter.path), matter.since)
        if place not in known:
            known[place] = due(deadline, matter, dates)
        when = known[place]
        if when is not None:
            yield Found(deadline, matter, when)


def _last_day(calendar: Calendar, since: date, term: Term) -> Reckoned:
    last, assumed = _counted(calendar, since, term.days, term)
    if not term.rolls:
        return Reckoned(last, assumed)
    rolled, also = next_working_day(calendar, last)
    return Reckoned(rolled, assumed or also)


def _counted(calendar: Calendar, day: date, days: int, term: Term) -> Reckoned:
    if term.unit == "working_day":
        return add_working_days(calendar, day, days)
    return Reckoned(day + timedelta(days=days), assumed=False)
