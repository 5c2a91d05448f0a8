"""What a sheet that was filled in elsewhere changes, field by field 离线比对: of each field, what
it was when the sheet was taken along (base), what the sheet says (mine), and what it is now
(theirs).

A field that the sheet leaves as it was is no change, whatever became of it meanwhile; one that both
changed alike is done already; one that both changed otherwise is a conflict that a person decides.
So the same sheet may come in again, whole: what was taken the first time is unchanged the second.
Source: product.md J3, section 7.15.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

Text = str | None
"""None: empty. Whoever compares has spelled both sides alike (a date as ISO, a number plainly)."""


class Now(NamedTuple):
    """A field as it stands, and who gave it that value, when."""

    value: Text
    by: str = ""
    at: datetime | None = None


class Change(NamedTuple):
    """What goes in."""

    field: str
    base: Text
    mine: Text


class Conflict(NamedTuple):
    """What both changed, with both values, and whose the other one is."""

    field: str
    base: Text
    mine: Text
    theirs: Now


class Compared(NamedTuple):
    """One row, in the order of its fields. `already`: fields that stand as the sheet wants them."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    already: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Nothing is to be done for this row."""
        return not self.changes and not self.conflicts


def compare(
    base: Mapping[str, Text], mine: Mapping[str, Text], theirs: Mapping[str, Now]
) -> Compared:
    """Fields that `mine` does not name are let be; one that was not there is empty."""
    changes, conflicts, already = [], [], []
    for field, wanted in mine.items():
        was, now = base.get(field), theirs.get(field, Now(None))
        if wanted == was:
            continue
        if now.value == wanted:
            already.append(field)
        elif now.value == was:
            changes.append(Change(field, was, wanted))
        else:
            conflicts.append(Conflict(field, was, wanted, now))
    return Compared(tuple(changes), tuple(conflicts), tuple(already))
