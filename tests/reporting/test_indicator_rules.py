"""Rules of indicators: what never changes, who enters what for when, jumps, corrections."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pydantic import ValidationError

from libs.events.contracts.reporting import (
    Figure,
    Filter,
    IndicatorCorrected,
    IndicatorDefined,
    IndicatorEntered,
)
from libs.events.contracts.rules import ReferenceRow, ReferenceSet
from libs.events.dated_rows import Reference, references
from services.reporting.domain import entered, indicator
from services.reporting.domain.entered import (
    AlreadyEntered,
    EnterIndicator,
    Entering,
    EntryFacts,
    NothingToCorrect,
    NotTheReporter,
    OtherUnit,
    PeriodAhead,
    PeriodDiffers,
    PeriodNotAsked,
    TooManyDecimals,
    ValueUnchanged,
    entries,
)
from services.reporting.domain.indicator import (
    DefineIndicator,
    Indicator,
    IndicatorFixed,
    IndicatorUnchanged,
    IndicatorUnknown,
    indicators,
)
from services.reporting.domain.jump import UnexplainedJump
from services.reporting.domain.periods import period_of, span
from services.reporting.domain.quantity import scaled
from services.reporting.domain.roll_up import NotAddedUp, NotAPeriod, rolled_up
from tests.spec import when

COUNTY, TOWN, ELSEWHERE = (UUID(int=n) for n in (1, 2, 3))
FACTS = EntryFacts(path=(COUNTY, TOWN), level="township")
DEFINED: dict[str, Any] = {
    "occurred_on": date(2024, 1, 1),
    "area": COUNTY,
    "code": "training.sessions",
    "title": "培训期数",
    "unit": "期",
    "period": "month",
    "over_areas": "sum",
    "over_periods": "sum",
    "level": "township",
    "valid_from": date(2024, 1, 1),
}


def defining(**more: Any) -> DefineIndicator:
    return DefineIndicator.model_validate(DEFINED | more)


def defined(**more: Any) -> IndicatorDefined:
    decision = when(indicator.define, Indicator(), defining(**more)).accepted()
    ((event,),) = decision.events.values()
    assert isinstance(event, IndicatorDefined)
    return event


ONE = defined()
ID = ONE.indicator


def entering(text: str | None = "4", **more: Any) -> EnterIndicator:
    value = None if text is None else {"text": text, "unit": more.pop("unit", "期")}
    body = {"occurred_on": date(2024, 4, 5), "area": TOWN, "period": "2024-03", "value": value}
    return EnterIndicator.model_validate(body | more)


def state(*events: Any, of: IndicatorDefined = ONE, percent: int | None = None) -> Entering:
    jumps = Reference()
    if percent is not None:
        one = ReferenceRow(
            key="any", valid_from=date(2013, 1, 1), valid_until=None, values={"percent": percent}
        )
        told = ReferenceSet(
            set="indicator_jump", area=None, origin="local", document=None, rows=(one,)
        )
        jumps = references.over([told])
    return Entering(of.indicator, indicators.over([of]), entries.over(events), jumps)


def said(text: str, period: str = "2024-03") -> IndicatorEntered:
    number = scaled(text, ONE.decimals)
    assert number is not None
    return IndicatorEntered(
        indicator=ID, area=TOWN, period=period, value=text, scaled=number, note=None
    )


def test_a_title_may_change_and_a_unit_never_does() -> None:
    known = indicators.over([ONE])
    again = when(indicator.define, known, defining(title="培训班期数")).accepted()
    assert again.body["version"] == 2
    when(indicator.define, known, defining()).refused(IndicatorUnchanged, version=1)
    other: dict[str, Any] = {"unit": "次", "decimals": 1, "over_areas": "none", "level": "village"}
    for member, new in other.items():
        when(indicator.define, known, defining(**{member: new})).refused(IndicatorFixed, new=new)
    own = defining(level=None)
    when(indicator.define, known, own).refused(IndicatorFixed, was="township", new="本级")


def test_a_value_is_kept_as_typed_and_counts_for_its_period() -> None:
    when(entered.enter, state(), entering("4"), FACTS).then(said("4"))
    assert entering().counted_on == date(2024, 3, 31)
    with pytest.raises(ValidationError, match="effective_on"):
        entering(effective_on=date(2024, 4, 1))


REFUSED: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"period": "2024Q1"}, PeriodDiffers),
    ({"period": "2023-12"}, PeriodNotAsked),
    ({"period": "2024-05"}, PeriodAhead),
    ({"unit": "人次"}, OtherUnit),
    ({"text": "4.5"}, TooManyDecimals),
    ({"text": None}, NothingToCorrect),
    ({"reason": "无"}, NothingToCorrect),
]


@pytest.mark.parametrize(("more", "refusal"), REFUSED)
def test_what_does_not_fit_the_definition_is_refused(more: dict[str, Any], refusal: Any) -> None:
    when(entered.enter, state(), entering(**more), FACTS).refused(refusal)


def test_only_those_asked_report() -> None:
    village = EntryFacts(path=(COUNTY, TOWN), level="village")
    when(entered.enter, state(), entering(), village).refused(NotTheReporter, expected="乡级区域")
    own = defined(level=None, code="meetings")
    when(entered.enter, state(of=own), entering(), FACTS).refused(NotTheReporter, expected="本级")
    itself = EntryFacts(path=(COUNTY,), level="county")
    when(entered.enter, state(of=own), entering(area=COUNTY), itself).accepted()
    foreign = EntryFacts(path=(ELSEWHERE, TOWN), level="township")
    when(entered.enter, state(), entering(), foreign).refused(IndicatorUnknown)


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [("10", "13", False), ("10", "14", True), ("10", "7", False), ("10", "6", True),
     ("0", "0", False), ("0", "1", True), ("-10", "-13", False), ("-10", "10", True)],
)  # fmt: skip
def test_a_jump_asks_for_a_word(before: str, now: str, refused: bool) -> None:
    known = state(said(before, "2024-01"), percent=30)
    outcome = when(entered.enter, known, entering(now), FACTS)
    if not refused:
        outcome.accepted()
        return
    outcome.refused(UnexplainedJump, before_period="2024-01", before=before, percent=30)
    when(entered.enter, known, entering(now, note="春训集中"), FACTS).accepted()
    waived = msgspec.structs.replace(FACTS, waived=("UnexplainedJump",))
    when(entered.enter, known, entering(now), waived).accepted()


def test_nothing_is_asked_where_no_share_is_set() -> None:
    when(entered.enter, state(said("1", "2024-02")), entering("900"), FACTS).accepted()


def test_a_correction_has_a_reason_and_keeps_what_was_there() -> None:
    known = state(said("4"))
    when(entered.enter, known, entering("14"), FACTS).refused(AlreadyEntered, value="4")
    when(entered.enter, known, entering("4"), FACTS).refused(ValueUnchanged, value="4")
    corrected = IndicatorCorrected(
        indicator=ID,
        area=TOWN,
        period="2024-03",
        value="14",
        scaled=14,
        was="4",
        reason="漏报",
        note=None,
    )
    when(entered.enter, known, entering("14", reason="漏报"), FACTS).then(corrected)


def test_nothing_and_zero_differ() -> None:
    taken_back = when(entered.enter, state(said("0")), entering(None, reason="误报"), FACTS)
    ((event,),) = taken_back.accepted().events.values()
    assert isinstance(event, IndicatorCorrected)
    assert (event.value, event.scaled, event.was) == (None, None, "0")
    gone = state(said("0"), event)
    when(entered.enter, gone, entering("0"), FACTS).refused(AlreadyEntered, value="未填报")
    when(entered.enter, gone, entering(None), FACTS).refused(ValueUnchanged, value="未填报")
    assert gone.entered.before("2024-04") is None


def figure(measure: Any = "sum", unit: str = "", **where: str) -> Figure:
    filters = tuple(Filter(field=f, values=(v,)) for f, v in where.items())
    return Figure(measure=measure, over="indicators", field="value", where=filters, unit=unit)


def test_a_figure_takes_the_unit_and_adds_up_what_may_be_added_up() -> None:
    assert rolled_up(figure(), ONE).unit == "期"
    stock = defined(code="groups", over_periods="last")
    rate = defined(code="rate", over_areas="none")
    alone = defined(code="meetings", over_areas="none", level=None)
    for definition, of in (
        (figure("last"), stock),
        (figure(period="2024-03"), stock),
        (figure(at=str(TOWN)), rate),
        (figure(), alone),
        (figure("count"), rate),
    ):
        rolled_up(definition, of)
    for definition, of in ((figure(), stock), (figure(), rate), (figure("last"), rate)):
        with pytest.raises(NotAddedUp):
            rolled_up(definition, of)
    with pytest.raises(OtherUnit):
        rolled_up(figure(unit="次"), ONE)
    with pytest.raises(NotAPeriod):
        rolled_up(figure(period="2024-13"), ONE)


def test_a_period_is_its_days() -> None:
    leap = (date(2024, 2, 1), date(2024, 2, 29))
    assert span("2024-02") == ("month", *leap)
    assert span("2024Q4") == ("quarter", date(2024, 10, 1), date(2024, 12, 31))
    assert span("2024") == ("year", date(2024, 1, 1), date(2024, 12, 31))
    for text in ("2024-02-29", "2024-02", "2024Q1", "2024"):
        assert period_of(span(text).kind, span(text).last) == text
    for text in ("2024-13", "2023-02-29", "0000", "9999", "2024Q5", "24", "２０２４"):
        with pytest.raises(ValueError, match="期间"):
            span(text)


@pytest.mark.parametrize(
    ("text", "decimals", "number"),
    [("117", 0, 117), ("0", 0, 0), ("-0.5", 1, -5), ("12.50", 2, 1250), ("7.0", 0, 7),
     ("7.5", 0, None), ("0.1", 6, 100_000), ("999999999999", 6, None)],
)  # fmt: skip
def test_a_quantity_is_a_whole_number_of_its_last_place(
    text: str, decimals: int, number: int | None
) -> None:
    assert scaled(text, decimals) == number


def test_eleven_digits_are_a_quantity_and_a_unit_holds_none() -> None:
    entering("13912345678")
    with pytest.raises(ValidationError):
        entering(unit="13912345678")
    with pytest.raises(ValidationError, match="个人信息"):
        entering(note="电话13912345678")
