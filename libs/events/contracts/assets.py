"""What assets tells the world: what public money became, where it is recorded, who holds it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Event, Fen, PositiveFen, Reliance
from .changes import Corrected

Category = Literal["operating", "public_welfare", "to_household"]
Ledger = Literal["total", "part"]


class SourceShare(Struct, frozen=True, kw_only=True):
    """How much of an asset's value one lot gave (dossier A1)."""

    lot: UUID
    amount_fen: PositiveFen


class AssetFormed(Event, frozen=True, kw_only=True):
    """A project left something that stands. Value null means: the document does not state it."""

    asset: UUID
    area: UUID
    project: UUID
    name: str
    kind: Annotated[str, Meta(examples=["road"])]
    value_fen: Fen | None
    other_fen: Annotated[Fen, Meta(description="part of the value that no lot gave")]
    sources: tuple[SourceShare, ...]
    formed_on: date
    quantity: Annotated[str | None, Meta(description="decimal text with unit", examples=["351 户"])]
    relies_on: tuple[Reliance, ...]


class ProjectCapitalised(Event, frozen=True, kw_only=True):
    """The project's side of an asset: no fen of a lot becomes part of two assets (A1)."""

    area: UUID
    project: UUID
    asset: UUID
    sources: tuple[SourceShare, ...]


class FormationExpected(Event, frozen=True, kw_only=True):
    """Money was paid for a project of a kind that leaves something standing: an asset is due (A1).
    `metadata.cause` names the payment's event."""

    area: Annotated[UUID, Meta(description="of the project")]
    project: UUID
    kind: Annotated[str, Meta(description="of the project", examples=["infrastructure"])]
    relies_on: tuple[Reliance, ...]


class FormationNotExpected(Event, frozen=True, kw_only=True):
    """The kind of the project was corrected to one that leaves nothing: no asset is due any more.
    `metadata.cause` names the event of the correction."""

    area: Annotated[UUID, Meta(description="of the project")]
    project: UUID
    kind: Annotated[str, Meta(description="of the project", examples=["insurance"])]
    relies_on: tuple[Reliance, ...]


class AssetClassified(Event, frozen=True, kw_only=True):
    """经营性, 公益性 or 到户类; exactly one at a time (A2)."""

    area: UUID
    asset: UUID
    category: Category
    reason: str | None


class AssetRecorded(Event, frozen=True, kw_only=True):
    """Entered in the county's total ledger or in one part ledger, under one code (A3)."""

    asset: UUID
    area: UUID
    ledger: Ledger
    keeper: Annotated[UUID, Meta(description="organisation that keeps this ledger")]
    code: str
    value_fen: Fen | None
    relies_on: tuple[Reliance, ...]


class RightConfirmed(Event, frozen=True, kw_only=True):
    """Whose it is (确权); before any transfer (A4)."""

    area: UUID
    asset: UUID
    owner: Annotated[UUID, Meta(description="organisation")]
    document: str | None
    relies_on: tuple[Reliance, ...]


class AssetTransferred(Event, frozen=True, kw_only=True):
    """Handed over from one keeper to another by a list (移交). First form."""

    asset: UUID
    area: UUID
    from_organisation: UUID
    to_organisation: UUID
    list_number: str
    transferred_on: date
    relies_on: tuple[Reliance, ...]


class AssetCorrected(Corrected, frozen=True, kw_only=True):
    """What was registered of an asset was wrong. Sources, other money and the value change
    together, so that the sources are the value (A1)."""

    asset: UUID
    project: UUID
    name: str
    kind: Annotated[str, Meta(examples=["road"])]
    value_fen: Fen | None
    other_fen: Fen
    sources: tuple[SourceShare, ...]
    formed_on: date
    quantity: Annotated[str | None, Meta(description="decimal text with unit")]
    relies_on: tuple[Reliance, ...] = ()


class CapitalCorrected(Event, frozen=True, kw_only=True):
    """The project's side of an asset whose sources were typed wrongly: what it gives back of each
    lot, and what it takes."""

    area: UUID
    project: UUID
    asset: UUID
    given_back: tuple[SourceShare, ...]
    taken: tuple[SourceShare, ...]


class LedgerCorrected(Corrected, frozen=True, kw_only=True):
    """An entry of one ledger was typed wrongly; both ledgers keep one code (A3)."""

    asset: UUID
    ledger: Ledger
    keeper: UUID
    code: str
    value_fen: Fen | None
    relies_on: tuple[Reliance, ...]


CONTRACTS = Contracts(
    (
        AssetFormed,
        ProjectCapitalised,
        CapitalCorrected,
        FormationExpected,
        FormationNotExpected,
        AssetClassified,
        AssetRecorded,
        RightConfirmed,
        AssetTransferred,
        AssetCorrected,
        LedgerCorrected,
    )
)
