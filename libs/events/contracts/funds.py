"""What funds tells the world: documents, lots, projects, payments. Batches stand in `batches`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event, PositiveFen, Reliance
from .changes import Corrected
from .money import Amount, Draw, Grade, Level, Movement, PolicyUsed


class DocumentRegistered(Event, frozen=True, kw_only=True):
    """A letter that moves or explains money; `number_text` as printed, `number` in normal form."""

    document: UUID
    number: str
    number_text: str
    issuer: str
    year: int | None
    serial: int
    kind: Literal["funding", "approval", "policy"]
    title: str
    level: Level
    area: UUID
    issued_on: date
    note: str | None


class PurposeLine(Struct, frozen=True, kw_only=True):
    purpose: Annotated[str, Meta(examples=["insurance"])]
    amount: Amount


class LotRegistered(Event, frozen=True, kw_only=True):
    """One receipt of money by one document from one level; purposes as received stay visible."""

    lot: UUID
    area: UUID
    level: Level
    year: int
    fund_name: str
    batch: str
    document: UUID
    amount: Amount
    purposes: tuple[PurposeLine, ...]
    movements: tuple[Movement, ...]


class FundAllocated(Event, frozen=True, kw_only=True):
    """Unallocated fen of a lot are arranged for a project, within their purpose (安排)."""

    area: UUID
    lot: UUID
    project: UUID
    document: UUID | None
    movements: tuple[Movement, ...]


class FundReallocated(Event, frozen=True, kw_only=True):
    """Unallocated fen change their purpose, by an approval document (调整用途; dossier F3)."""

    area: UUID
    lot: UUID
    from_purpose: str
    to_purpose: str
    document: UUID
    movements: tuple[Movement, ...]


class FundReserved(Event, frozen=True, kw_only=True):
    """A batch holds its money on the lot before any line is sent (冻结)."""

    area: UUID
    lot: UUID
    batch: UUID
    movements: tuple[Movement, ...]


class FundSent(Event, frozen=True, kw_only=True):
    """Money of the lot left for the bank; it is in flight until the bank answers (在途)."""

    area: UUID
    lot: UUID
    payment: Annotated[UUID | None, Meta(description="to one payee; or else")]
    batch: Annotated[UUID | None, Meta(description="the list that it pays")]
    movements: tuple[Movement, ...]


class FundPaid(Event, frozen=True, kw_only=True):
    """Money of the lot was credited to its payees (兑付)."""

    area: UUID
    lot: UUID
    payment: Annotated[UUID | None, Meta(description="to one payee; or else")]
    batch: Annotated[UUID | None, Meta(description="the list that it pays")]
    movements: tuple[Movement, ...]


class FundReturned(Event, frozen=True, kw_only=True):
    """The same fen came back on the same lot (退回)."""

    area: UUID
    lot: UUID
    payment: Annotated[UUID | None, Meta(description="to one payee; or else")]
    batch: Annotated[UUID | None, Meta(description="the list that it pays")]
    movements: tuple[Movement, ...]


class DrawPolicyAdopted(Event, frozen=True, kw_only=True):
    """The order in which a payment draws its project's lots, from a day on."""

    policy: UUID
    area: UUID
    in_force_from: date
    levels: Annotated[tuple[Level, ...], Meta(description="first drawn first")]
    within_level: Annotated[Literal["batch"], Meta(description="batch text, then lot id")]
    document: UUID | None


class ProjectProposed(Event, frozen=True, kw_only=True):
    """A project asks for money (申报). `path`: its area's ancestors from the top, itself last, as
    then: whose money may come down to it, and whose policy orders its draws."""

    project: UUID
    area: UUID
    path: tuple[UUID, ...]
    year: int
    name: str
    kind: Annotated[str, Meta(examples=["infrastructure"])]
    purpose: Annotated[str, Meta(description="the one purpose whose money it may take")]
    planned: Annotated[Amount | None, Meta(description="what the year's plan says it costs")] = None
    rank: Annotated[int | None, Meta(description="its place in the year's plan")] = None


class ProjectEnteredLibrary(Event, frozen=True, kw_only=True):
    """The project may be given money (入库; 003:L117)."""

    area: UUID
    project: UUID
    document: UUID | None


class ProjectFunded(Event, frozen=True, kw_only=True):
    """The project's side of an allocation, so that its lots are known without a search."""

    area: UUID
    project: UUID
    lot: UUID
    level: Level
    batch: str
    purpose: str
    amount_fen: PositiveFen


class Payee(Struct, frozen=True, kw_only=True):
    kind: Literal["contractor", "insurer", "unit"]
    organisation: UUID


class PaymentOrdered(Event, frozen=True, kw_only=True):
    """A payment to one payee left for the bank (拨付); its draws name every lot."""

    payment: UUID
    area: UUID
    project: UUID
    payee: Payee
    use: Annotated[str, Meta(description="what it pays for, as on the voucher")]
    amount: Amount
    draws: tuple[Draw, ...]
    policy: PolicyUsed
    relies_on: tuple[Reliance, ...]


class PaymentConfirmed(Event, frozen=True, kw_only=True):
    """The bank credited the payee."""

    area: UUID
    payment: UUID
    credited_on: date
    amount_fen: PositiveFen


class PaymentReturned(Event, frozen=True, kw_only=True):
    """The bank sent the money back; it lies on its lots again, for the same project."""

    area: UUID
    payment: UUID
    returned_on: date
    reason: str
    amount_fen: PositiveFen


class DocumentCorrected(Corrected, frozen=True, kw_only=True):
    """What a letter says was registered wrongly; its number names it and stays."""

    document: UUID
    number: str
    kind: Literal["funding", "approval", "policy"]
    title: str
    level: Level
    issued_on: date
    note: str | None


class LotCorrected(Corrected, frozen=True, kw_only=True):
    """A receipt was registered wrongly. What was received too much or too little is moved back or
    in, per purpose, never below what has left."""

    lot: UUID
    level: Level
    year: int
    fund_name: str
    batch: str
    document: UUID
    number: Annotated[str, Meta(description="文号 of that document")]
    amount_fen: PositiveFen
    movements: tuple[Movement, ...]


class ProjectCorrected(Corrected, frozen=True, kw_only=True):
    """What a project is called or for was registered wrongly."""

    project: UUID
    year: int
    name: str
    kind: Annotated[str, Meta(examples=["infrastructure"])]
    purpose: str


class PaymentCorrected(Corrected, frozen=True, kw_only=True):
    """What a payment was for was written wrongly; what was paid, to whom and from which lots is
    returned and paid again, never corrected."""

    payment: UUID
    project: UUID
    payee: Payee
    use: str
    amount_fen: PositiveFen


class BatchCorrected(Corrected, frozen=True, kw_only=True):
    """A list was declared wrongly; before its money is held, or, of its count, before it is
    sealed."""

    batch: UUID
    project: UUID
    scheme: str
    period: str
    tranche: int
    grade: Grade
    count: Count
    amount_fen: PositiveFen


class KeyTaken(Event, frozen=True, kw_only=True):
    """The mark on the stream of a natural key: what was renamed to it is this thing, so that nobody
    registers it anew."""

    area: UUID
    noun: Literal["lot", "project"]
    by: UUID


CONTRACTS = Contracts(
    (
        DocumentRegistered,
        LotRegistered,
        FundAllocated,
        FundReallocated,
        FundReserved,
        FundSent,
        FundPaid,
        FundReturned,
        DrawPolicyAdopted,
        ProjectProposed,
        ProjectEnteredLibrary,
        ProjectFunded,
        PaymentOrdered,
        PaymentConfirmed,
        PaymentReturned,
        DocumentCorrected,
        LotCorrected,
        ProjectCorrected,
        PaymentCorrected,
        BatchCorrected,
        KeyTaken,
    )
)
