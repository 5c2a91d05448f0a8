"""Masking 脱敏: how a text of a person is told to a recipient.

A profile says for each field how; profiles are rows of reference data, since every department asks
for another one (rules 6.2: up to six different masks of one ID number).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from libs.events.contracts.persons import PersonField
from libs.events.dated_rows import Set, Values

HIDDEN = "*"
How = Literal["full", "hide_middle", "hide_last", "show_last", "hide_one", "hidden"]
COUNTED = ("hide_middle", "hide_last", "show_last")


class FieldMask(Values):
    """How one field is told; `count`: of characters hidden, for `show_last` of those shown."""

    field: PersonField
    how: How
    count: int = Field(default=0, ge=0, le=40)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.count > 0) != (self.how in COUNTED):
            raise ValueError(f"{'、'.join(COUNTED)} 须写明字数，其余不写")
        return self


class Profile(Values):
    """How a recipient is told; the key is what a reveal names. A field that is not listed is not
    told."""

    title: str = Field(min_length=1, max_length=120, examples=["公示"])
    fields: tuple[FieldMask, ...] = Field(max_length=4)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({one.field for one in self.fields}) < len(self.fields):
            raise ValueError("字段重复")
        return self

    def of(self, field: PersonField) -> FieldMask:
        found = (one for one in self.fields if one.field == field)
        return next(found, FieldMask(field=field, how="hidden"))


PROFILES = Set("masking", "脱敏方式", Profile)


def masked(text: str, mask: FieldMask) -> str | None:
    """The text as the recipient may see it; None where he may not. As long as it was, and never
    more of it than asked: a text too short to hide `count` is hidden whole."""
    length = len(text)
    match mask.how:
        case "full":
            return text
        case "hidden":
            return None
        case "hide_one":
            return _hidden(text, 1, 2) if length > 1 else HIDDEN
        case "show_last":
            return _hidden(text, 0, length - mask.count if length > mask.count else length)
        case "hide_last":
            return _hidden(text, max(0, length - mask.count), length)
        case "hide_middle":
            before = (length - mask.count + 1) // 2
            return _hidden(text, max(0, before), min(length, max(0, before) + mask.count))


def _hidden(text: str, start: int, end: int) -> str:
    return text[:start] + HIDDEN * (end - start) + text[end:]
