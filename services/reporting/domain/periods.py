"""Periods of indicators: a day, month, quarter or year as one text each, and the days they span.

Texts of one kind sort as time does: 2024-03-01, 2024-03, 2024Q1, 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from libs.events.contracts.reporting import PeriodKind

_SHAPES: Final[Mapping[PeriodKind, re.Pattern[str]]] = {
    "day": re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", re.ASCII),
    "month": re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)", re.ASCII),
    "quarter": re.compile(r"(?P<y>\d{4})Q(?P<q>[1-4])", re.ASCII),
    "year": re.compile(r"(?P<y>\d{4})", re.ASCII),
}
KINDS: Final[Mapping[PeriodKind, str]] = {"day": "日", "month": "月", "quarter": "季", "year": "年"}
WRITTEN = r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?|Q[1-4])?$"


class Span(NamedTuple):
    """Which kind a period is, its first day and its last."""

    kind: PeriodKind
    first: date
    last: date


def span(text: str) -> Span:
    """The days of a period. Raises: ValueError, in words for whoever wrote it."""
    for kind, shape in _SHAPES.items():
        if found := shape.fullmatch(text):
            try:
                return _span(kind, found.groupdict())
            except ValueError:
                raise ValueError(f"历法中没有此期间：{text}") from None
    raise ValueError(f"不是期间：{text[:20]}，应如 2024-03-01、2024-03、2024Q1、2024")


def _span(kind: PeriodKind, parts: Mapping[str, str]) -> Span:
    """Raises: ValueError, for a day or month that no calendar has."""
    year = int(parts["y"])
    match kind:
        case "day":
            day = date(year, int(parts["m"]), int(parts["d"]))
            return Span(kind, day, day)
        case "month":
            return Span(kind, *_months(year, int(parts["m"]), 1))
        case "quarter":
            return Span(kind, *_months(year, 3 * int(parts["q"]) - 2, 3))
        case "year":
            return Span(kind, *_months(year, 1, 12))


def _months(year: int, first: int, count: int) -> tuple[date, date]:
    """The first day of a month, and the last of so many."""
    begins = date(year, first, 1)
    behind = first + count
    after = date(year + 1, behind - 12, 1) if behind > 12 else date(year, behind, 1)
    return begins, after - timedelta(days=1)


def period_of(kind: PeriodKind, day: date) -> str:
    """The period of a kind that a day lies in."""
    match kind:
        case "day":
            return day.isoformat()
        case "month":
            return day.isoformat()[:7]
        case "quarter":
            return f"{day.year}Q{(day.month + 2) // 3}"
        case "year":
            return str(day.year)


def ended(kind: PeriodKind, since: date, until: date) -> Iterator[str]:
    """The periods of a kind that end on these days, in order."""
    period = period_of(kind, since)
    while (days := span(period)).last <= until:
        yield period
        period = period_of(kind, days.last + timedelta(days=1))


def _read(text: str) -> str:
    if not 1950 <= span(text).first.year <= 2200:
        raise ValueError(f"期间不在 1950 年至 2200 年之间：{text}")
    return text


PeriodTyped = Annotated[str, Field(pattern=WRITTEN, examples=["2024-03"]), AfterValidator(_read)]
"""A period as typed, of any kind."""
