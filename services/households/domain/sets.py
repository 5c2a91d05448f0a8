"""The reference data that households keeps: codes, income lines, calendars (design 4: owners)."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from libs.events.dated_rows import Set, Values
from libs.events.types import Day

from .erasure import RETENTIONS
from .grant import INCOMPATIBLE, ROLES
from .masking import PROFILES


class Code(Values):
    """A word of a code table; the key is `<table>.<code>`."""

    title: str = Field(min_length=1, max_length=120)
    parent: str | None = Field(default=None, max_length=120, description="上级代码的键")


class IncomeLine(Values):
    """Net income per person and year below which a household is registered or watched."""

    amount_fen: int = Field(gt=0, le=2**53 - 1, description="元/人·年, 以分计")


class Calendar(Values):
    """The days of a year that are not as their weekday says; the key is the year."""

    holidays: tuple[Day, ...] = Field(max_length=366, description="放假的工作日")
    workdays: tuple[Day, ...] = Field(default=(), max_length=366, description="上班的周末")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if set(self.holidays) & set(self.workdays):
            raise ValueError("同一天不能既放假又上班")
        return self


SETS = (
    ROLES,
    INCOMPATIBLE,
    Set("code", "代码表", Code),
    Set("register_type", "户类型", Code),
    Set("income_line", "收入线", IncomeLine),
    Set("calendar", "工作日历", Calendar),
    PROFILES,
    RETENTIONS,
)
