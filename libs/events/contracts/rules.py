"""Facts by which every service keeps its rules: rows of reference data, packs from above, and what
a rule let pass."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Count, Event

Origin = Literal["local", "pack"]
SetName = Annotated[str, Meta(examples=["standard"], description="which set the row is of")]
WhereItHolds = Annotated[
    UUID | None, Meta(description="in this area and below; null: the whole installation")
]


Scalar = str | int | bool | None
Item = str | int | dict[str, Scalar | tuple[str, ...]]
Value = Scalar | tuple[Item, ...]
"""What a row may say of a name: no float, and no deeper than a list of small objects."""


class ReferenceRow(Struct, frozen=True, kw_only=True):
    """One row: what the key stands for from a day on."""

    key: str
    valid_from: date
    valid_until: Annotated[
        date | None, Meta(description="last day; null: until the next row of the key")
    ]
    values: Annotated[dict[str, Value], Meta(description="by the model of the set")]


class ReferenceSet(Event, frozen=True, kw_only=True):
    """Rows of reference data are in force from their days on."""

    set: SetName
    area: WhereItHolds
    origin: Origin
    document: str | None
    rows: tuple[ReferenceRow, ...]


class ReferenceEnded(Event, frozen=True, kw_only=True):
    """A row is in force no longer than this day."""

    set: SetName
    area: WhereItHolds
    key: str
    valid_from: date
    valid_until: date
    document: str | None


class ReferenceWithdrawn(Event, frozen=True, kw_only=True):
    """A row never was: it had been entered by mistake. What was decided on it stays decided."""

    set: SetName
    area: WhereItHolds
    key: str
    valid_from: date
    reason: str


class PackApplied(Event, frozen=True, kw_only=True):
    """Rows from above came in, signed and in their order."""

    area: None
    issuer: Annotated[str, Meta(examples=["530000"], description="who signs")]
    number: Annotated[int, Meta(examples=[7], description="one more than the pack before")]
    digest: Annotated[str, Meta(description="hex of SHA-256 over the pack's canonical JSON")]
    previous: Annotated[str | None, Meta(description="the digest of the pack before")]
    key: Annotated[str, Meta(description="id of the key that signed")]
    document: str
    rows: Annotated[Count, Meta(description="rows that were new or different")]


class RuleOverridden(Event, frozen=True, kw_only=True):
    """A rule objected and was overridden (例外放行): by whom, the metadata say; here is why."""

    area: UUID | None
    rule: Annotated[str, Meta(examples=["StandardMismatch"])]
    command: Annotated[str, Meta(examples=["OrderSubsidies"])]
    target: UUID | None
    numbers: dict[str, int | str | None]
    reason: str
    evidence: Annotated[str | None, Meta(description="SHA-256 of the file that shows it")]


class RuleWarned(Event, frozen=True, kw_only=True):
    """A rule objected and only warned (提示)."""

    area: UUID | None
    rule: str
    command: str
    target: UUID | None
    numbers: dict[str, int | str | None]


CONTRACTS = Contracts(
    (
        ReferenceSet,
        ReferenceEnded,
        ReferenceWithdrawn,
        PackApplied,
        RuleOverridden,
        RuleWarned,
    )
)
