"""What is wrong with a body or an address, place by place, in Chinese; nothing that may be about a
person is repeated.

The words are by the rule's type (pydantic's own names); a rule that is not listed keeps the words
it came with, and our own rules are written in Chinese where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from libs.events.canonical import NotCanonicalError
from libs.events.private import looks_personal

HIDDEN = "***"
LOSSY = "含有无法存储的字符或数值"
WORDS: Mapping[str, str] = {
    "missing": "缺少必填项",
    "none_required": "或为 null",
    "extra_forbidden": "不认识的字段",
    "literal_error": "须为以下之一：{expected}",
    "string_type": "须为文字",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "string_pattern_mismatch": "须符合 {pattern}",
    "string_unicode": "含有无法存储的字符",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_parsing_size": "整数过大",
    "int_from_float": "须为整数，不能有小数",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "uuid_type": "须为 UUID",
    "uuid_parsing": "须为 UUID",
    "date_type": "须为日期，如 2020-03-16",
    "date_parsing": "须为日期，如 2020-03-16",
    "date_from_datetime_parsing": "须为日期，如 2020-03-16",
    "date_from_datetime_inexact": "须为日期，不带时刻",
    "datetime_type": "须为带时区的时点，如 2020-03-16T08:30:00+08:00",
    "datetime_parsing": "须为带时区的时点，如 2020-03-16T08:30:00+08:00",
    "datetime_from_date_parsing": "须为带时区的时点，如 2020-03-16T08:30:00+08:00",
    "timezone_aware": "须写明时区",
    "list_type": "须为列表",
    "tuple_type": "须为列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "dict_type": "须为对象",
    "model_type": "须为对象",
    "model_attributes_type": "须为 JSON 对象，并以 application/json 发送",
}


def faults(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """pydantic's errors as pointers, rules and messages, in its order."""
    return [
        {
            "pointer": pointer((*item["loc"], *_inside(item))),
            "rule": item["type"],
            "message": _message(item),
        }
        for item in found
    ]


def pointer(place: Sequence[int | str]) -> str:
    """A JSON pointer into the body (RFC 6901), or where else the value stood; empty for all of
    the body. A name that the caller chose may itself be a person's number and is then hidden."""
    first, *rest = place
    where = "" if first == "body" else f"{first}:"
    return where + "".join(f"/{_escaped(str(part))}" for part in rest)


def _escaped(part: str) -> str:
    return _shown(part).replace("~", "~0").replace("/", "~1")


def _shown(text: str) -> str:
    """A text that a caller may have written, as an answer can carry it."""
    if looks_personal(text) is not None:
        return HIDDEN
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _inside(item: Mapping[str, Any]) -> list[str]:
    """The place that a whole command's own check named."""
    place: str = getattr(item.get("ctx", {}).get("error"), "place", "")
    return place.split("/")[1:]


def _message(item: Mapping[str, Any]) -> str:
    told = item.get("ctx", {})
    if item["type"] == "value_error" and "error" in told:
        error = told["error"]
        return LOSSY if isinstance(error, NotCanonicalError) else _shown(str(error))
    words = WORDS.get(item["type"])
    return item["msg"] if words is None else words.format_map(told)
