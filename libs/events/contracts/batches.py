"""What funds tells the world about lists: declared, reserved, ordered, sealed, sent, answered.

A line lives on the stream of its entitlement (scheme, period, beneficiary, tranche), which is the
guard against paying twice (dossier F7); the batch's own stream keeps counts and sums only.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event, Fen, PositiveFen, Reliance
from .money import Amount, Draw, Grade, PolicyUsed


class Beneficiary(Struct, frozen=True, kw_only=True):
    """Who the entitlement belongs to; ids are opaque and say nothing about a person."""

    kind: Literal["household", "person"]
    id: UUID
    household: UUID


class BatchDeclared(Event, frozen=True, kw_only=True):
    """A list is announced with its count and sum before its lines come (P8, dossier F9)."""

    batch: UUID
    area: UUID
    project: UUID
    scheme: str
    period: Annotated[str, Meta(examples=["2020"])]
    tranche: int
    run: Annotated[int, Meta(ge=1, description="1, or the next list for what an earlier one left")]
    grade: Grade
    count: Count
    amount: Amount


class BatchReserved(Event, frozen=True, kw_only=True):
    """The whole sum is held on its lots, in the order of the policy."""

    area: UUID
    batch: UUID
    draws: tuple[Draw, ...]
    policy: PolicyUsed


class SubsidyOrdered(Event, frozen=True, kw_only=True):
    """One line of a list, on the stream of its entitlement; inert until the batch is sealed."""

    batch: UUID
    line: Count
    project: UUID
    scheme: str
    period: str
    tranche: int
    beneficiary: Beneficiary
    area: UUID
    amount_fen: PositiveFen
    draws: tuple[Draw, ...]


class Subtotal(Struct, frozen=True, kw_only=True):
    """Lines and fen of one area from one lot. A line on two lots counts in both, by its fen;
    `count` counts it on the lot of its first fen."""

    area: UUID
    lot: UUID
    purpose: str
    count: Count
    amount_fen: PositiveFen


class LinesOrdered(Event, frozen=True, kw_only=True):
    """Up to 1,000 lines were ordered in one request; `root` is RFC 6962 over their payloads."""

    area: UUID
    batch: UUID
    first: Count
    last: Count
    amount_fen: PositiveFen
    root: str
    subtotals: tuple[Subtotal, ...]
    relies_on: tuple[Reliance, ...]


class BatchSealed(Event, frozen=True, kw_only=True):
    """Count and sum are as declared; nothing can be added. `root` is over the chunk roots."""

    area: UUID
    batch: UUID
    count: Count
    amount_fen: PositiveFen
    subtotals: tuple[Subtotal, ...]
    root: Annotated[str | None, Meta(description="null at summary grade: there are no lines")]
    relies_on: tuple[Reliance, ...]


class BatchSent(Event, frozen=True, kw_only=True):
    """The list went to the bank; every line is in flight until its answer."""

    area: UUID
    batch: UUID
    bank: UUID
    sent_on: date
    relies_on: tuple[Reliance, ...]


class SubsidyDisbursed(Event, frozen=True, kw_only=True):
    """The bank credited this line."""

    batch: UUID
    line: Count
    project: UUID
    scheme: str
    period: str
    tranche: int
    beneficiary: Beneficiary
    area: UUID
    amount_fen: PositiveFen
    draws: tuple[Draw, ...]
    credited_on: date


class SubsidyReturned(Event, frozen=True, kw_only=True):
    """The bank sent this line back; the same fen lie on the same lots again."""

    batch: UUID
    line: Count
    project: UUID
    scheme: str
    period: str
    tranche: int
    beneficiary: Beneficiary
    area: UUID
    amount_fen: PositiveFen
    draws: tuple[Draw, ...]
    returned_on: date
    reason: str


class LinesAnswered(Event, frozen=True, kw_only=True):
    """The bank's answer to lines of a sent batch, summed as the lots see it."""

    area: UUID
    batch: UUID
    credited: Count
    credited_fen: Fen
    returned: Count
    returned_fen: Fen


CONTRACTS = Contracts(
    (
        BatchDeclared,
        BatchReserved,
        SubsidyOrdered,
        LinesOrdered,
        BatchSealed,
        BatchSent,
        SubsidyDisbursed,
        SubsidyReturned,
        LinesAnswered,
    )
)
