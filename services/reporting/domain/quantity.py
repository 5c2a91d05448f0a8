"""A quantity 数量: a decimal as typed with its unit, and the same as a whole number of its last
place. No float, as with money: a sum of quantities is a sum of integers."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

PLACES: Final = 6
LARGEST: Final = 10**15
"""Of a scaled value; some nine thousand of them still sum to what every JSON reader keeps."""
_NUMBER = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,12})(?:\.(?P<decimals>\d{1,6}))?", re.ASCII)
# It is not looked at for numbers of persons, so no digit of any script may stand in it.
Unit = r"^[^\d\s\x00-\x1f\x7f]{1,20}$"


class QuantityTyped(BaseModel):
    """数量：数与单位照原件填写；0 与不填不同。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    only_numbers: ClassVar[bool] = True
    """Eleven digits here are a quantity and no telephone (`private`)."""

    text: str = Field(
        pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$", examples=["117"], description="不带千分位"
    )
    unit: str = Field(pattern=Unit, examples=["期"])


def scaled(text: str, decimals: int) -> int | None:
    """The value times ten to `decimals`; None where it has more decimals than that, or too many
    digits to be summed."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(text)
    after = (found["decimals"] or "").rstrip("0")
    if len(after) > decimals:
        return None
    number = int(found["whole"] + after.ljust(decimals, "0"))
    if number > LARGEST:
        return None
    return -number if found["sign"] else number
