"""The column of a period, as people write one: 2024年3月, 2024-03, 202403, 2024年一季度."""

from __future__ import annotations

import re
from dataclasses import dataclass

from libs.chassis.imports.columns import Column, Setting, Unfit
from libs.chassis.sheets.cells import Cell, Kind
from libs.events.types import natural
from services.reporting.domain.periods import span

_FORMS = (
    re.compile(r"(?P<y>\d{4})年?度?"),
    re.compile(r"(?P<y>\d{4})(?:[-/.年]|)第?(?P<q>[1-4一二三四])季度?"),
    re.compile(r"(?P<y>\d{4})-?[Qq](?P<q>[1-4])"),
    re.compile(r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})月?份?"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})"),
    re.compile(r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
)
_QUARTERS = {"一": "1", "二": "2", "三": "3", "四": "4"}


@dataclass(frozen=True, kw_only=True)
class Period(Column):
    """As one text of its kind. A number with a point is not taken: 2024.10 and 2024.1 are one
    number."""

    def value(self, cell: Cell, setting: Setting) -> str:
        text = cell.text[:10] if cell.kind is Kind.DATE else re.sub(r"\s", "", natural(cell.text))
        found = None if cell.kind is Kind.NUMBER and "." in text else _written(text)
        if found is None:
            raise Unfit(
                "not_period",
                f"{self.title}{self.quoted(cell.text)}不是期间",
                "写成 2024年3月、2024年一季度、2024年 或日期的形式",
            )
        return found


def _written(text: str) -> str | None:
    for form in _FORMS:
        if parts := form.fullmatch(text):
            named = parts.groupdict()
            said = _joined(named)
            try:
                span(said)
            except ValueError:
                return None
            return said
    return None


def _joined(named: dict[str, str]) -> str:
    if "q" in named:
        return f"{named['y']}Q{_QUARTERS.get(named['q'], named['q'])}"
    rest = [named[part].zfill(2) for part in ("m", "d") if part in named]
    return "-".join([named["y"], *rest])
