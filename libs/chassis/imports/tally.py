"""What a job counts: read = accepted + acceptable + rejected + ignored, in rows and in fen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from .job_rows import RowResult


class RuleCount(Struct, frozen=True, kw_only=True):
    """How many rows a rule names, and of how much money."""

    rule: str
    severity: str
    rows: int
    amount_fen: int


class Tally(Struct, frozen=True, kw_only=True):
    """`unchanged` of the ignored are there already; `acceptable`: of a check, which takes nothing.
    `read` is the sum of the four."""

    read: int = 0
    accepted: int = 0
    acceptable: int = 0
    rejected: int = 0
    ignored: int = 0
    unchanged: int = 0
    read_fen: int = 0
    accepted_fen: int = 0
    acceptable_fen: int = 0
    rejected_fen: int = 0
    ignored_fen: int = 0
    rules: tuple[RuleCount, ...] = ()


def tally(rows: Iterable[RowResult]) -> Tally:
    """Of all rows of a sheet."""
    rows_of: Counter[str] = Counter()
    fen_of: Counter[str] = Counter()
    unchanged = 0
    by_rule: Counter[tuple[str, str]] = Counter()
    fen_by_rule: Counter[tuple[str, str]] = Counter()
    for row in rows:
        rows_of[row.result] += 1
        fen_of[row.result] += row.fen or 0
        unchanged += row.why == "unchanged"
        for rule in {(fault.rule, fault.severity) for fault in row.faults}:
            by_rule[rule] += 1
            fen_by_rule[rule] += row.fen or 0
    return Tally(
        read=rows_of.total(),
        accepted=rows_of["accepted"],
        acceptable=rows_of["acceptable"],
        rejected=rows_of["rejected"],
        ignored=rows_of["ignored"],
        unchanged=unchanged,
        read_fen=fen_of.total(),
        accepted_fen=fen_of["accepted"],
        acceptable_fen=fen_of["acceptable"],
        rejected_fen=fen_of["rejected"],
        ignored_fen=fen_of["ignored"],
        rules=tuple(
            RuleCount(rule=rule, severity=severity, rows=n, amount_fen=fen_by_rule[rule, severity])
            for (rule, severity), n in sorted(by_rule.items())
        ),
    )
