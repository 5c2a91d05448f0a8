"""The lines of a batch 花名册: ordered in chunks, each line on its entitlement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self
from uuid import UUID

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.amount import AmountTyped
from libs.events.canonical import canonical
from libs.events.contracts.batches import Beneficiary, LinesOrdered, SubsidyOrdered
from libs.events.contracts.money import Draw
from libs.events.dated_rows import Reference
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.leaf import tree_leaf, tree_root
from libs.events.severity import Overridable
from libs.events.types import Reliance

from .account import AccountSeen, account_not_own, shared_account
from .batch import Batch, BatchTotalDiffers, GradeDiffers, Listing
from .drawing import cut
from .entitlement import Entitlement, entitlement_stream
from .standard import Standard, StandardMismatch, mismatch
from .subtotals import of_lines

LARGEST_CHUNK = 1000


class BeneficiaryTyped(BaseModel):
    """Who is entitled; opaque ids only. A person names the household too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["household", "person"] = "household"
    id: UUID
    household: UUID

    @model_validator(mode="after")
    def _one_household(self) -> Self:
        if self.kind == "household" and self.id != self.household:
            raise ValueError("以户为对象时, id 与 household 须相同")
        return self


class LineTyped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    beneficiary: BeneficiaryTyped
    amount: AmountTyped
    account: AccountSeen | None = Field(default=None, description="收款账户核对的结果")


class OrderSubsidies(Overridable):
    """报名单：一次至多 1,000 行，行号从 first 起连续。"""

    first: int = Field(ge=1)
    lines: tuple[LineTyped, ...] = Field(min_length=1, max_length=LARGEST_CHUNK)


class LinesNotContiguous(Refused):
    """行号不连续：应从第 {expected} 行起，来的是第 {first} 行。"""


class UnknownHousehold(Refused):
    """第 {line} 行的户未在册，或不在本批次区域内：{household}（共 {count} 行）。"""


class UnknownPerson(Refused):
    """第 {line} 行的人不在该户登记的成员之中：{person}（共 {count} 行）。"""


class AlreadyPaid(Refused):
    """第 {line} 行重复发放：该对象在本补贴、期间、档次已有记录，状态 {state}（共 {count} 行）。"""


class Registered(Struct, frozen=True, kw_only=True):
    """A household as households knows it: where it is, and which persons are listed in it."""

    area: UUID
    members: tuple[UUID, ...]


class RosterFacts(Facts, frozen=True, kw_only=True):
    """Households of the chunk that are registered within the batch's area, with their own area."""

    relies_on: tuple[Reliance, ...]
    households: dict[str, Registered]


@dataclass(frozen=True, slots=True)
class Roster:
    """A batch, its purse, the entitlements that a chunk names, in its order, and the standards."""

    listing: Listing
    entitlements: tuple[Entitlement, ...]
    standards: Reference = field(default_factory=Reference)


def order(state: Roster, command: OrderSubsidies, facts: RosterFacts) -> Decision:
    """One stream an entitlement; the chunk goes in whole or not at all."""
    batch = state.listing.batch
    id_, area = batch.at("reserved")
    _require_next(batch, command)
    _require_registered(command, facts.households)
    _require_unpaid(batch, command, state.entitlements)
    facts.object(_mismatch(state, command, facts))
    seen = [(command.first + nth, line.account) for nth, line in enumerate(command.lines)]
    facts.object(account_not_own(seen))
    facts.object(shared_account(seen))
    ordered = [
        _ordered(batch, command, nth, draws, facts.households)
        for nth, draws in enumerate(_draws(batch, command))
    ]
    chunk = LinesOrdered(
        area=area,
        batch=id_,
        first=command.first,
        last=command.first + len(ordered) - 1,
        amount_fen=sum(line.amount_fen for line in ordered),
        root=tree_root([tree_leaf(canonical(msgspec.to_builtins(one))) for one in ordered]).hex(),
        subtotals=of_lines(ordered),
        relies_on=facts.relies_on,
    )
    streams = {stream_of(batch, line.beneficiary): (line,) for line in ordered}
    body = {
        "id": str(id_),
        "ordered": chunk.last,
        "amount_fen": batch.ordered_fen + chunk.amount_fen,
    }
    return Decision({id_: (chunk,), **streams}, body)


def _require_next(batch: Batch, command: OrderSubsidies) -> None:
    if batch.grade != "line":
        raise GradeDiffers(grade=batch.grade)
    if command.first != batch.ordered + 1:
        raise LinesNotContiguous(expected=batch.ordered + 1, first=command.first)
    fen = sum(line.amount.read().amount_fen for line in command.lines)
    listed, listed_fen = batch.ordered + len(command.lines), batch.ordered_fen + fen
    if listed > batch.count or listed_fen > batch.amount_fen:
        raise BatchTotalDiffers(
            declared=batch.count,
            declared_fen=batch.amount_fen,
            listed=listed,
            listed_fen=listed_fen,
        )


def _require_registered(command: OrderSubsidies, households: Mapping[str, Registered]) -> None:
    strange = [
        (command.first + nth, line.beneficiary.household)
        for nth, line in enumerate(command.lines)
        if str(line.beneficiary.household) not in households
    ]
    if strange:
        line, household = strange[0]
        raise UnknownHousehold(line=line, household=str(household), count=len(strange))
    _require_members(command, households)


def _require_members(command: OrderSubsidies, households: Mapping[str, Registered]) -> None:
    """F6, F7: a person is paid as a member of the household that lists it, never as a stranger."""
    strange = [
        (command.first + nth, line.beneficiary.id)
        for nth, line in enumerate(command.lines)
        if line.beneficiary.kind == "person"
        and line.beneficiary.id not in households[str(line.beneficiary.household)].members
    ]
    if strange:
        raise UnknownPerson(line=strange[0][0], person=str(strange[0][1]), count=len(strange))


def _require_unpaid(
    batch: Batch, command: OrderSubsidies, entitlements: Iterable[Entitlement]
) -> None:
    """F7: no live order for the same entitlement, and none twice in the chunk."""
    seen: set[UUID] = set()
    twice: list[tuple[int, str]] = []
    for nth, (line, known) in enumerate(zip(command.lines, entitlements, strict=True)):
        stream = entitlement_stream(batch.roll, line.beneficiary.kind, line.beneficiary.id)
        if known.state in ("ordered", "paid"):
            twice.append((command.first + nth, known.state))
        elif stream in seen:
            twice.append((command.first + nth, "repeated"))
        seen.add(stream)
    if twice:
        raise AlreadyPaid(line=twice[0][0], state=twice[0][1], count=len(twice))


def _mismatch(
    state: Roster, command: OrderSubsidies, facts: RosterFacts
) -> StandardMismatch | None:
    """What the scheme's standard says to the lines, where one is in force."""
    scheme = state.listing.batch.roll.scheme
    row = state.standards.at(scheme, facts.path_then, command.counted_on)
    if row is None:
        return None
    lines = [
        (command.first + nth, line.amount.read().amount_fen, _persons(line.beneficiary, facts))
        for nth, line in enumerate(command.lines)
    ]
    return mismatch(Standard.model_validate(row.values), lines)


def _persons(who: BeneficiaryTyped, facts: RosterFacts) -> int | None:
    if who.kind == "person":
        return 1
    return len(facts.households[str(who.household)].members) or None


def _draws(batch: Batch, command: OrderSubsidies) -> Iterable[tuple[Draw, ...]]:
    start_fen = batch.ordered_fen
    for line in command.lines:
        fen = line.amount.read().amount_fen
        yield cut(batch.draws, start_fen, fen)
        start_fen += fen


def _ordered(
    batch: Batch,
    command: OrderSubsidies,
    nth: int,
    draws: tuple[Draw, ...],
    households: Mapping[str, Registered],
) -> SubsidyOrdered:
    line = command.lines[nth]
    id_, _ = batch.identity()
    who = line.beneficiary
    return SubsidyOrdered(
        batch=id_,
        line=command.first + nth,
        project=_project(batch),
        scheme=batch.roll.scheme,
        period=batch.roll.period,
        tranche=batch.roll.tranche,
        beneficiary=Beneficiary(kind=who.kind, id=who.id, household=who.household),
        area=households[str(who.household)].area,
        amount_fen=line.amount.read().amount_fen,
        draws=draws,
    )


def _project(batch: Batch) -> UUID:
    assert batch.project is not None, "a declared batch names its project"
    return batch.project


def stream_of(batch: Batch, who: Beneficiary) -> UUID:
    return entitlement_stream(batch.roll, who.kind, who.id)
