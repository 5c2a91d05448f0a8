"""Evidence 附件: which files show something about a thing, of one shape in every service.

A thing's evidence is one stream, so that a rule that demands some reads exactly what there is
(evidence_needed.py). The file itself lies in the store of files, by its digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .contracts.evidence import AttachmentAdded, AttachmentWithdrawn, SmallCopy
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from .entries import Row, Table
from .errors import NotFoundError, Refused
from .types import Command, Event, Metadata, Recorded, stream_id

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["acceptance_sheet"])]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Small(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    size: int
    media_type: str


class AddAttachment(Command):
    """附上证据: 文件已经留存。"""

    target: UUID
    area: UUID | None
    kind: Kind
    digest: Digest
    size: int
    media_type: str
    caption: str | None
    taken_at: str | None
    latitude: str | None
    longitude: str | None
    small: Small | None


class WithdrawAttachment(Command):
    """撤回附件: 不再作为证据; 文件仍保留。"""

    target: UUID = Field(description="所附之物")
    attachment: UUID
    reason: str = Field(min_length=1, max_length=500)


class AttachmentAlreadyWithdrawn(Refused):
    """该附件已经撤回：{attachment}。"""


class AttachmentFacts(Facts, frozen=True, kw_only=True):
    """`area`: where the thing lies, by its own latest fact, or as said of a thing of another
    service."""

    area: UUID | None


@dataclass(frozen=True, slots=True)
class Attached:
    kind: str
    digest: str
    area: UUID | None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was ever attached to one thing."""

    attachments: Mapping[UUID, Attached] = field(default_factory=dict)

    def count(self, kind: str, path: tuple[UUID, ...]) -> int:
        """Different files of a kind that stand, said by somebody of the area or above it."""
        return len(
            {
                one.digest
                for one in self.attachments.values()
                if one.kind == kind and not one.withdrawn and one.area in (None, *path)
            }
        )

    def stands(self, digest: str, path: tuple[UUID, ...]) -> bool:
        """Whether this file is attached, of whatever kind, by somebody of the area or above."""
        return any(
            one.digest == digest and not one.withdrawn and one.area in (None, *path)
            for one in self.attachments.values()
        )


def evidence_stream(target: UUID) -> UUID:
    return stream_id("evidence", str(target), str(target))


def add(state: Evidence, command: AddAttachment, facts: AttachmentFacts) -> Decision:
    """The same file of the same kind stands once."""
    same = {
        id_: one
        for id_, one in state.attachments.items()
        if (one.kind, one.digest) == (command.kind, command.digest)
    }
    standing = next((id_ for id_, one in same.items() if not one.withdrawn), None)
    if standing is not None:
        return Decision({}, {"id": str(standing)}, status=200)
    place = str(command.target), command.kind, command.digest, str(len(same))
    id_ = stream_id("attachment", str(command.target), *place)
    small = None if command.small is None else SmallCopy(**command.small.model_dump())
    added = AttachmentAdded(
        attachment=id_,
        area=facts.area,
        target=command.target,
        kind=command.kind,
        digest=command.digest,
        size=command.size,
        media_type=command.media_type,
        caption=command.caption,
        taken_at=command.taken_at,
        latitude=command.latitude,
        longitude=command.longitude,
        small=small,
    )
    return Decision({evidence_stream(command.target): (added,)}, {"id": str(id_)})


def withdraw(state: Evidence, command: WithdrawAttachment, facts: AttachmentFacts) -> Decision:
    if state.attachments[command.attachment].withdrawn:
        raise AttachmentAlreadyWithdrawn(attachment=str(command.attachment))
    withdrawn = AttachmentWithdrawn(
        attachment=command.attachment,
        area=facts.area,
        target=command.target,
        reason=command.reason,
    )
    stream = evidence_stream(command.target)
    return Decision({stream: (withdrawn,)}, {"id": str(command.attachment)})


def evolve(state: Evidence, event: Event) -> Evidence:
    match event:
        case AttachmentAdded():
            one = Attached(event.kind, event.digest, event.area)
            return Evidence({**state.attachments, event.attachment: one})
        case AttachmentWithdrawn():
            gone = replace(state.attachments[event.attachment], withdrawn=True)
            return Evidence({**state.attachments, event.attachment: gone})
        case _:
            return state


evidence: Fold[Evidence] = Fold("evidence", Evidence(), evolve)

_LATEST = """
SELECT (SELECT payload->>'area' FROM es.events
         WHERE stream_id = $1 AND payload->>'area' IS NOT NULL ORDER BY version DESC LIMIT 1),
       EXISTS (SELECT FROM es.events WHERE stream_id = $1)
"""


async def area_of(pool: Any, target: UUID, said: UUID | None) -> UUID | None:
    """Where a thing lies: one of this service's by its own latest fact, another's as said.

    Raises: NotFoundError for a thing of nobody's that is said to lie nowhere.
    """
    found, there = await pool.fetchrow(_LATEST, target)
    if not there and said is None:
        raise NotFoundError()
    return (None if found is None else UUID(found)) if there else said


async def _held(streams: Streams, ask: Ask[AddAttachment | WithdrawAttachment]) -> Evidence:
    return await streams.load(evidence, evidence_stream(ask.command.target))


async def _learn_new(known: Knowing, _: Evidence, ask: Ask[AddAttachment]) -> AttachmentFacts:
    area = await area_of(known.pool, ask.command.target, ask.command.area)
    return AttachmentFacts(path=() if area is None else await known.path(area), area=area)


async def _learn(known: Knowing, state: Evidence, ask: Ask[WithdrawAttachment]) -> AttachmentFacts:
    one = state.attachments.get(ask.command.attachment)
    if one is None:
        raise NotFoundError()
    path = () if one.area is None else await known.path(one.area)
    return AttachmentFacts(path=path, area=one.area)


ADD = Decider(
    AddAttachment, AttachmentFacts, _held, _learn_new, add, founds_areas=True, approvable=False
)
WITHDRAW = Decider(
    WithdrawAttachment,
    AttachmentFacts,
    _held,
    _learn,
    withdraw,
    founds_areas=True,
    approvable=False,
)
DECIDERS = (ADD, WITHDRAW)

ATTACHMENTS = Table(
    "es.attachments",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("target", "uuid"),
        ("kind", "text"),
        ("digest", "text"),
        ("size", "bigint"),
        ("media_type", "text"),
        ("caption", "text"),
        ("taken_at", "text"),
        ("latitude", "text"),
        ("longitude", "text"),
        ("small_digest", "text"),
        ("small_media_type", "text"),
        ("added_at", "timestamptz"),
    ),
    key=("id",),
    mode="latest",
)
WITHDRAWN = Table(
    "es.withdrawn_attachments",
    (("attachment", "uuid"), ("reason", "text"), ("withdrawn_at", "timestamptz")),
    key=("attachment",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case AttachmentAdded():
            what = (fact.attachment, fact.area, fact.target, fact.kind)
            file = (fact.digest, fact.size, fact.media_type, fact.caption)
            where = (fact.taken_at, fact.latitude, fact.longitude)
            copy = fact.small
            small = (None, None) if copy is None else (copy.digest, copy.media_type)
            yield ATTACHMENTS, (*what, *file, *where, *small, recorded.recorded_at)
        case AttachmentWithdrawn():
            yield WITHDRAWN, (fact.attachment, fact.reason, recorded.recorded_at)
        case _:
            return
