"""Columns of numbers, amounts and days: what people type, exactly, in every form that they use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from libs.events.amount import AmountTyped
from libs.events.money import AmountError, Unit, parse_amount, print_amount
from libs.events.types import natural

from ..sheets.cells import Cell, Kind
from ..sheets.dates import moment
from .columns import Column, Setting, Unfit

LIKELY = re.compile(r"[2-7]\d{4}")
"""Serial numbers of days from 1954 to 2119; others are somebody's other number."""
_DAY = re.compile(r"(?P<y>\d{4}|\d{2})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?|(?P<p>\d{8})")


@dataclass(frozen=True, kw_only=True)
class Whole(Column):
    least: int = 0
    most: int = 10**10

    def value(self, cell: Cell, setting: Setting) -> int:
        text = _digits(cell)
        if not re.fullmatch(r"\d+", text):
            raise Unfit("not_whole", f"{self.title}{self.quoted(cell.text)}不是整数", "填整数")
        if not self.least <= int(text) <= self.most:
            raise Unfit(
                "out_of_range",
                f"{self.title} {int(text)} 不在 {self.least} 至 {self.most} 之间",
                "核对原件后改正",
            )
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Quantity(Column):
    """An exact decimal, kept as text."""

    places: int = 4

    def value(self, cell: Cell, setting: Setting) -> str:
        text = _digits(cell)
        if not re.fullmatch(rf"-?\d{{1,15}}(\.\d{{1,{self.places}}})?", text):
            raise Unfit(
                "not_number",
                f"{self.title}{self.quoted(cell.text)}不是数，或小数多于 {self.places} 位",
                "填数字",
            )
        return text

    def exact(self, value: str) -> int:
        whole, _, decimals = value.partition(".")
        return int(whole + decimals.ljust(self.places, "0"))

    def printed(self, exact: int) -> str:
        digits = str(abs(exact)).zfill(self.places + 1)
        whole, decimals = digits[: len(digits) - self.places], digits[len(digits) - self.places :]
        return "-" * (exact < 0) + f"{whole}.{decimals}".rstrip("0").rstrip(".")


@dataclass(frozen=True, kw_only=True)
class Money(Column):
    """In the unit that the head or the mapping says; never scaled in silence (product 7.2)."""

    unit: Unit = "元"

    def value(self, cell: Cell, setting: Setting) -> AmountTyped:
        text, unit = _digits(cell), setting.units.get(self.field, self.unit)
        try:
            fen = parse_amount(text, unit)
        except AmountError as error:
            told = str(error) if self.may_tell(text) else f"{self.quoted(text)}不是金额"
            raise Unfit("not_amount", f"{self.title}：{told}", f"按{unit}填写") from None
        if fen == 0:
            raise Unfit("zero_amount", f"{self.title}为 0", "没有金额的行不必导入")
        largest = setting.largest.get(self.field)
        if largest is not None and fen > largest:
            raise _implausible(self.title, self.quoted(text), fen, largest)
        return AmountTyped(text=text, unit=unit)

    def exact(self, value: AmountTyped) -> int:
        return value.read().amount_fen

    def printed(self, exact: int) -> str:
        return f"{print_amount(exact, '元', 2)} 元"


@dataclass(frozen=True, kw_only=True)
class Day(Column):
    """A day of the calendar, in the forms that people use (product 7.5). `future`: it may lie
    ahead, as of a plan."""

    earliest: date = date(1900, 1, 1)
    future: bool = False

    def value(self, cell: Cell, setting: Setting) -> date:
        day = _day(cell)
        if day is None:
            raise Unfit(
                "not_day", f"{self.title}{self.quoted(cell.text)}不是日期", "写成 2021-03-05 的形式"
            )
        if day < self.earliest or (day > setting.today and not self.future):
            latest = "以后" if self.future else f"至今天（{setting.today}）"
            raise Unfit(
                "impossible_day",
                f"{self.title} {day} 不在 {self.earliest} {latest}之间",
                "核对原件后改正",
            )
        return day


def _implausible(title: str, text: str, fen: int, largest: int) -> Unfit:
    """Both readings are shown, and neither is chosen (product 7.2)."""
    told = f"{title}{text}即 {print_amount(fen, '元', 2)} 元，超过上限"
    limit = print_amount(largest, "元", 2)
    ten_thousandth = print_amount(fen // 10_000, "元", 2)
    return Unfit(
        "implausible_amount",
        f"{told} {limit} 元；如果单位其实小一万倍，则是 {ten_thousandth} 元",
        "核对单位是元还是万元，改正后再导入",
    )


def _digits(cell: Cell) -> str:
    """Of a number as it is, of a text half-width and without the commas of thousands."""
    return natural(cell.text).replace(",", "")


def _day(cell: Cell) -> date | None:
    if cell.kind is Kind.DATE:
        return date.fromisoformat(cell.text[:10])
    text = natural(cell.text).replace(" ", "")
    if LIKELY.fullmatch(text) and (day := moment(text, from_1904=False)) is not None:
        return date.fromisoformat(day)
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    packed = found["p"]
    parts = (packed[:4], packed[4:6], packed[6:]) if packed else found.group("y", "m", "d")
    year = int(parts[0]) + (2000 if len(parts[0]) == 2 else 0)
    try:
        return date(year, int(parts[1]), int(parts[2]))
    except ValueError:
        return None
