"""The code table of purposes 用途: what people call them, dated and per area."""

from __future__ import annotations

from pydantic import Field

from libs.events.dated_rows import Set, Values


class PurposeCode(Values):
    """The key is the code that lots and projects carry."""

    title: str = Field(min_length=1, max_length=60, examples=["饮水安全"])


PURPOSES = Set("purpose", "用途", PurposeCode)
