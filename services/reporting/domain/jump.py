"""A value far from the one before it 变动: it asks for a word of explanation (product 6, i10).

How far is reference data; an indicator without a row in force asks nothing.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from libs.events.dated_rows import Reference, Set, Values
from libs.events.errors import Refused


class Jump(Values):
    """By how much a value may differ from the one before without a word; the key is the code of
    the indicator, or `any`."""

    percent: int = Field(ge=0, le=100_000, description="与上期相比的变动幅度，%")


JUMPS = Set("indicator_jump", "填报变动幅度", Jump)
ANY = "any"


class UnexplainedJump(Refused):
    """变动须写明情况：{code} {period} 为 {value}，{before_period} 为 {before}，超过 {percent}%。"""


class Value(NamedTuple):
    """What stands: its text and the same as a whole number of the last decimal."""

    text: str
    scaled: int


Of = tuple[str, Value]
"""A period and its value."""


def percent_of(jumps: Reference, code: str, path: tuple[UUID, ...], on: date) -> int | None:
    """Of the indicator itself, else of any; None: nothing is asked."""
    row = jumps.at(code, path, on) or jumps.at(ANY, path, on)
    return None if row is None else Jump.model_validate(row.values).percent


def jumped(code: str, before: Of, now: Of, percent: int | None) -> UnexplainedJump | None:
    """What to object to; any change from 0 is a jump."""
    (before_period, was), (period, new) = before, now
    if percent is None or abs(new.scaled - was.scaled) * 100 <= percent * abs(was.scaled):
        return None
    return UnexplainedJump(
        code=code,
        period=period,
        value=new.text,
        before_period=before_period,
        before=was.text,
        percent=percent,
    )
