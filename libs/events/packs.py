"""Reference packs 基础数据包: rows that a level above signs and sends, numbered without a gap.

A pack is applied whole or not at all. Rows that came in a pack change by a later pack only; local
rows are never touched, and where both speak of one key they are listed as a conflict. A service
takes the rows of its own sets: the same pack goes to each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .canonical import canonical, sha256
from .contracts.rules import PackApplied, ReferenceRow, ReferenceSet
from .dated_rows import Reference, Row, RowTyped, SetName, flat, reference_stream, references
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from .errors import Refused
from .types import Command, Day, Event, stream_id

LARGEST_PACK = 5_000
ROWS_AN_EVENT = 200
"""An event may hold 256 KiB."""
Issuer = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$", examples=["530000"])]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PackRow(RowTyped):
    """A row as it stands in a pack."""

    set: SetName
    area: UUID | None


class Pack(BaseModel):
    """What is signed: its canonical JSON (RFC 8785)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Issuer
    number: int = Field(ge=1, description="从 1 起连续")
    previous: Digest | None = Field(description="上一包的摘要; 第一包为 null")
    issued_on: Day
    document: str = Field(min_length=1, max_length=120, description="文号")
    rows: tuple[PackRow, ...] = Field(max_length=LARGEST_PACK)

    def signed(self) -> bytes:
        """The bytes under the signature."""
        return canonical(self.model_dump(mode="json"))

    def digest(self) -> str:
        return sha256(self.signed()).hex()


class ApplyPack(Command):
    """应用基础数据包: 本服务的各行一次全部登记; 同一包再次应用不起作用。"""

    pack: Pack
    key: str = Field(pattern=r"^[\x21-\x7e]{1,120}$", description="签名所用密钥的编号")
    signature: str = Field(pattern=r"^[0-9A-Za-z_-]{86}$", description="Ed25519, base64url")


class PackOutOfOrder(Refused):
    """基础数据包不连续：{issuer} 的下一包应为第 {expected} 包，来的是第 {number} 包。"""


class PackForked(Refused):
    """基础数据包与已应用的不同：{issuer} 第 {number} 包。"""


class PackNotSigned(Refused):
    """基础数据包的签名无效：{issuer} 第 {number} 包，密钥 {key}。"""

    status = 403


class PackFacts(Facts, frozen=True, kw_only=True):
    """`own`: the sets of this service."""

    own: tuple[str, ...]


class Applied(NamedTuple):
    """The last pack of an issuer."""

    number: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Applying:
    """The issuer's last pack, and the sets that this pack names."""

    last: Applied
    sets: Mapping[str, Reference] = field(default_factory=dict)


def pack_stream(issuer: str) -> UUID:
    return stream_id("pack", issuer, issuer)


def apply(state: Applying, command: ApplyPack, facts: PackFacts) -> Decision:
    """In the issuer's order; only what is new or different becomes an event."""
    pack, stream = command.pack, pack_stream(command.pack.issuer)
    digest = pack.digest()
    if digest == state.last.digest:
        return Decision({}, {"id": str(stream), "rows": 0}, status=200)
    _require_next(state.last, pack)
    changed = [row for row in pack.rows if row.set in facts.own and _differs(state.sets, row)]
    applied = PackApplied(
        area=None,
        issuer=pack.issuer,
        number=pack.number,
        digest=digest,
        previous=pack.previous,
        key=command.key,
        document=pack.document,
        rows=len(changed),
    )
    body = {"id": str(stream), "rows": len(changed)}
    return Decision({stream: (applied,), **_sets(changed, pack.document)}, body, pack.document)


def _require_next(last: Applied, pack: Pack) -> None:
    if pack.number == last.number:
        raise PackForked(issuer=pack.issuer, number=pack.number)
    if pack.number != last.number + 1:
        raise PackOutOfOrder(issuer=pack.issuer, expected=last.number + 1, number=pack.number)
    if pack.previous != last.digest:
        raise PackForked(issuer=pack.issuer, number=last.number)


def _differs(sets: Mapping[str, Reference], row: PackRow) -> bool:
    there = sets[row.set].row(row.key, row.area, row.valid_from, "pack")
    new = row.row()
    return there is None or (there.values, there.valid_until) != (new.values, new.valid_until)


def _sets(rows: Iterable[PackRow], document: str) -> dict[UUID, tuple[Event, ...]]:
    """The events by the stream of their set, a few hundred rows of one area in each."""
    by_set: dict[str, dict[UUID | None, list[ReferenceRow]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        by_set[row.set][row.area].append(row.row())
    return {
        reference_stream(name): tuple(
            ReferenceSet(set=name, area=area, origin="pack", document=document, rows=chunk)
            for area, kept in areas.items()
            for chunk in _chunks(kept)
        )
        for name, areas in by_set.items()
    }


def _chunks(rows: list[ReferenceRow]) -> Iterator[tuple[ReferenceRow, ...]]:
    for first in range(0, len(rows), ROWS_AN_EVENT):
        yield tuple(rows[first : first + ROWS_AN_EVENT])


def _evolve(state: Applied, event: Event) -> Applied:
    return Applied(event.number, event.digest) if isinstance(event, PackApplied) else state


packs: Fold[Applied] = Fold("pack", Applied(), _evolve)


async def _gather(streams: Streams, ask: Ask[ApplyPack]) -> Applying:
    pack = ask.command.pack
    last = await streams.load(packs, pack_stream(pack.issuer))
    names = sorted({row.set for row in pack.rows})
    found = await streams.load_many(references, map(reference_stream, names))
    return Applying(last, dict(zip(names, found, strict=True)))


async def _unowned(_: Knowing, __: Applying, ___: Ask[ApplyPack]) -> PackFacts:
    """Listed for its rule: a stored request is decided again on its stored facts."""
    raise TypeError("ApplyPack learns which sets are the service's own: execute it by POST")


APPLY = Decider(ApplyPack, PackFacts, _gather, _unowned, apply, founds_areas=True, approvable=False)
DECIDERS: tuple[Decider[Any, Any, Any], ...] = (APPLY,)


class Conflict(NamedTuple):
    """A local row and the row from above that it stands before."""

    key: str
    area: UUID | None
    local: Row
    above: UUID | None
    pack: Row


def conflicts(state: Reference, paths: Mapping[UUID, tuple[UUID, ...]]) -> Iterator[Conflict]:
    """Local rows whose area or its ancestors have another pack row of the key, for some same day.
    `paths`: of every area that a row names."""
    packs_: dict[str, list[tuple[UUID | None, Row]]] = defaultdict(list)
    for key, area, row in flat(state):
        if row.origin == "pack":
            packs_[key].append((area, row))
    for key, area, local in flat(state):
        upwards = (None,) if area is None else (*paths.get(area, (area,)), None)
        for above, pack in packs_[key] if local.origin == "local" else ():
            if above in upwards and local.values != pack.values and _meet(local, pack):
                yield Conflict(key, area, local, above, pack)


def _meet(one: Row, other: Row) -> bool:
    return (one.valid_until or date.max) >= other.valid_from and (
        other.valid_until or date.max
    ) >= one.valid_from
