"""What is malformed is told by place and in Chinese, and never by its value."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic_core.core_schema import ErrorType

from libs.chassis.faults import WORDS, faults, pointer
from libs.events.canonical import canonical
from libs.events.types import Day


def read(text: str) -> str:
    """A rule of ours, which quotes what was typed."""
    canonical(text)
    raise ValueError(f"“{text}”不是数")


Typed = Annotated[str, AfterValidator(read)]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=2, max_length=4, pattern="^[a-z]*$")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=9)
    more: Annotated[int, Field(gt=0, lt=5)] = 1
    kind: Literal["a", "b"] = "a"
    flag: bool = True
    id: UUID = UUID(int=1)
    day: date = date(2020, 1, 1)
    at: AwareDatetime | None = None
    on: Day = date(2020, 1, 1)
    typed: Typed = ""
    items: tuple[Inner, ...] = Field(default=(), min_length=1, max_length=2)


def told(**plain: Any) -> list[tuple[str, str]]:
    """(pointer, message) of every fault of a body."""
    try:
        TypeAdapter(Outer).validate_python({"number": 1, **plain})
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        return [(fault["pointer"], fault["message"]) for fault in faults(found)]
    return []


@pytest.mark.parametrize(
    ("plain", "place", "message"),
    [
        ({"number": None}, "/number", "须为整数"),
        ({"number": "x"}, "/number", "须为整数"),
        ({"number": 1.5}, "/number", "须为整数，不能有小数"),
        ({"number": 0}, "/number", "不能小于 1"),
        ({"number": 10}, "/number", "不能大于 9"),
        ({"more": 0}, "/more", "须大于 0"),
        ({"more": 5}, "/more", "须小于 5"),
        ({"kind": "c"}, "/kind", "须为以下之一：'a' or 'b'"),
        ({"flag": "perhaps"}, "/flag", "须为 true 或 false"),
        ({"id": "1"}, "/id", "须为 UUID"),
        ({"day": "1.1.2020"}, "/day", "须为日期，如 2020-03-16"),
        ({"on": "1899-12-31"}, "/on", "须在 1900-01-01 至 2200-12-31 之间"),
        ({"on": "9999-12-31"}, "/on", "须在 1900-01-01 至 2200-12-31 之间"),
        ({"at": "2020-01-01T00:00:00"}, "/at", "须写明时区"),
        ({"items": 1}, "/items", "须为列表"),
        ({"items": []}, "/items", "至少 1 项"),
        ({"items": [{"text": "aa"}] * 3}, "/items", "至多 2 项"),
        ({"items": [{}]}, "/items/0/text", "缺少必填项"),
        ({"items": [{"text": 1}]}, "/items/0/text", "须为文字"),
        ({"items": [{"text": "a"}]}, "/items/0/text", "至少 2 个字符"),
        ({"items": [{"text": "aaaaa"}]}, "/items/0/text", "至多 4 个字符"),
        ({"items": [{"text": "AA"}]}, "/items/0/text", "须符合 ^[a-z]*$"),
        ({"strange": 1}, "/strange", "不认识的字段"),
        ({"a/b~c": 1}, "/a~1b~0c", "不认识的字段"),
        ({"13800000000": 1}, "/***", "不认识的字段"),
        ({"nul \0": 1}, "/nul \ufffd", "不认识的字段"),
        ({"typed": "1\1"}, "/typed", "“1\ufffd”不是数"),
        ({"typed": "13800000000"}, "/typed", "***"),
        ({"typed": "\ud800"}, "/typed", "含有无法存储的字符或数值"),
    ],
)
def test_a_fault_is_told_by_its_place_in_chinese(
    plain: dict[str, Any], place: str, message: str
) -> None:
    assert told(**plain)[0] == (place, message)


def test_every_word_is_of_a_rule_that_pydantic_has() -> None:
    assert WORDS.keys() <= set(get_args(ErrorType))


def test_the_whole_body_is_the_empty_pointer_and_a_query_is_named() -> None:
    assert pointer(("body",)) == ""
    assert pointer(("query", "limit")) == "query:/limit"
