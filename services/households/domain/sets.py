"""The reference data that households keeps: codes, income lines, calendars (design 4: owners)."""

from __future__ import annotations

from pydantic import Field

from libs.events.calendar import CALENDARS
from libs.events.dated_rows import Set, Values

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


SETS = (
    ROLES,
    INCOMPATIBLE,
    Set("code", "代码表", Code),
    Set("register_type", "户类型", Code),
    Set("population", "人群", Code),
    Set("income_line", "收入线", IncomeLine),
    CALENDARS,
    PROFILES,
    RETENTIONS,
)
