"""The areas that a sheet may name, and those whose names are near to one that is none.

A name that is none is never taken for another: the three nearest are told, and with each of them
the request by which somebody proposes it as an alias. Once a steward has confirmed that, it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import msgspec

from libs.events.private import looks_personal
from libs.events.types import natural

PROPOSALS = "/api/v1/households/alias-proposals"
"""Of whichever service the import is: areas and their names are households'."""
NEAREST = 3
MOST_SOUGHT = 1_000
"""Different names that are none, of one sheet, for which near ones are looked up."""
LONGEST = 120
_GENERIC = ("村民委员会", "居民委员会", "村委会", "居委会", "社区", "街道", "村", "镇", "乡")


class Near(msgspec.Struct, frozen=True, array_like=True):
    """An area that a name may have meant."""

    area: UUID
    code: str
    name: str


class Strange(msgspec.Struct, frozen=True, array_like=True):
    """A name that is none, as typed, and what it may have meant."""

    alias: str
    near: tuple[Near, ...]


class _Named(NamedTuple):
    near: Near
    letters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Places:
    """The areas of an import by code, by name and by confirmed alias, itself included; a name that
    two bear is none."""

    areas: tuple[Near, ...] = ()
    by_code: Mapping[str, UUID] = field(default_factory=dict)
    by_name: Mapping[str, UUID | None] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    """To the area's own name."""
    _named: list[_Named] = field(default_factory=list)
    _sought: dict[str, tuple[Near, ...]] = field(default_factory=dict)

    def find(self, text: str) -> UUID | None:
        return self.by_code.get(text) or self.by_name.get(text)

    def nearest_codes(self, text: str) -> list[str]:
        """The three codes that share the longest beginning with a code that is none."""

        def shared(code: str) -> int:
            return next((n for n, (a, b) in enumerate(zip(code, text)) if a != b), len(code))  # noqa: B905 - the shorter one ends it

        return sorted(self.by_code, key=lambda code: (-shared(code), code))[:NEAREST]

    def strange(self, text: str) -> Strange | None:
        """A name that is none, with the three areas whose names share most letters with it, among
        equals those that are 村, 镇, … as it is; None where there is nothing to propose."""
        alias = natural(text)
        if len(alias) > LONGEST or looks_personal(alias) is not None:
            return None
        if alias not in self._sought and len(self._sought) < MOST_SOUGHT:
            self._sought[alias] = self._nearest(alias)
        near = self._sought.get(alias, ())
        return Strange(alias, near) if near else None

    def _nearest(self, alias: str) -> tuple[Near, ...]:
        if not self._named:
            self._named.extend(_Named(one, _letters(one.name)) for one in self.areas)
        letters, ending = _letters(alias), _ending(alias)
        alike = ((_alike(letters, one.letters), one.near) for one in self._named)
        found = sorted(
            (-share, _ending(near.name) != ending, near.code, near)
            for share, near in alike
            if share
        )
        return tuple(near for *_, near in found[:NEAREST])


def _ending(name: str) -> str:
    return next((end for end in _GENERIC if name.endswith(end)), "")


def _letters(name: str) -> frozenset[str]:
    """Of what is the name's own: every village is called 村."""
    return frozenset(name.removesuffix(_ending(name)) or name)


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of common letters (Dice); 0: none."""
    both = len(one) + len(other)
    return 2 * len(one & other) / both if both else 0.0
