"""Printed totals beside the sums of their rows: both are kept, a difference is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libs.events.types import natural

from ..sheets.cells import Row
from .columns import Setting, Severity, Unfit
from .importer import Fault, Importer

if TYPE_CHECKING:
    from .reading import Read

TOTAL = re.compile(r"(合计|总计|累计|总合计)[:：]?")
SUBTOTAL = re.compile(r"(小计|本页合计|本页小计)[:：]?")


@dataclass(slots=True)
class Sum:
    """Of one field so far, and since the last subtotal, in the smallest part of its column; whether
    every cell could be read, and of how many kinds of thing it is."""

    all: int = 0
    part: int = 0
    whole: bool = True
    kinds: set[tuple[Any, ...]] = field(default_factory=set)
    part_kinds: set[tuple[Any, ...]] = field(default_factory=set)

    def add(self, exact: int, kind: tuple[Any, ...]) -> None:
        self.all += exact
        self.part += exact
        self.kinds.add(kind)
        self.part_kinds.add(kind)

    def of(self, *, part: bool) -> int | None:
        """What a printed total should say; None: what stands above is not of one kind."""
        if len(self.part_kinds if part else self.kinds) > 1:
            return None
        return self.part if part else self.all

    def next_part(self) -> None:
        self.part, self.part_kinds = 0, set()


@dataclass(slots=True)
class Top:
    """A total above its rows: what it says, and the rows behind it."""

    read: Read
    printed: Mapping[str, int]
    sums: dict[str, Sum]
    followed: bool = False


class Totals:
    """Of one pass over a sheet. A sheet whose first total of a kind stands above all data has them
    on top: each is compared with the rows up to the next of its kind. `late`: rows of totals that
    were found to differ when they had been read."""

    def __init__(self, importer: Importer, mapping: Mapping[str, int], setting: Setting) -> None:
        self.importer, self.mapping, self.setting = importer, mapping, setting
        self._sums = {name: Sum() for name in importer.every_total}
        self._on_top: dict[bool, bool] = {}
        self._tops: dict[bool, Top] = {}
        self._any = False
        self.differs = False
        self.late: list[Read] = []

    def count(self, read: Read) -> None:
        """A row of data."""
        self._any = True
        kind = tuple(read.values.get(name) for name in self.importer.alike)
        for top in self._tops.values():
            top.followed = True
        for name in self._sums:
            sums = [self._sums[name], *(t.sums[name] for t in self._tops.values())]
            if name in read.values:
                exact = self._exact(name, read.values[name])
                for summed in sums:
                    summed.add(exact, kind)
                if name == self.importer.amount:
                    read.fen = exact
            elif any(fault.field == name for fault in read.faults):
                for summed in sums:
                    summed.whole = False

    def compare(self, row: Row, read: Read) -> None:
        """A row that says a total."""
        texts = (re.sub(r"\s", "", natural(one.text)) for one in row.cells.values())
        part = any(SUBTOTAL.fullmatch(text) for text in texts)
        printed = dict(self._printed(row, read))
        read.fen = printed.get(self.importer.amount or "")
        self._settle(part=part)
        if self._on_top.setdefault(part, not self._any) and not self._closes(printed, part=part):
            self._tops[part] = Top(read, printed, {name: Sum() for name in self._sums})
        else:
            self._check(read, printed, self._sums, part=part)
        for name in printed:
            self._sums[name].next_part()

    def end(self) -> None:
        """Nothing follows."""
        for part in (True, False):
            self._settle(part=part)

    def _closes(self, printed: Mapping[str, int], *, part: bool) -> bool:
        """The sum of all above, though totals are on top: printed once more below."""
        return not part and self._any and all(n == self._sums[a].all for a, n in printed.items())

    def _settle(self, *, part: bool) -> None:
        top = self._tops.pop(part, None)
        if top is None:
            return
        before = len(top.read.faults)
        if top.followed:
            self._check(top.read, top.printed, top.sums, part=False)
        else:
            self._check(top.read, top.printed, self._sums, part=part)
        if len(top.read.faults) > before:
            self.late.append(top.read)

    def _printed(self, row: Row, read: Read) -> Iterator[tuple[str, int]]:
        for name in self._sums:
            cell = row.cells.get(self.mapping.get(name, 0))
            if cell is None or not cell.text.strip():
                continue
            try:
                value = self.importer.column(name).read(cell, self.setting)
            except Unfit as unfit:
                read.faults.append(Fault(unfit.rule, unfit.message, unfit.hint, name, "warn"))
                continue
            yield name, self._exact(name, value)

    def _check(
        self, read: Read, printed: Mapping[str, int], sums: Mapping[str, Sum], *, part: bool
    ) -> None:
        for name, said in printed.items():
            should = sums[name].of(part=part)
            if should is not None and said != should:
                self._differs(read, name, (said, should), whole=sums[name].whole)

    def _exact(self, name: str, value: Any) -> int:
        exact = self.importer.column(name).exact(value)
        assert exact is not None, "what is totalled can be summed"
        return exact

    def _differs(self, read: Read, name: str, found: tuple[int, int], *, whole: bool) -> None:
        self.differs = True
        column, (printed, should) = self.importer.column(name), found
        said, parts, short = (column.printed(n) for n in (printed, should, abs(printed - should)))
        unsure = "" if whole else "，另有未能读出的"
        message = f"{column.title}合计 {said} 与各行之和 {parts} 不等，相差 {short}{unsure}"
        severity: Severity = "block" if self.importer.totals_block else "warn"
        hint = "核对各行与合计；两者都照原样保留"
        read.faults.append(Fault("control_total", message, hint, name, severity))
