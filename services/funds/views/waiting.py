"""What of funds waits for somebody by a day: lots not arranged, lists that the bank has not
answered."""

from __future__ import annotations

from collections.abc import Iterator

from libs.events.contracts import BY_SERVICE
from libs.events.contracts.batches import BatchSent, LinesAnswered
from libs.events.contracts.money import Movement
from libs.events.deadline import Deadline, Matter
from libs.events.entries import Row, Table
from libs.events.known import path_of
from libs.events.types import Event, Metadata, Recorded

UNALLOCATED = Table(
    "view.unallocated",
    (("lot", "uuid"), ("amount_fen", "bigint")),
    key=("lot",),
    mode="sum",
    sums=("amount_fen",),
)
SENT = Table(
    "view.sent_batches", (("batch", "uuid"), ("sent_on", "date")), key=("batch",), mode="latest"
)
ANSWERED = Table(
    "view.answered_lines",
    (("batch", "uuid"), ("lines", "bigint")),
    key=("batch",),
    mode="sum",
    sums=("lines",),
)
OF: tuple[type[Event], ...] = (
    *(BatchSent, LinesAnswered),
    *(
        kind
        for kind in BY_SERVICE["funds"].events.values()
        if "movements" in kind.__struct_fields__
    ),
)


def project(_: Recorded, fact: Event, __: Metadata) -> Iterator[tuple[Table, Row]]:
    yield from _unallocated(fact)
    match fact:
        case BatchSent():
            yield SENT, (fact.batch, fact.sent_on)
        case LinesAnswered():
            yield ANSWERED, (fact.batch, fact.credited + fact.returned)
        case _:
            return


def _unallocated(fact: Event) -> Iterator[tuple[Table, Row]]:
    """Of any event that carries movements, also one added later."""
    movements: tuple[Movement, ...] = getattr(fact, "movements", ())
    for movement in movements:
        if movement.to_account == "unallocated":
            yield UNALLOCATED, (movement.lot, movement.amount_fen)
        if movement.from_account == "unallocated":
            yield UNALLOCATED, (movement.lot, -movement.amount_fen)


def _results(matter: Matter) -> str:
    summary = matter.numbers["grade"] == "summary"
    return f"/batches/{matter.subject}/{'summary-results' if summary else 'results'}"


LOT_UNALLOCATED = Deadline(
    "lot_unallocated",
    "资金下达后未安排",
    f"""
SELECT l.id AS subject, l.area, coalesce({path_of("l.area")}, ARRAY[l.area]) AS path,
       d.issued_on AS since, 'unallocated' AS reason,
       json_build_object('document', d.number, 'unallocated_fen', u.amount_fen)::text AS numbers
  FROM view.unallocated u
  JOIN view.lots l ON l.id = u.lot
  JOIN view.documents d ON d.id = l.document
 WHERE u.amount_fen > 0
""",  # noqa: S608 - constants only
    "finance",
    lambda matter: f"/lots/{matter.subject}/allocations",
)
"""A lot is arranged or handed down within so many days of its document (预算法 52: 30 日)."""
BATCH_SILENT = Deadline(
    "batch_silent",
    "银行无回音",
    f"""
SELECT b.id AS subject, b.area, coalesce({path_of("b.area")}, ARRAY[b.area]) AS path,
       s.sent_on AS since, 'sent' AS reason,
       json_build_object('grade', b.grade, 'lines', b.count, 'answered', coalesce(a.lines, 0),
                         'sent_on', s.sent_on)::text AS numbers
  FROM view.sent_batches s
  JOIN view.batches b ON b.id = s.batch
  LEFT JOIN view.answered_lines a ON a.batch = s.batch
 WHERE coalesce(a.lines, 0) < b.count
""",  # noqa: S608 - constants only
    "finance",
    _results,
)
"""Silence is a state with an age: nothing is paid or freed on a guess."""
DEADLINES = (LOT_UNALLOCATED, BATCH_SILENT)
