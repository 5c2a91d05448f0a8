"""Whether both steps of an approval came from one browser or device (product 7.16).

A device is a random number that a browser keeps for us. Of it only a mark enters an event, another
one for each approval: two steps of one approval are told apart by it, and nothing else is linked.
It shows that one device was used, never that two were: who likes, takes another browser.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Literal
from uuid import UUID

from pydantic import Field

from .dated_rows import Reference, Set, Values

Compared = Literal["same", "other", "unknown"]
KEY = "approval"
"""Of the one row that an area has."""


class SameDevice(Values):
    """Within how many minutes two steps from one device are flagged; without a row, whenever."""

    minutes: int = Field(ge=0, le=525_600, description="分钟；两步在此时间内出自同一设备的标出")


SAME_DEVICE = Set("same_device", "同一设备", SameDevice, central=True)


@dataclass(frozen=True, slots=True)
class Step:
    """An earlier step: the mark of its device, if one was told, and its age."""

    mark: str | None
    age_s: int


@dataclass(frozen=True, slots=True)
class Found:
    """`after_s`: since the latest step from the same device."""

    device: Compared
    after_s: int | None = None
    flagged: bool = False


def mark_of(device: UUID | None, approval: UUID) -> str | None:
    """128 random bits cannot be tried out, so no key is needed."""
    if device is None:
        return None
    return sha256(device.bytes + approval.bytes).hexdigest()[:32]


def compared(mark: str | None, steps: Iterable[Step], within_s: int | None) -> Found:
    """A step that told no device is unknown: not the same, and not another one either."""
    earlier = tuple(steps)
    if mark is None:
        return Found("unknown")
    ages = [step.age_s for step in earlier if step.mark == mark]
    if ages:
        after_s = min(ages)
        return Found("same", after_s, flagged=within_s is None or after_s <= within_s)
    return Found("unknown" if any(step.mark is None for step in earlier) else "other")


def within_s(rows: Reference, path: tuple[UUID, ...], on: date) -> int | None:
    """By the row in force; None: however long it took."""
    row = rows.at(KEY, path, on)
    return None if row is None else SameDevice.model_validate(row.values).minutes * 60
