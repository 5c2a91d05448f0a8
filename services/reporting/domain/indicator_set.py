"""Indicator sets 指标体系: which figures a level asks for, by the day from which it does."""

from __future__ import annotations

from pydantic import Field

from libs.events.dated_rows import Set, Values

from .names import Code


class IndicatorSet(Values):
    """What is asked of whoever reports by this set; the key names the set."""

    title: str = Field(min_length=1, max_length=120)
    figures: tuple[Code, ...] = Field(min_length=1, max_length=500, description="数字的名称")


INDICATOR_SETS = Set("indicator_set", "指标体系", IndicatorSet)
