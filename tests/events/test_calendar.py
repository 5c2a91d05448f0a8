"""Working days over dated rows: weekends, holidays, worked weekends, areas, years without a row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.events.calendar import (
    Calendar,
    Calendars,
    YearOfDays,
    add_working_days,
    is_working_day,
    next_working_day,
    working_days_between,
)
from libs.events.contracts.rules import ReferenceRow, ReferenceSet
from libs.events.dated_rows import references
from libs.events.types import Event

PROVINCE, COUNTY, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
SPRING = tuple(f"2026-02-{day}" for day in (16, 17, 18, 19, 20, 23))
WORKED = ("2026-02-14", "2026-02-28")


def told(
    area: UUID | None, year: str, since: str, holidays: tuple[str, ...], workdays: tuple[str, ...]
) -> Event:
    values: dict[str, Any] = {"holidays": holidays, "workdays": workdays}
    row = ReferenceRow(
        key=year, valid_from=date.fromisoformat(since), valid_until=None, values=values
    )
    return ReferenceSet(set="calendar", area=area, origin="local", document=None, rows=(row,))


def calendar(*path: UUID, also: tuple[Event, ...] = ()) -> Calendar:
    national = told(None, "2026", "2026-01-01", SPRING, WORKED)
    return Calendars(references.over((national, *also))).of(path)


def february(day: int) -> date:
    return date(2026, 2, day)


def test_a_holiday_and_a_worked_weekend_are_as_the_row_says() -> None:
    of = calendar(COUNTY)
    days = {day: is_working_day(of, february(day)) for day in range(12, 29)}
    assert [day for day, told in days.items() if told.working] == [12, 13, 14, 24, 25, 26, 27, 28]
    assert not any(told.assumed for told in days.values())


def test_working_days_are_counted_over_the_holiday() -> None:
    of = calendar(COUNTY)
    assert add_working_days(of, february(12), 3) == (february(24), False)
    assert add_working_days(of, february(24), -2) == (february(13), False)
    assert add_working_days(of, february(21), 0) == (february(21), False)
    assert next_working_day(of, february(16)) == (february(24), False)
    assert next_working_day(of, february(14)) == (february(14), False)
    assert working_days_between(of, february(12), february(24)) == (3, False)
    assert working_days_between(of, february(24), february(12)) == (-3, False)


def test_a_year_without_a_row_counts_weekdays_and_says_so() -> None:
    of = calendar(COUNTY)
    new_year = date(2027, 1, 1)
    assert is_working_day(of, new_year) == (True, True)
    assert is_working_day(of, date(2027, 1, 2)) == (False, True)
    assert add_working_days(of, date(2026, 12, 31), 1) == (new_year, True)
    assert add_working_days(of, date(2026, 12, 30), 1) == (date(2026, 12, 31), False)
    assert working_days_between(of, date(2026, 12, 30), new_year) == (2, True)
    assert working_days_between(of, date(2026, 12, 30), date(2026, 12, 31)) == (1, False)
    assert working_days_between(of, new_year, date(2027, 1, 4)) == (1, True)


def test_the_nearest_area_above_decides_and_others_are_left_alone() -> None:
    festival = told(COUNTY, "2026", "2026-01-01", ("2026-04-15",), ())
    here = calendar(PROVINCE, COUNTY, also=(festival,))
    there = calendar(PROVINCE, OTHER, also=(festival,))
    assert is_working_day(here, date(2026, 4, 15)) == (False, False)
    assert is_working_day(there, date(2026, 4, 15)) == (True, False)
    assert is_working_day(here, february(17)).working, "its own row stands alone"


def test_a_row_of_the_middle_of_a_year_holds_from_its_day() -> None:
    longer = told(None, "2026", "2026-02-22", (*SPRING, "2026-02-24"), WORKED)
    of = calendar(COUNTY, also=(longer,))
    assert add_working_days(of, february(12), 3) == (february(25), False)
    earlier = told(None, "2026", "2026-03-01", (*SPRING, "2026-02-24"), WORKED)
    assert is_working_day(calendar(also=(earlier,)), february(24)).working


def test_a_day_is_not_holiday_and_workday_at_once() -> None:
    with pytest.raises(ValidationError, match="放假又上班"):
        YearOfDays.model_validate({"holidays": ["2026-02-14"], "workdays": ["2026-02-14"]})


@settings(max_examples=150, deadline=None)
@given(since=st.dates(date(2025, 11, 1), date(2027, 2, 28)), days=st.integers(-60, 60).filter(bool))
def test_adding_and_counting_agree(since: date, days: int) -> None:
    """The day reached is a working day, and so many lie between; counting parts adds up."""
    of = calendar(COUNTY)
    reached, assumed = add_working_days(of, since, days)
    assert is_working_day(of, reached).working
    counted = working_days_between(of, since, reached)
    # Backwards the day itself counts, where forwards it does not.
    itself = is_working_day(of, since).working if days < 0 else False
    last = 0 if days > 0 else 1
    assert counted.days == days + last - itself
    middle = since + timedelta(days=7)
    parts = (working_days_between(of, *span).days for span in ((since, middle), (middle, reached)))
    assert sum(parts) == counted.days
    first, after = sorted((since, reached))
    counts = (first + timedelta(days=n + (days > 0)) for n in range((after - first).days))
    assert assumed == any(is_working_day(of, day).assumed for day in counts)
