"""Rows from the log of funds: postings, lines, and what they name."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from libs.events.contracts import BY_SERVICE
from libs.events.contracts.batches import (
    BatchDeclared,
    SubsidyDisbursed,
    SubsidyOrdered,
    SubsidyReturned,
)
from libs.events.contracts.funds import (
    BatchCorrected,
    DocumentCorrected,
    DocumentRegistered,
    FundPaid,
    FundReserved,
    FundReturned,
    FundSent,
    LotCorrected,
    LotRegistered,
    PaymentCorrected,
    PaymentOrdered,
    ProjectCorrected,
    ProjectProposed,
)
from libs.events.contracts.money import WITHOUT_PROJECT, Movement
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from .tables import BALANCES, DOCUMENTS, LINES, LOTS, MOVEMENTS, PAYMENTS, PROJECTS, Origin

SOURCE = "funds"
NO_PROJECT = UUID(int=0)
Line = SubsidyOrdered | SubsidyDisbursed | SubsidyReturned
NAMED = (
    *(DocumentRegistered, LotRegistered, ProjectProposed, PaymentOrdered, BatchDeclared),
    *(DocumentCorrected, LotCorrected, ProjectCorrected, PaymentCorrected, BatchCorrected),
)
OF: tuple[type[Event], ...] = (
    *(SubsidyOrdered, SubsidyDisbursed, SubsidyReturned, *NAMED),
    *(
        kind
        for kind in BY_SERVICE[SOURCE].events.values()
        if "movements" in kind.__struct_fields__ and kind not in NAMED
    ),
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    origin = Origin(SOURCE, recorded, metadata)
    yield from _postings(origin, fact)
    match fact:
        case SubsidyOrdered():
            yield from _line(origin, fact, "ordered")
        case SubsidyDisbursed():
            yield from _line(origin, fact, "paid")
        case SubsidyReturned():
            yield from _line(origin, fact, "returned")
        case _:
            yield from _named(origin, fact)


def _postings(origin: Origin, fact: Event) -> Iterator[tuple[Table, Row]]:
    """Two rows a movement. Any event that carries movements counts, also one added later."""
    movements: tuple[Movement, ...] = getattr(fact, "movements", ())
    payment = _payment(fact)
    for nth, movement in enumerate(movements):
        yield from _posting(origin, 2 * nth, movement, -1, payment)
        yield from _posting(origin, 2 * nth + 1, movement, 1, payment)


def _posting(
    origin: Origin, n: int, movement: Movement, sign: int, payment: UUID | None
) -> Iterator[tuple[Table, Row]]:
    entering = sign > 0
    account = movement.to_account if entering else movement.from_account
    place = movement.to_place if entering else movement.from_place
    project = None if account in WITHOUT_PROJECT else movement.project
    fen = sign * movement.amount_fen
    lines = None if movement.lines is None else sign * movement.lines
    standing = (movement.lot, movement.purpose, project, account, place)
    yield (
        MOVEMENTS,
        origin.row(n, origin.recorded.type, *standing, payment, movement.area, lines, fen),
    )
    yield (
        BALANCES,
        (movement.lot, movement.purpose, project or NO_PROJECT, account, place, fen, 1),
    )


def _payment(fact: Event) -> UUID | None:
    match fact:
        case FundReserved():
            return fact.batch
        case FundSent() | FundPaid() | FundReturned():
            return fact.payment or fact.batch
        case _:
            return None


def _line(origin: Origin, fact: Line, state: str) -> Iterator[tuple[Table, Row]]:
    """One row a draw. A line that the bank returned was never paid, so each state counts alone."""
    who = fact.beneficiary
    for nth, draw in enumerate(fact.draws):
        yield (
            LINES,
            origin.row(
                nth,
                origin.recorded.type,
                state,
                *(who.household, who.id, who.kind),
                *(fact.batch, fact.line, fact.scheme, fact.period, fact.tranche),
                *(fact.project, fact.area, draw.lot, draw.purpose),
                *(0 if nth else 1, draw.amount_fen),
            ),
        )


def _named(origin: Origin, fact: Event) -> Iterator[tuple[Table, Row]]:
    """What entries name: documents, lots, projects, payments, lists; a row for each time that one
    was corrected, of which the latest at the cut counts."""
    stream = origin.recorded.stream
    match fact:
        case DocumentRegistered() | DocumentCorrected():
            letter = (fact.number, fact.title, fact.kind, fact.level, fact.issued_on)
            yield DOCUMENTS, origin.row(0, stream, fact.area, *letter)
        case LotRegistered() | LotCorrected():
            kind = (fact.level, fact.year, fact.fund_name, fact.batch)
            of = origin if isinstance(fact, LotRegistered) else origin.by(fact.number)
            yield LOTS, of.row(0, stream, fact.area, *kind, fact.document, _fen(fact))
        case ProjectProposed() | ProjectCorrected():
            planned = (fact.year, fact.name, fact.kind, fact.purpose)
            yield PROJECTS, origin.row(0, stream, fact.area, *planned)
        case PaymentOrdered() | PaymentCorrected():
            payee = (fact.payee.kind, fact.payee.organisation, fact.use)
            to_one = (*payee, None, None, None, None, 1, _fen(fact))
            yield PAYMENTS, origin.row(0, stream, "payment", fact.area, fact.project, *to_one)
        case BatchDeclared() | BatchCorrected():
            roll = (fact.scheme, fact.period, fact.tranche, fact.grade)
            listed = (None, None, None, *roll, fact.count, _fen(fact))
            yield PAYMENTS, origin.row(0, stream, "batch", fact.area, fact.project, *listed)
        case _:
            return


Typed = LotRegistered | PaymentOrdered | BatchDeclared
Priced = Typed | LotCorrected | PaymentCorrected | BatchCorrected


def _fen(fact: Priced) -> int:
    match fact:
        case LotRegistered() | PaymentOrdered() | BatchDeclared():
            return fact.amount.amount_fen
        case _:
            return fact.amount_fen
