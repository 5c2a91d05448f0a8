"""What households tells of those who work with the system: users, their posts, grants, delegation;
and of the systems of others, with their public keys.

No name of a person stands here. A user is an opaque id; `subject` is what the issuer of tokens
calls the same person.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from ..codec import Contracts
from ..types import Event

Duties = Annotated[
    tuple[str, ...],
    Meta(description="what the role held when granted; routes ask for these"),
]
LastDay = Annotated[date | None, Meta(description="last day; null: until it is ended")]


class UserRegistered(Event, frozen=True, kw_only=True):
    """Somebody may be given roles."""

    user: UUID
    area: Annotated[UUID | None, Meta(description="of the unit; null: the whole installation")]
    subject: str
    unit: Annotated[UUID | None, Meta(description="the organisation; null: of no unit")]
    post: Annotated[str, Meta(examples=["农村财务股 股长"])]


class DirectoryBegun(Event, frozen=True, kw_only=True):
    """The first user was made at the machine; nobody can be made so again."""

    area: None
    user: UUID


class PostChanged(Event, frozen=True, kw_only=True):
    """From now on the user acts for this unit, in this post; what was done stays as it was."""

    user: UUID
    area: UUID | None
    unit: UUID
    post: str


class RoleGranted(Event, frozen=True, kw_only=True):
    """The user may do what the role holds, in an area and below, from a day on."""

    user: UUID
    area: Annotated[UUID | None, Meta(description="null: the whole installation")]
    grant: UUID
    role: str
    duties: Duties
    valid_from: date
    valid_until: LastDay
    document: str | None


class GrantEnded(Event, frozen=True, kw_only=True):
    """A grant or a delegation holds no longer than this day; a day before it is none at all."""

    user: UUID
    area: UUID | None
    grant: UUID
    valid_until: date
    reason: str


class RoleDelegated(Event, frozen=True, kw_only=True):
    """Somebody else may use a grant of this user for some days, by letter (委托)."""

    user: UUID
    area: UUID | None
    grant: Annotated[UUID, Meta(description="the delegation")]
    of: Annotated[UUID, Meta(description="the grant that is delegated")]
    to: Annotated[UUID, Meta(description="the user who may use it")]
    duties: Duties
    valid_from: date
    valid_until: date
    document: str


class DelegationTaken(Event, frozen=True, kw_only=True):
    """The other side of a delegation, on the stream of whoever may use it: what one person holds
    is decided on one stream."""

    user: Annotated[UUID, Meta(description="who may use it")]
    area: UUID | None
    grant: Annotated[UUID, Meta(description="the delegation")]
    giver: UUID
    duties: Duties
    valid_from: date
    valid_until: date


class UserDisabled(Event, frozen=True, kw_only=True):
    """The user may do nothing from now on."""

    user: UUID
    area: UUID | None
    reason: str
    document: str | None


class WorkHandedOver(Event, frozen=True, kw_only=True):
    """What this user had begun is the successor's to finish, and counts as the successor's own."""

    user: UUID
    area: UUID | None
    to: UUID
    document: str | None


class SystemRegistered(Event, frozen=True, kw_only=True):
    """Another organisation's system may call, for that organisation's unit and within the area."""

    system: UUID
    code: Annotated[str, Meta(examples=["dibao"])]
    organisation: Annotated[str, Meta(description="whose system it is")]
    unit: str
    area: Annotated[UUID | None, Meta(description="null: the whole installation")]


class SystemKeyAdded(Event, frozen=True, kw_only=True):
    """What the system signs with this key is believed from one instant until before another."""

    system: UUID
    area: UUID | None
    kid: Annotated[str, Meta(description="RFC 7638 thumbprint of the key")]
    key: Annotated[dict[str, str], Meta(description="RFC 7517, the members of a public key alone")]
    valid_from: datetime
    valid_until: datetime


class SystemKeyRetired(Event, frozen=True, kw_only=True):
    """From now on nothing that this key signed is believed, whenever it was signed."""

    system: UUID
    area: UUID | None
    kid: str
    reason: str


CONTRACTS = Contracts(
    (
        UserRegistered,
        DirectoryBegun,
        PostChanged,
        RoleGranted,
        GrantEnded,
        RoleDelegated,
        DelegationTaken,
        UserDisabled,
        WorkHandedOver,
        SystemRegistered,
        SystemKeyAdded,
        SystemKeyRetired,
    )
)
