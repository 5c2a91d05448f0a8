"""Fen and text: what papers print is read exactly, and printed again as they print it."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events import money, types
from libs.events.money import (
    MAX_FEN,
    PLACES,
    AmountError,
    Rounding,
    Unit,
    capital,
    parse_amount,
    parse_capital,
    print_amount,
    ratio,
    share,
)

# The same cases every time: no database, no clock, no seed of the day.
fixed = settings(derandomize=True, database=None, deadline=None, max_examples=300)

fens = st.integers(0, 10**15)
units = st.sampled_from(list(PLACES))


@pytest.mark.parametrize(
    ("text", "unit", "fen"),
    [
        ("19.65", "万元", 19_650_000),  # 004 recv.prov1
        ("1,214.25", "万元", 1_214_250_000),  # 004 recv.total
        ("17", "万元", 17_000_000),
        ("14.9040", "万元", 14_904_000),  # 000, zeros as printed
        ("1369.58852", "万元", 1_369_588_520),  # 000 interest subsidy
        ("4,123,456.70", "元", 412_345_670),
        ("0.000001", "万元", 1),
        ("0.0000000001", "亿元", 1),
        ("7.26", "亿元", 72_600_000_000),  # 001 integrated funds
        ("００１２３．４５", "元", 12_345),  # zeros that pad a bank file
        ("１，２１４．２５", "万元", 1_214_250_000),
        ("0" * 20 + "1.00", "元", 100),
        ("\u3000 63.5\t", "元", 6_350),
        ("0", "元", 0),
        ("90071992547409.91", "元", MAX_FEN),
    ],
)
def test_an_amount_is_read_as_printed(text: str, unit: Unit, fen: int) -> None:
    assert parse_amount(text, unit) == fen


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        ("1.005", "元", "3 位小数"),
        ("1.000", "元", "3 位小数"),  # zeros count: the limit is what a reader can see
        ("0.0000001", "万元", "7 位小数"),
        ("0.00000000001", "亿元", "11 位小数"),
        ("-5", "元", "正负号"),
        ("－5", "元", "正负号"),
        ("+5", "元", "正负号"),
        ("", "元", "为空"),
        (" \u3000", "万元", "为空"),
        ("1,21", "元", "逗号"),
        ("1214,250", "元", "逗号"),
        (",100", "元", "逗号"),
        ("1,,000", "元", "逗号"),
        (".5", "元", "不是金额数字"),
        ("5.", "元", "不是金额数字"),
        ("1.2.3", "元", "不是金额数字"),
        ("1 000", "元", "不是金额数字"),
        ("1e5", "元", "不是金额数字"),
        ("1_000", "元", "不是金额数字"),
        ("NaN", "元", "不是金额数字"),
        ("30万元", "万元", "不是金额数字"),
        ("¥30", "元", "不是金额数字"),
        ("٣", "元", "不是金额数字"),  # an Arabic digit is a digit to int(), not to a paper
        ("²", "元", "不是金额数字"),
        ("90071992547409.92", "元", "超过上限"),
        ("9" * 5000, "亿元", "超过上限"),
    ],
)
def test_what_is_not_whole_fen_is_refused_by_name(text: str, unit: Unit, reason: str) -> None:
    with pytest.raises(AmountError, match=re.escape(reason)) as refused:
        parse_amount(text, unit)
    said = str(refused.value)
    assert text[:40] in said
    assert f"单位：{unit}" in said
    assert f"最多 {PLACES[unit]} 位小数" in said
    assert len(said) < 140


def test_a_refusal_is_a_value_error() -> None:
    assert issubclass(AmountError, ValueError)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(AmountError, match="单位“千元”不认识"):
        parse_amount("1", cast(Any, "千元"))


@fixed
@given(fens, units)
def test_every_amount_printed_exactly_reads_back(fen: int, unit: Unit) -> None:
    assert parse_amount(print_amount(fen, unit), unit) == fen
    assert parse_amount(print_amount(fen, unit, PLACES[unit]), unit) == fen


@fixed
@given(fens)
def test_thousands_commas_change_nothing(fen: int) -> None:
    whole, cents = divmod(fen, 100)
    assert parse_amount(f"{whole:,}.{cents:02}", "元") == fen


def test_the_bound_is_that_of_the_event_field() -> None:
    assert get_args(types.Fen)[1].le == MAX_FEN


@pytest.mark.parametrize(
    ("fen", "unit", "decimals", "rounding", "text"),
    [
        (1_214_250_000, "万元", 2, "half_up", "1214.25"),
        (19_650_000, "万元", None, "half_up", "19.65"),
        (17_000_000, "万元", None, "half_up", "17"),
        (2_250_000, "万元", None, "truncate", "2.25"),
        (14_904_000, "万元", 4, "half_up", "14.9040"),
        (2_008_800_000, "万元", 0, "half_up", "2009"),  # 001 ind.*
        (2_008_800_000, "万元", 0, "truncate", "2008"),
        (1_168_000_000_00, "亿元", 2, "half_up", "11.68"),
        (5_000, "万元", 2, "half_up", "0.01"),
        (4_999, "万元", 2, "half_up", "0.00"),
        (9_999, "万元", 2, "truncate", "0.00"),
        (100_000, "元", 3, "half_up", "1000.000"),
        (10_000, "元", None, "half_up", "100"),
        (0, "亿元", None, "half_up", "0"),
        (1, "亿元", None, "half_up", "0.0000000001"),
        (-5_000, "万元", 2, "half_up", "-0.01"),
        (-4_999, "万元", 2, "half_up", "0.00"),
        (-39_930_000, "万元", None, "half_up", "-39.93"),
    ],
)
def test_an_amount_is_printed_as_papers_print(
    fen: int, unit: Unit, decimals: int | None, rounding: Rounding, text: str
) -> None:
    assert print_amount(fen, unit, decimals, rounding) == text


@fixed
@given(st.integers(-(10**15), 10**15), units, st.integers(0, 12))
def test_printing_moves_an_amount_by_at_most_its_rounding(
    fen: int, unit: Unit, decimals: int
) -> None:
    def tens(text: str) -> int:
        return int(text.replace(".", ""))

    exact, step = fen * 10**decimals, 10 ** PLACES[unit]
    half_up = tens(print_amount(fen, unit, decimals, "half_up"))
    cut = tens(print_amount(fen, unit, decimals, "truncate"))
    assert abs(2 * (half_up * step - exact)) <= step
    assert 0 <= abs(exact) - abs(cut * step) < step


@pytest.mark.parametrize(("decimals", "rounding"), [(-1, "half_up"), (21, "half_up"), (2, "up")])
def test_unknown_decimals_and_roundings_are_refused(decimals: int, rounding: Any) -> None:
    with pytest.raises(AmountError, match=r"小数位数|舍入方式"):
        print_amount(100, "元", decimals, rounding)


def test_a_float_never_passes_for_fen() -> None:
    with pytest.raises(TypeError):
        print_amount(cast(Any, 1250.0), "元", 2)
    with pytest.raises(TypeError):
        ratio(cast(Any, 1.0), 3, 100, 2)


@pytest.mark.parametrize(
    ("numerator", "denominator", "decimals", "rounding", "text"),
    [
        (1_174_320_000, 1_214_250_000, 2, "half_up", "96.71"),  # 004 execution rate
        (1_174_320_000, 1_214_250_000, 4, "half_up", "96.7116"),
        (273, 14_384, 1, "truncate", "1.8"),  # 001 Jiangbian: 1.898
        (273, 14_384, 1, "half_up", "1.9"),
        (849, 1_600, 1, "half_up", "53.1"),  # 53.0625
        (751, 1_600, 1, "half_up", "46.9"),  # 46.9375
        (1, 200, 0, "half_up", "1"),
        (0, 5, 2, "half_up", "0.00"),
        (-1, 3, 2, "half_up", "-33.33"),
        (1, -200, 0, "half_up", "-1"),
        (-2, -3, 1, "truncate", "66.6"),
    ],
)
def test_a_percentage_is_rounded_once(
    numerator: int, denominator: int, decimals: int, rounding: Rounding, text: str
) -> None:
    assert ratio(numerator, denominator, 100, decimals, rounding) == text


def test_a_plain_ratio_has_scale_one() -> None:
    assert ratio(1, 8, 1, 3) == "0.125"


def test_a_ratio_over_zero_is_refused() -> None:
    with pytest.raises(AmountError, match="分母为零"):
        ratio(5, 0, 100, 2)


@pytest.mark.parametrize(
    ("total", "n", "larger", "part"),
    [  # scenario 004: habitat, relief, filial piety, points
        (3_030_000, 351, 168, 8_632),
        (600_000, 814, 82, 737),
        (100_000, 366, 82, 273),
        (300_000, 1_066, 454, 281),
    ],
)
def test_a_published_split_is_reproduced(total: int, n: int, larger: int, part: int) -> None:
    assert share(total, n) == [part + 1] * larger + [part] * (n - larger)


@fixed
@given(st.integers(-(10**15), 10**15), st.integers(1, 500))
def test_shares_sum_exactly_and_differ_by_at_most_one(total: int, n: int) -> None:
    parts = share(total, n)
    assert (len(parts), sum(parts)) == (n, total)
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1


def test_no_split_into_nothing() -> None:
    with pytest.raises(AmountError, match="0 份"):
        share(100, 0)


RULE_EXAMPLES = [
    # 《支付结算办法》附一 三: the four printed there
    (1_409_50, "壹仟肆佰零玖元伍角", "壹仟肆佰零玖元伍角整"),
    (6_007_14, "陆仟零柒元壹角肆分", None),
    (1_680_32, "壹仟陆佰捌拾元零叁角贰分", "壹仟陆佰捌拾元叁角贰分"),
    (107_000_53, "壹拾万柒仟元零伍角叁分", "壹拾万零柒仟元伍角叁分"),
    (16_409_02, "壹万陆仟肆佰零玖元零贰分", None),
    (325_04, "叁佰贰拾伍元零肆分", None),
]


@pytest.mark.parametrize(("fen", "text", "other"), RULE_EXAMPLES)
def test_the_examples_of_the_rule_are_read(fen: int, text: str, other: str | None) -> None:
    assert parse_capital(text) == fen
    assert other is None or parse_capital(other) == fen
    assert capital(fen) in (text, other)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (11, "壹角壹分"),
        (100, "壹元整"),
        (10_00, "壹拾元整"),
        (10_50, "壹拾元零伍角整"),
        (105_00, "壹佰零伍元整"),
        (150_00, "壹佰伍拾元整"),
        (100_000_00, "壹拾万元整"),
        (100_005_00, "壹拾万零伍元整"),
        (1_000_500_00, "壹佰万零伍佰元整"),
        (541_700_00, "伍拾肆万壹仟柒佰元整"),  # 004 use.insurance
        (11_743_200_00, "壹仟壹佰柒拾肆万叁仟贰佰元整"),  # 004 used.total
        (100_000_000_00, "壹亿元整"),
        (100_001_000_00, "壹亿零壹仟元整"),
        (100_010_000_01, "壹亿零壹万元零壹分"),
        (1_010_000_000_00, "壹拾亿壹仟万元整"),
        (10_000_000_000_00, "壹佰亿元整"),
        (1_000_100_000_000_00, "壹万零壹亿元整"),
        (MAX_FEN, "玖拾万零柒佰壹拾玖亿玖仟贰佰伍拾肆万柒仟肆佰零玖元玖角壹分"),
    ],
)
def test_an_amount_is_written_in_capitals(fen: int, text: str) -> None:
    assert capital(fen) == text


@fixed
@given(fens)
def test_every_amount_in_capitals_reads_back(fen: int) -> None:
    assert parse_capital(capital(fen)) == fen


@fixed
@given(st.lists(st.sampled_from([0, 0, 0, 1, 9]), min_size=1, max_size=15))
def test_every_spelling_means_one_amount(digits: list[int]) -> None:
    """Zeros on purpose: the places where the rule leaves 零 open are rare among random numbers."""
    fen = int("".join(map(str, digits)))
    spellings = money._spellings(fen)
    assert len(set(spellings)) == len(spellings) <= 32
    assert {parse_capital(text) for text in spellings} == {fen}
    assert not any("零零" in text for text in spellings)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("人民币壹佰元整", 100_00),
        ("人民币 壹佰元正", 100_00),
        (" 壹佰圆正\u3000", 100_00),
        ("壹拾万零柒仟元整", 107_000_00),
    ],
)
def test_allowed_spellings_are_read(text: str, fen: int) -> None:
    assert parse_capital(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "整",
        "元整",
        "人民币",
        "壹佰元",  # 整 is what stops a later hand
        "壹佰伍元整",  # 105 or 150
        "壹亿壹仟元整",  # 1_0000_1000 or 1_1000_0000
        "拾元整",
        "壹佰零零伍元整",
        "壹佰零元整",
        "壹佰零伍拾元整",
        "壹拾壹佰元整",
        "壹万壹万元整",
        "贰拾伍分",
        "壹元伍分",
        "壹元零伍分整",
        "零元伍角整",
        "壹元零角伍分",
        "一百元整",
        "100元整",
        "壹佰美元整",
        "玖仟玖佰万亿元整",
        "亿" * 5000 + "元整",
    ],
)
def test_a_doubtful_numeral_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match="大写金额"):
        parse_capital(text)


@pytest.mark.parametrize("fen", [-1, MAX_FEN + 1])
def test_capitals_have_a_range(fen: int) -> None:
    with pytest.raises(AmountError, match=str(fen)):
        capital(fen)
