"""Working days 工作日: reckoned from dated rows, by area, never by a clock (design 7 and 11).

A row of the set `calendar` says which days of a year are not as their weekday says. A day is judged
by the row in force on that very day in the nearest area upwards, so a holiday that is prolonged in
the middle of the year is a further row. Where a year has no row its weekdays count, and whatever
was reckoned with such a day says that it is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import Field, model_validator

from .dated_rows import Reference, Set, Values
from .types import Day

DAY = timedelta(days=1)
SATURDAY = 5


class YearOfDays(Values):
    """The days of a year that are not as their weekday says; the key is the year."""

    holidays: tuple[Day, ...] = Field(max_length=366, description="放假的工作日")
    workdays: tuple[Day, ...] = Field(default=(), max_length=366, description="上班的周末")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if set(self.holidays) & set(self.workdays):
            raise ValueError("同一天不能既放假又上班")
        return self


CALENDARS = Set("calendar", "工作日历", YearOfDays)


class Judged(NamedTuple):
    """Whether a day is a working day, and whether that is only assumed from its weekday."""

    working: bool
    assumed: bool


class Reckoned(NamedTuple):
    """A day that was counted to, and whether a day on the way was only assumed."""

    day: date
    assumed: bool


class Counted(NamedTuple):
    """So many working days, and whether one of the days counted was only assumed."""

    days: int
    assumed: bool


class _Year(NamedTuple):
    """Each day of a year, and sums up to each: working days, assumed days."""

    days: Sequence[Judged]
    working: Sequence[int]
    assumed: Sequence[int]


@dataclass(slots=True)
class Calendar:
    """The working days of one area; a year is made out once."""

    rows: Reference
    path: tuple[UUID, ...]
    _years: dict[int, _Year] = field(default_factory=dict)

    def year(self, year: int) -> _Year:
        if year not in self._years:
            days = [self._judged(day) for day in _days_of(year)]
            working = tuple(accumulate(day.working for day in days))
            self._years[year] = _Year(days, working, tuple(accumulate(d.assumed for d in days)))
        return self._years[year]

    def _judged(self, day: date) -> Judged:
        row = self.rows.at(str(day.year), self.path, day)
        weekday, told = day.weekday() < SATURDAY, day.isoformat()
        if row is None:
            return Judged(weekday, assumed=True)
        if told in row.values["workdays"]:
            return Judged(True, assumed=False)
        return Judged(weekday and told not in row.values["holidays"], assumed=False)


def _days_of(year: int) -> Iterator[date]:
    first = date(year, 1, 1)
    return (first + nth * DAY for nth in range((date(year, 12, 31) - first).days + 1))


class Calendars:
    """Those of every area. Areas without a row of their own share what stands above them."""

    def __init__(self, rows: Reference) -> None:
        self._rows = rows
        self._areas = {area for _, area in rows.rows}
        self._made: dict[tuple[UUID, ...], Calendar] = {}

    def of(self, path: Sequence[UUID]) -> Calendar:
        """By the area's ancestors from the top, itself last."""
        own = tuple(area for area in path if area in self._areas)
        return self._made.setdefault(own, Calendar(self._rows, own))


def is_working_day(calendar: Calendar, day: date) -> Judged:
    return calendar.year(day.year).days[_nth(day)]


def add_working_days(calendar: Calendar, day: date, days: int) -> Reckoned:
    """The so-manieth working day after a day, which itself does not count; before it when `days` is
    negative, the day itself when 0."""
    step, assumed = DAY if days >= 0 else -DAY, False
    while days:
        day += step
        judged = is_working_day(calendar, day)
        assumed |= judged.assumed
        days -= judged.working * (1 if step == DAY else -1)
    return Reckoned(day, assumed)


def next_working_day(calendar: Calendar, day: date) -> Reckoned:
    """The day itself, or the first working day after it (民法典 203: 末日遇放假顺延)."""
    judged = is_working_day(calendar, day)
    if judged.working:
        return Reckoned(day, judged.assumed)
    found, assumed = add_working_days(calendar, day, 1)
    return Reckoned(found, assumed or judged.assumed)


def working_days_between(calendar: Calendar, since: date, until: date) -> Counted:
    """Working days after `since` up to and with `until`; negative when `until` lies before."""
    if until < since:
        back = working_days_between(calendar, until, since)
        return Counted(-back.days, back.assumed)
    years = [calendar.year(year) for year in range(since.year, until.year + 1)]
    whole = years[:-1]
    working = sum(year.working[-1] for year in whole) + years[-1].working[_nth(until)]
    assumed = sum(year.assumed[-1] for year in whole) + years[-1].assumed[_nth(until)]
    working -= years[0].working[_nth(since)]
    return Counted(working, assumed > years[0].assumed[_nth(since)])


class Left(NamedTuple):
    """How long until a day: below 0 when it is over. `assumed`: of the working days."""

    days: int
    working_days: int
    assumed: bool


def days_left(calendar: Calendar, due_on: date, on: date) -> Left:
    working = working_days_between(calendar, on, due_on)
    return Left((due_on - on).days, working.days, working.assumed)


def _nth(day: date) -> int:
    return day.timetuple().tm_yday - 1
