"""In which unit a sheet says that its amounts are: in a head, or in a line above the heads, as
Chinese sheets are mostly laid out (单位：万元)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast

from libs.events.money import Unit

from ..sheets.cells import Row

_MONEY = r"(万元|亿元|元)"
_LIST = r"[、,，;；/／和及]"
_IN_HEAD = re.compile(
    rf"[(（](?:\w*单位[:：]?)?{_MONEY}(?:{_LIST}[^()（）]*)?[)）]|[:：,，]{_MONEY}$|(万元|亿元)$"
)
_SAID = re.compile(
    rf"单位\s*[:：]?\s*(?:[^\s:：()（）]{{0,12}}?{_LIST})?{_MONEY}(?=$|[\s)）。]|{_LIST})"
)
_LINE = re.compile(rf"[(（]?(?:金额|计量|货币)?单位[:：]?(?:[^:：()（）]*{_LIST})?{_MONEY}"
                   rf"(?:{_LIST}[^:：()（）]*)?[)）]?")  # fmt: skip

_FOREIGN = re.compile(
    r"(?:单位\s*[:：]?\s*|[(（]\s*)((?:十|百|千|十万|百万|千万)元|[角分]|美元|港元)\s*(?:$|[)）。、,，;；\s])"
)


def is_unit_line(text: str) -> bool:
    """Whether a cell says the unit and nothing else. `text`: without blanks."""
    return _LINE.fullmatch(text) is not None


def unit_of_heads(labels: Sequence[str]) -> Unit | None:
    """Of one column: what its lowest head says goes before what stands over it."""
    return next((unit for label in reversed(labels) if (unit := _found(_IN_HEAD, label))), None)


def unit_of_texts(texts: Iterable[str]) -> Unit | None:
    """What one line above the heads says, a title or a unit line."""
    return next((u for t in texts if (u := _found(_SAID, t) or _found(_IN_HEAD, t))), None)


def foreign_unit(rows: Iterable[Row]) -> str | None:
    """A unit that amounts are not read in, in the heads or above them."""
    texts = (cell.text for row in rows for cell in row.cells.values())
    return next((found[1] for text in texts if (found := _FOREIGN.search(text))), None)


def unit_above(rows: Iterable[Row], first: int) -> Unit | None:
    """What stands above the heads, whose first line is `first`; the nearest line counts."""
    said = None
    for row in rows:
        if row.number < first:
            texts = (cell.text.strip() for _, cell in sorted(row.cells.items()))
            said = unit_of_texts(texts) or said
    return said


def _found(pattern: re.Pattern[str], text: str) -> Unit | None:
    found = pattern.search(text)
    return None if found is None else cast("Unit", next(filter(None, found.groups())))
