"""Which number formats make a number a date, and which day a number is.

Source: ECMA-376 part 1, 18.8.30 (built-in formats, those of zh-cn with them) and 18.17.4.1 (the two
date systems). The system of 1900 counts a 29 February 1900 that never was, as Lotus 1-2-3 did.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

BUILT_IN = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
LAST_SERIAL = {False: 2_958_465, True: 2_957_003}
LEAP_DAY_THAT_NEVER_WAS = 60
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_SIGNS = re.compile(r"[ymdhs]", re.IGNORECASE)


def is_date(format_id: int, code: str | None) -> bool:
    """Whether a number so formatted is shown as a day or a time."""
    if code is None:
        return format_id in BUILT_IN
    first, _, _ = _LITERAL.sub("", code).partition(";")
    return first.lower() != "general" and _SIGNS.search(first) is not None


@lru_cache(maxsize=65_536)
def moment(serial: str, from_1904: bool) -> str | None:
    """ISO text of a serial number; None where it is no day of either system.

    A fraction is rounded to the second; a number below 1 is a time alone.
    """
    number = Decimal(serial)
    if not 0 <= number < LAST_SERIAL[from_1904] + 1:
        return None
    days = int(number)
    part = (number - days) * 86_400
    seconds = int(part.to_integral_value(ROUND_HALF_UP))
    if seconds == 86_400:
        days, seconds = days + 1, 0
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if days == 0 and not from_1904:
        return clock
    day = _day(days, from_1904)
    return f"{day}T{clock}" if seconds else day


def _day(days: int, from_1904: bool) -> str:
    if from_1904:
        return (date(1904, 1, 1) + timedelta(days)).isoformat()
    if days == LEAP_DAY_THAT_NEVER_WAS:
        return "1900-02-29"
    before = days < LEAP_DAY_THAT_NEVER_WAS
    return (date(1899, 12, 31 if before else 30) + timedelta(days)).isoformat()
