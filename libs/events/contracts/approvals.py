"""What any service tells of its approvals 审批: what was asked for, who said yes, who said no;
and of the second factor with which they show that it is they."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ..codec import Contracts
from ..types import Event, PositiveFen

Person = Annotated[str, Meta(description="an actor's id")]
Device = Annotated[
    str | None,
    Meta(description="mark of the browser or device, another for each approval; null: not told"),
]
Behalf = Annotated[str | None, Meta(description="whose grant was used, when it was delegated")]


class Needs(Struct, frozen=True, kw_only=True):
    """How many people have to say yes, each holding one of these duties."""

    count: int
    duties: tuple[str, ...]


class ApprovalRequested(Event, frozen=True, kw_only=True):
    """A command waits for others to say yes. Nothing of it has happened yet."""

    approval: UUID
    area: UUID | None
    command: Annotated[str, Meta(examples=["SendBatch"])]
    target: UUID | None
    body: Annotated[str, Meta(description="the command, canonical JSON")]
    request: Annotated[UUID, Meta(description="under which it was asked; ids may follow from it")]
    maker: Person
    role: Annotated[str, Meta(description="in which the maker asked; overrides go by it")]
    behalf: Behalf
    digest: Annotated[str, Meta(description="hex of SHA-256 over the events it would give now")]
    amount_fen: PositiveFen | None
    needs: Needs
    second_factor: Annotated[bool, Meta(description="whoever says yes shows again who it is")]
    device: Device = None


class ApprovalGiven(Event, frozen=True, kw_only=True):
    """Somebody said yes to exactly these events; with the last of them they are appended."""

    approval: UUID
    area: UUID | None
    by: Person
    role: Annotated[str, Meta(description="in which it was said; it counts for that duty")]
    behalf: Behalf
    digest: str
    note: str | None
    complete: Annotated[bool, Meta(description="enough have said yes: the events stand beside")]
    device: Device = None
    compared: Annotated[
        Literal["same", "other", "unknown"], Meta(description="with the devices of earlier steps")
    ] = "unknown"
    after_s: Annotated[
        int | None, Meta(description="since the latest step from the same device")
    ] = None
    flagged: Annotated[bool, Meta(description="for the auditor: the same, and soon after")] = False


class ApprovalRejected(Event, frozen=True, kw_only=True):
    """Somebody said no, and why. It is over; the command may be given anew."""

    approval: UUID
    area: UUID | None
    by: Person
    behalf: Behalf
    reason: str


class ApprovalWithdrawn(Event, frozen=True, kw_only=True):
    """Whoever asked, or took over from them, asks no longer."""

    approval: UUID
    area: UUID | None
    by: Person
    reason: str


class SecondFactorChanged(Event, frozen=True, kw_only=True):
    """Somebody enrolled a second factor, confirmed it, or had it dropped."""

    area: None
    person: Person
    step: Literal["enrolled", "confirmed", "dropped"]


CONTRACTS = Contracts(
    (
        ApprovalRequested,
        ApprovalGiven,
        ApprovalRejected,
        ApprovalWithdrawn,
        SecondFactorChanged,
    )
)
