"""Money as integer fen and as the text a person typed or a paper prints.

Fen are the only number: no float, no Decimal and no true division enters this module, so every
amount, share and percentage is exact until the one rounding that its caller names.
Source: docs design §6; 《支付结算办法》附一 (银发〔1997〕393号) for capital numerals.
"""

from __future__ import annotations

import re
from operator import index
from typing import Final, Literal

Unit = Literal["元", "万元", "亿元"]
Rounding = Literal["half_up", "truncate"]

PLACES: Final[dict[Unit, int]] = {"元": 2, "万元": 6, "亿元": 10}
"""Decimals of a unit that are whole fen: 1 万元 = 10**6 fen, so six."""

MAX_FEN: Final = 2**53 - 1
"""The same bound as `types.Fen`: the largest integer that every JSON reader keeps exactly."""

MAX_DECIMALS: Final = 20

_BLANKS = " \t\r\n\u00a0\u3000"
_NARROW = str.maketrans("０１２３４５６７８９，．", "0123456789,.")
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<decimals>[0-9]+))?")
_SIGNS = "+-＋－﹢﹣−"

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_STEPS = ((10**8, "亿"), (10**4, "万"), (1000, "仟"), (100, "佰"), (10, "拾"))
_NUMERALS = f"[{_DIGITS}拾佰仟万亿]"
_CAPITAL = re.compile(
    rf"(?:(?P<yuan>{_NUMERALS}+)元)?(?:零?(?P<jiao>[{_DIGITS}])角)?(?:零?(?P<fen>[{_DIGITS}])分)?整?"
)
_CAPITAL_LONGEST = 64


class AmountError(ValueError):
    """An amount, unit, rounding or numeral cannot be used; the text says which and why."""


def parse_amount(text: str, unit: Unit) -> int:
    """Read an amount as a paper prints it.

    Shapes: digits with optional point, thousands commas all or none, digits of either width,
        blanks around; no sign. At most 2 / 6 / 10 decimals for 元 / 万元 / 亿元, zeros counted.
    Units: `text` in `unit`; returns fen, 0..MAX_FEN.
    Raises: AmountError naming text, unit and limit; nothing is rounded or guessed.
    """
    places = _places(unit)
    plain = text.strip(_BLANKS).translate(_NARROW)
    found = _AMOUNT.fullmatch(plain)
    if found is None:
        raise _refused(text, unit, _why_not_amount(plain))
    decimals = found["decimals"] or ""
    if len(decimals) > places:
        raise _refused(text, unit, f"写了 {len(decimals)} 位小数")
    whole = found["whole"].replace(",", "").lstrip("0")
    # Length first: int() of thousands of digits raises an English ValueError of its own.
    fen = MAX_FEN + 1 if len(whole) > 16 else int(whole + decimals.ljust(places, "0"))
    if fen > MAX_FEN:
        raise _refused(text, unit, f"超过上限 {print_amount(MAX_FEN, unit)} {unit}")
    return fen


def print_amount(
    fen: int, unit: Unit, decimals: int | None = None, rounding: Rounding = "half_up"
) -> str:
    """Print fen as a paper does, without thousands commas.

    Shapes: `decimals` given: exactly so many, zeros kept; None: the shortest exact text.
    Units: `fen` in fen, either sign; the text in `unit`. Half up means away from zero, and what
        rounds to zero has no sign.
    Raises: AmountError for an unknown unit or rounding, or decimals outside 0..20.
    """
    places = _places(unit)
    if decimals is None:
        return _point(fen, places).rstrip("0").rstrip(".")
    return _quotient(fen, 10**places, decimals, rounding)


def ratio(
    numerator: int, denominator: int, scale: int, decimals: int, rounding: Rounding = "half_up"
) -> str:
    """Print numerator x scale over denominator, rounded once.

    Shapes: integers of either sign; exactly `decimals` decimals.
    Units: numerator and denominator in the same unit; `scale` 100 for percent, 1 for a plain ratio.
    Raises: AmountError for a zero denominator, an unknown rounding, or decimals outside 0..20.
    """
    if denominator == 0:
        raise AmountError(f"分母为零，{numerator} 的占比无法计算")
    return _quotient(numerator * scale, denominator, decimals, rounding)


def share(total_fen: int, n: int) -> list[int]:
    """Split a total into n parts that differ by at most 1 and sum to it exactly.

    Shapes: n >= 1; returns n integers, larger ones first.
    Units: fen, or any other whole unit.
    Raises: AmountError when n < 1.
    """
    if n < 1:
        raise AmountError(f"{total_fen} 分不能分成 {n} 份，份数至少为 1")
    part, larger = divmod(total_fen, n)
    return [part + 1] * larger + [part] * (n - larger)


def capital(fen: int) -> str:
    """Write fen in capital numerals 人民币大写, without the prefix 人民币, which the form prints.

    Shapes: 0..MAX_FEN. Runs of zero give one 零; 整 closes 元 and 角, never 分. Where the rule
        leaves 零 open it is written before 角 (壹拾元零伍角整) and not after 万 (壹拾万柒仟元整).
    Units: fen.
    Raises: AmountError outside the range.
    Source: 《支付结算办法》附一 一至三.
    """
    if not 0 <= fen <= MAX_FEN:
        raise AmountError(f"{fen} 分不能写成大写，范围是 0 至 {MAX_FEN} 分")
    return _spellings(fen)[0]


def parse_capital(text: str) -> int:
    """Read capital numerals 人民币大写.

    Shapes: every spelling that the rule allows: 人民币 before or not, 元 or 圆, 整 or 正 (after
        角 optional), 零 where it is left open. A missing or stray 零 is refused: 壹佰伍元 may be
        meant as 105 or as 150.
    Units: returns fen, 0..MAX_FEN.
    Raises: AmountError naming the text.
    Source: 《支付结算办法》附一 一至三.
    """
    plain = text.strip(_BLANKS).removeprefix("人民币").strip(_BLANKS)
    plain = plain.replace("圆", "元").replace("正", "整")
    found = _CAPITAL.fullmatch(plain) if len(plain) <= _CAPITAL_LONGEST else None
    if found is None:
        raise AmountError(f"“{_quote(text)}”不是人民币大写金额")
    yuan, jiao, fen = (_value(found[name] or "") for name in ("yuan", "jiao", "fen"))
    total = yuan * 100 + jiao * 10 + fen
    if total > MAX_FEN or plain not in _spellings(total):
        raise AmountError(f"大写金额“{_quote(text)}”写法不规范（零、整或数位有误）")
    return total


def _places(unit: Unit) -> int:
    if unit not in PLACES:
        raise AmountError(f"单位“{_quote(unit)}”不认识，只收{'、'.join(PLACES)}")
    return PLACES[unit]


def _why_not_amount(plain: str) -> str:
    if not plain:
        return "金额为空"
    if plain[0] in _SIGNS:
        return "金额不带正负号"
    if "," in plain and _AMOUNT.fullmatch(plain.replace(",", "")):
        return "千分位逗号位置不对"
    return "不是金额数字"


def _refused(text: str, unit: Unit, reason: str) -> AmountError:
    limit = f"{unit}最多 {PLACES[unit]} 位小数，即精确到分"
    return AmountError(f"金额“{_quote(text)}”（单位：{unit}）不能用：{reason}；{limit}")


def _quote(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _quotient(numerator: int, denominator: int, decimals: int, rounding: Rounding) -> str:
    if decimals not in range(MAX_DECIMALS + 1):
        raise AmountError(f"小数位数 {decimals} 不在 0 至 {MAX_DECIMALS} 之间")
    return _point(_rounded(numerator * 10**decimals, denominator, rounding), decimals)


def _rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Round a quotient to an integer, on magnitudes, so that both signs round alike."""
    whole, rest = divmod(abs(numerator), abs(denominator))
    match rounding:
        case "half_up":
            whole += 2 * rest >= abs(denominator)
        case "truncate":
            pass
        case _:
            raise AmountError(f"舍入方式“{rounding}”不认识，只收 half_up、truncate")
    return whole if (numerator < 0) == (denominator < 0) else -whole


def _point(scaled: int, decimals: int) -> str:
    """Set the decimal point into an integer; a float that slipped in is a TypeError here."""
    sign = "-" if scaled < 0 else ""
    digits = str(abs(index(scaled))).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def _spellings(fen: int) -> list[str]:
    """List every allowed spelling of 0..MAX_FEN fen, ours first; at most 32."""
    yuan, small = divmod(fen, 100)
    jiao, cent = divmod(small, 10)
    if not small:
        return [f"{text}元整" for text in (_numerals(yuan) if yuan else [_DIGITS[0]])]
    heads = [f"{text}元" for text in _numerals(yuan)] if yuan else [""]
    zeros = [""]
    if yuan and not jiao:
        zeros = ["零"]
    elif yuan and yuan % 10 == 0:
        zeros = ["零", ""]
    ends = [f"{_DIGITS[cent]}分"] if cent else ["整", ""]
    middle = f"{_DIGITS[jiao]}角" if jiao else ""
    return [head + zero + middle + end for head in heads for zero in zeros for end in ends]


def _numerals(number: int) -> list[str]:
    """List every allowed spelling of 0..10**16-1, ours first; 0 is the empty text.

    A gap in the digits wants 零. Where a 万 or 亿 group ends in 0 and its follower is full,
    the rule leaves 零 open: 壹拾万柒仟 and 壹拾万零柒仟.
    """
    for size, name in _STEPS:
        high, low = divmod(number, size)
        if high:
            gaps = [""]
            if 0 < low * 10 < size:
                gaps = ["零"]
            elif low and size >= 10**4 and high % 10 == 0:
                gaps = ["", "零"]
            return [
                h + name + gap + t for h in _numerals(high) for gap in gaps for t in _numerals(low)
            ]
    return [_DIGITS[number]] if number else [""]


def _value(numerals: str) -> int:
    """Fold numerals to a number, loosely; the caller compares with the allowed spellings."""
    for size, name in _STEPS:
        high, found, low = numerals.partition(name)
        if found:
            return _value(high) * size + _value(low)
    plain = numerals.strip("零")
    return _DIGITS.index(plain) if len(plain) == 1 else 0
