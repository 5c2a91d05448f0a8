"""The vocabulary of money: accounts, amounts as typed, movements, draws.

A movement is double entry: every fen leaves one account and enters another, so per lot and purpose
the accounts sum to zero at every version. Three accounts are sources (received, carried_in,
reallocated) and stand below zero; the other ten are the buckets where the money lies (dossier F2).
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..money import Unit
from ..types import Count, PositiveFen

Level = Literal["central", "province", "prefecture", "county", "township"]
Source = Literal["received", "carried_in", "reallocated"]
Bucket = Literal[
    "unallocated",
    "allocated",
    "reserved",
    "in_flight",
    "paid",
    "handed_down",
    "carried_over",
    "recalled",
    "owed_upward",
    "suspense",
]
Account = Literal[Source, Bucket]
Grade = Literal["line", "summary"]
WITHOUT_PROJECT: frozenset[Account] = frozenset(
    ("received", "carried_in", "reallocated", "unallocated")
)
"""Accounts that belong to no project; a movement names the project of its other side."""
Place = Annotated[
    str,
    Meta(
        description="treasury:<area>, township:<area>, bank[:<organisation>], "
        "payee:<organisation or list>",
        min_length=1,
    ),
]


class Amount(Struct, frozen=True, kw_only=True):
    """Money as typed: the fen are what counts, the text is what the paper says."""

    amount_fen: PositiveFen
    amount_text: Annotated[str, Meta(examples=["12.5"])]
    unit: Unit


class Movement(Struct, frozen=True, kw_only=True):
    """Fen that leave one account and enter another within a lot and purpose."""

    lot: UUID
    purpose: str
    project: UUID | None
    from_account: Account
    to_account: Account
    from_place: Place
    to_place: Place
    amount_fen: PositiveFen
    area: Annotated[UUID | None, Meta(description="village or township that the money is for")]
    lines: Annotated[Count | None, Meta(description="beneficiary lines summed here")]


class Draw(Struct, frozen=True, kw_only=True):
    """How much of a payment or of a line comes from one lot and purpose."""

    lot: UUID
    purpose: str
    amount_fen: PositiveFen


class PolicyUsed(Struct, frozen=True, kw_only=True):
    """The draw policy that ordered the lots: its stream and version as then."""

    policy: UUID
    version: int
