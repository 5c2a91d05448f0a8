"""Erasure of a person 销毁个人信息: refused while the record must be kept (retention).

The event comes first; the keys follow by `libs/chassis/erasing.py`. Totals and proofs stand.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from libs.events.contracts.persons import PersonErased
from libs.events.dated_rows import Reference, Set, Values
from libs.events.decider import Decision
from libs.events.errors import Refused
from libs.events.types import Command

from .area import Document
from .disclosure import DayFacts
from .person import Held, present


class ErasePerson(Command):
    """销毁人员的个人信息, 不可恢复。保存期满方可; 金额、人数与凭证不变。"""

    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=2, max_length=200),
        Field(description="事由，不得含个人信息", examples=["保存期满"]),
    ]
    document: Document = Field(description="批准文号", examples=["测农发〔2055〕1号"])


class StillRetained(Refused):
    """保存期未满：末次业务在 {last_on}，须保存 {years} 年，至 {until} 止；今日是 {today}。"""


class RetentionUnknown(Refused):
    """没有登记保存年限：{key} 在 {on} 无效，不能销毁。"""


class Retention(Values):
    """For how many years a record is kept; the key is what is kept."""

    years: int = Field(ge=1, le=100)


RETENTIONS = Set("retention", "保存年限", Retention)
OF_PERSONS = "person"


class Erasing(NamedTuple):
    """The person, and how long records are kept."""

    held: Held
    retentions: Reference


def erase(state: Erasing, command: ErasePerson, facts: DayFacts) -> Decision:
    """From the last business of the person on, whole years; the day named by the caller does not
    count, the calendar does."""
    id_, area = state.held.id, present(state.held.person)
    row = state.retentions.at(OF_PERSONS, facts.path, facts.today)
    if row is None:
        raise RetentionUnknown(key=OF_PERSONS, on=facts.today.isoformat())
    years = Retention.model_validate(row.values).years
    last = state.held.person.last_on or facts.today
    until = years_later(last, years)
    if facts.today < until:
        raise StillRetained(
            last_on=last.isoformat(),
            years=years,
            until=until.isoformat(),
            today=facts.today.isoformat(),
        )
    event = PersonErased(person=id_, area=area, reason=command.reason, document=command.document)
    return Decision({id_: (event,)}, {"id": str(id_)}, command.document)


def years_later(day: date, years: int) -> date:
    """The same day so many years on; 29 February becomes 1 March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
