"""The language of figures: what it refuses, by name; what it prints, to the last digit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from libs.events.contracts.reporting import Figure
from libs.events.errors import Refused
from services.reporting.domain.figure import DefinitionTyped
from services.reporting.figures import language
from services.reporting.figures.language import UnitDoesNotFit, UnknownField, UnusableValue
from services.reporting.figures.query import Binds, entries
from services.reporting.figures.value import printed, printed_ratio
from services.reporting.figures.words import SOURCES
from services.reporting.views.cursors import Moment
from tests.reporting.definitions import RATE, RECEIVED, UNSPENT, money
from tests.reporting.planted import COUNTY


def read(**definition: Any) -> Figure:
    return DefinitionTyped.model_validate(definition).read()


def sum_of(field: str, over: str = "movements", **more: Any) -> Figure:
    return read(measure="sum", over=over, field=field, **more)


def where(field: str, *values: str) -> dict[str, Any]:
    return {"where": [{"field": field, "values": list(values)}]}


REFUSED: list[tuple[Figure, type[Refused], dict[str, str]]] = [
    (sum_of("persons", unit="人"), UnknownField, {"field": "persons", "over": "movements"}),
    (sum_of("amount_fen", "assets", unit="元"), UnknownField, {"field": "amount_fen"}),
    (read(measure="distinct", over="lines", field="scheme"), UnknownField, {"field": "scheme"}),
    (read(measure="count", over="assets", **where("account", "paid")), UnknownField,
     {"field": "account", "role": "筛选"}),
    (sum_of("amount_fen", unit="元", **where("account", "recieved")), UnusableValue,
     {"field": "account", "value": "recieved"}),
    (read(measure="count", over="lines", **where("household", "7")), UnusableValue,
     {"field": "household", "value": "7"}),
    (sum_of("amount_fen", unit="元", **where("lot.year", "2020.5")), UnusableValue,
     {"value": "2020.5"}),
    (read(measure="count", over="households", **where("synthetic", "是")), UnusableValue,
     {"value": "是"}),
    (sum_of("amount_fen", unit="户"), UnitDoesNotFit, {"unit": "户"}),
    (read(measure="count", over="assets", unit="万元"), UnitDoesNotFit, {"unit": "万元"}),
    (sum_of("persons", "populations", unit="人", decimals=2), UnitDoesNotFit,
     {"unit": "2 位小数"}),
    (read(**{**RATE, "unit": "万元"}), UnitDoesNotFit, {"unit": "万元"}),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "refusal", "numbers"), REFUSED)
def test_a_word_that_is_not_of_the_language_is_refused_by_name(
    definition: Figure, refusal: type[Refused], numbers: dict[str, str]
) -> None:
    with pytest.raises(refusal) as refused:
        language.check(definition)
    assert {key: refused.value.numbers[key] for key in numbers} == numbers
    assert "{" not in refused.value.detail


@pytest.mark.parametrize(
    "definition", [RECEIVED, UNSPENT, RATE, money("paid", lot__level="county")]
)
def test_what_the_language_knows_passes(definition: dict[str, Any]) -> None:
    language.check(read(**definition))


MALFORMED = [
    {"measure": "sum", "over": "movements"},
    {"measure": "sum", "field": "amount_fen"},
    {"measure": "count", "over": "lines", "field": "household"},
    {"measure": "count", "over": "lines", "sign": -1},
    {"measure": "distinct", "over": "lines", "field": "household", "scale": 100},
    {"measure": "ratio", "numerator": "a", "decimals": 2},
    {"measure": "ratio", "numerator": "a", "denominator": "b"},
    {**RATE, "over": "lines"},
    {"measure": "sum", "over": "movements", "field": "amount_fen; drop table"},
    {"measure": "sum", "over": "payroll", "field": "amount_fen"},
]


@pytest.mark.parametrize("definition", MALFORMED)
def test_a_measure_without_its_operands_or_with_idle_ones_is_malformed(
    definition: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        DefinitionTyped.model_validate(definition)


def test_no_value_of_a_user_becomes_sql() -> None:
    evil = "x' OR '1'='1"
    definition = sum_of("amount_fen", unit="元", **where("purpose", evil))
    moment = Moment({"funds": 1})
    binds = Binds(moment)
    assert evil not in entries(definition, COUNTY, moment, binds)
    assert [evil] in binds.values


def test_every_filter_that_holds_unless_written_is_a_word_with_that_value() -> None:
    for source in SOURCES.values():
        for name, values in source.unless.items():
            assert set(values) <= set(source.words[name].values)
        assert set(source.shows) <= set(source.words)
        assert source.distinct <= set(source.words)


def yuan(decimals: int | None, rounding: str, unit: str = "万元") -> Figure:
    return sum_of("amount_fen", unit=unit, decimals=decimals, rounding=rounding)


@pytest.mark.parametrize(
    ("definition", "raw", "text"),
    [
        (yuan(None, "half_up"), 1_214_250_000, "1214.25"),
        (yuan(2, "half_up"), 1_174_325_000, "1174.33"),  # exactly half goes up
        (yuan(2, "truncate"), 1_174_329_999, "1174.32"),
        (yuan(0, "half_up"), -1_500_000, "-2"),  # away from zero
        (yuan(None, "half_up", "元"), 73_700, "737"),
        (yuan(2, "half_up", "亿元"), 72_600_000_000, "7.26"),
        (sum_of("persons", "populations", unit="人"), 2381, "2381"),
    ],
)
def test_a_value_is_printed_with_its_unit_and_rounding(
    definition: Figure, raw: int, text: str
) -> None:
    assert printed(definition, raw) == text


@pytest.mark.parametrize(
    ("decimals", "rounding", "sides", "text"),
    [
        (2, "half_up", (117_432_000_000, 121_425_000_000), "96.71"),
        (4, "half_up", (117_432_000_000, 121_425_000_000), "96.7116"),
        (4, "truncate", (117_432_000_000, 121_425_000_000), "96.7115"),
        (1, "half_up", (273, 14_384), "1.9"),
        (1, "truncate", (273, 14_384), "1.8"),
        (2, "half_up", (251, 251), "100.00"),
        (2, "half_up", (0, 5), "0.00"),
        (2, "half_up", (5, 0), None),
    ],
)
def test_a_ratio_is_rounded_once(
    decimals: int, rounding: str, sides: tuple[int, int], text: str | None
) -> None:
    definition = read(**{**RATE, "decimals": decimals, "rounding": rounding})
    assert printed_ratio(definition, *sides) == text
