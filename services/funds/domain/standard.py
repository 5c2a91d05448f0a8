"""The standard 补助标准 of a scheme: how much a household or a person gets, by area and day.

A row of reference data; the day on which the lines count selects it (design 7). A scheme without a
row in force has no standard here, and its lines are as the roster says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from libs.events.dated_rows import Set, Values
from libs.events.errors import Refused


class Standard(Values):
    """`per`: for whom the amount is. A household's line for persons is a multiple of it, and the
    exact one where its members are listed."""

    amount_fen: int = Field(gt=0, le=2**53 - 1)
    per: Literal["household", "person"]


STANDARDS = Set("standard", "补助标准", Standard)


class StandardMismatch(Refused):
    """第 {line} 行与补助标准不符：应为 {expected_fen}，来的是 {amount_fen}（共 {count} 行）。"""


def expected_fen(standard: Standard, amount_fen: int, persons: int | None) -> int:
    """What a line of `persons` (None: not listed) should be; the amount itself when it is right."""
    if standard.per == "household":
        return standard.amount_fen
    if persons:
        return standard.amount_fen * persons
    whole = max(1, round_half_up(amount_fen, standard.amount_fen))
    return standard.amount_fen * whole


def round_half_up(amount_fen: int, unit_fen: int) -> int:
    return (2 * amount_fen + unit_fen) // (2 * unit_fen)


def mismatch(
    standard: Standard, lines: Iterable[tuple[int, int, int | None]]
) -> StandardMismatch | None:
    """What to object to in lines of (number, fen, persons); it names the first and counts all."""
    wrong = [
        (line, expected, fen)
        for line, fen, persons in lines
        if (expected := expected_fen(standard, fen, persons)) != fen
    ]
    if not wrong:
        return None
    line, expected, fen = wrong[0]
    return StandardMismatch(line=line, expected_fen=expected, amount_fen=fen, count=len(wrong))
