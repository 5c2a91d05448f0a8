"""What must never enter the log: numbers that name a person (product 6; the log is for ever).

Found anywhere in a text, in whatever width the digits were typed. Codes of areas, 文号, dates and
shorter or longer runs of digits pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel

_WORTH_A_LOOK = re.compile(r"\d(?:[ -]?\d){10}")
_OPAQUE = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,})(?![0-9a-f])", re.I
)
_RUN = re.compile(r"(?<![0-9])[0-9]+(?![0-9])")
_CITIZEN = re.compile(r"(?<![0-9])([0-9]{17})([0-9Xx])(?![0-9])")
_SPACED = re.compile(
    r"(?<![0-9])(?:1[3-9][0-9]([ -])[0-9]{4}\1[0-9]{4}"
    r"|62[0-9]{2}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{4}(?:\2[0-9]{1,3})?)(?![0-9])"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

CITIZEN_ID, MOBILE, BANK_CARD = "公民身份号码", "手机号码", "银行卡号"


class PersonalTextError(ValueError):
    """A text of a command holds a person's number; the message says which kind, never the text."""

    def __init__(self, place: str, kind: str) -> None:
        self.place = place
        super().__init__(f"不得含个人信息：疑似{kind}")


def refuse_personal(value: Any, place: str = "") -> None:
    """Walk all texts of a command, nested and keys too. Raises: PersonalTextError."""
    if isinstance(value, str):
        kind = looks_personal(value)
        if kind is not None:
            raise PersonalTextError(place, kind)
    for name, inner in _members(value):
        refuse_personal(inner, f"{place}/{name}")


def _members(value: Any) -> Iterable[tuple[int | str, Any]]:
    match value:
        case BaseModel():
            return () if getattr(value, "only_numbers", False) else value
        case dict():
            # A key is a text too, but is never told: it would stand in the answer.
            return [*enumerate(value), *enumerate(value.values())]
        case list() | tuple() | set() | frozenset():
            return enumerate(value)
        case _:
            return ()


def looks_personal(text: str) -> str | None:
    """The kind of personal number that stands in a text, or None."""
    if _WORTH_A_LOOK.search(text) is None:
        return None
    plain = _OPAQUE.sub("/", unicodedata.normalize("NFKC", text))
    return next(_kinds(plain), None)


def _kinds(text: str) -> Iterator[str]:
    if any(_citizen(found[1], found[2]) for found in _CITIZEN.finditer(text)):
        yield CITIZEN_ID
    runs = _RUN.findall(text)
    runs += [re.sub("[ -]", "", found[0]) for found in _SPACED.finditer(text)]
    for run in runs:
        if len(run) == 15 and _is_day("19" + run[6:12]):
            yield CITIZEN_ID
        if len(run) == 11 and run[0] == "1" and run[1] in "3456789":
            yield MOBILE
        if 16 <= len(run) <= 19 and _luhn(run):
            yield BANK_CARD


def _citizen(digits: str, check: str) -> bool:
    """GB 11643-1999: a birthday inside, and a check digit."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == check.upper() and _is_day(digits[6:14])


def _is_day(digits: str) -> bool:
    try:
        return date.fromisoformat(digits).year >= 1800
    except ValueError:
        return False


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [
        int(digit) * 2 if place % 2 else int(digit) for place, digit in enumerate(digits[::-1])
    ]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
