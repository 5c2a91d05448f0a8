"""What the trace 穿透 answers, in shape. What a row names of another thing is null until that is
applied here."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel

from libs.events.types import Day

from .asked import AtCut


class Spent(BaseModel):
    """Fen by where they stand."""

    allocated_fen: int
    reserved_fen: int
    in_flight_fen: int
    paid_fen: int


class Document(BaseModel):
    number: str | None
    title: str | None


class LotTold(Document):
    id: UUID
    area: UUID
    level: str
    year: int
    fund_name: str
    batch: str
    amount_fen: int
    document_id: UUID | None
    kind: str | None
    issued_on: Day | None


class LotPurpose(BaseModel):
    purpose: str
    received_fen: int
    carried_in_fen: int
    reallocated_fen: int
    unallocated_fen: int
    paid_fen: int
    reallocated_by: list[str] | None


class LotProject(Spent):
    id: UUID
    name: str | None
    kind: str | None
    purpose: str
    given_fen: int
    documents: list[str] | None


class LotPayment(Spent):
    id: UUID
    kind: str | None
    grade: str | None
    scheme: str | None
    period: str | None
    use: str | None
    project: UUID | None
    paid_lines: int


class HouseholdPaid(BaseModel):
    id: UUID
    paid_fen: int
    lines: int


class HouseholdsPaid(BaseModel):
    """All of them counted, one page shown. A list at summary grade names nobody."""

    count: int
    paid_fen: int
    items: list[HouseholdPaid]
    next: UUID | None


class LotAsset(BaseModel):
    id: UUID
    name: str | None
    kind: str | None
    project: UUID | None
    area: UUID
    from_lot_fen: int | None


class LotTraced(AtCut):
    lot: LotTold
    paid_fen: int
    purposes: list[LotPurpose]
    projects: list[LotProject]
    payments: list[LotPayment]
    payments_paid_fen: int
    households: HouseholdsPaid
    assets: list[LotAsset]


class PaymentTold(BaseModel):
    """A payment to a unit, or a batch to households: what only the other has is null."""

    id: UUID
    kind: str
    area: UUID
    project: UUID
    project_name: str | None
    payee_kind: str | None
    payee: UUID | None
    payee_name: str | None
    use: str | None
    scheme: str | None
    period: str | None
    tranche: int | None
    grade: str | None
    lines: int | None
    amount_fen: int


class PaymentLot(Spent, Document):
    id: UUID
    purpose: str
    level: str | None
    fund_name: str | None
    batch: str | None
    document_id: UUID | None
    drawn_fen: int
    paid_lines: int


class ProjectAsset(BaseModel):
    id: UUID
    name: str | None
    kind: str | None
    area: UUID
    value_fen: int | None


class PaymentTraced(AtCut):
    payment: PaymentTold
    drawn_fen: int
    paid_fen: int
    lots: list[PaymentLot]
    households: HouseholdsPaid
    assets: list[ProjectAsset]


class HouseholdTold(BaseModel):
    id: UUID
    area: UUID
    register_type: str
    era: str
    persons: int
    synthetic: bool


class HouseholdLine(BaseModel):
    batch: UUID
    line: int
    scheme: str
    period: str
    tranche: int
    beneficiary: UUID
    project: UUID
    project_name: str | None
    lot: UUID
    level: str | None
    fund_name: str | None
    purpose: str
    document: str | None
    ordered_fen: int
    paid_fen: int
    returned_fen: int
    paid_on: Day | None


class HouseholdTraced(AtCut):
    household: HouseholdTold
    paid_fen: int
    lines: list[HouseholdLine]


class AssetTold(BaseModel):
    id: UUID
    area: UUID
    name: str
    kind: str
    quantity: str | None
    value_fen: int | None
    project: UUID
    project_name: str | None


class AssetLot(Document):
    id: UUID
    level: str | None
    fund_name: str | None
    amount_fen: int


class ProjectPayment(Spent):
    id: UUID
    kind: str | None
    use: str | None
    scheme: str | None


class AssetStep(BaseModel):
    """One event of the asset's life; what its kind does not say is null."""

    event_id: str
    event: str
    fact: str
    category: str | None
    ledger: str | None
    organisation: UUID | None
    organisation_name: str | None
    code: str | None
    value_fen: int | None
    occurred_on: Day


class AssetTraced(AtCut):
    asset: AssetTold
    lots: list[AssetLot]
    payments: list[ProjectPayment]
    life: list[AssetStep]
