"""What of assets and their ledger entries can be corrected 更正, and what is done instead.

Sources, other money and the value change together (A1), and no lot gives more than it gave to the
project, all its assets together. Classification, right and transfer are steps of a life, each with
an act of its own.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple, Self
from uuid import UUID

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from libs.events.amount import AmountTyped
from libs.events.contracts.assets import (
    AssetCorrected,
    CapitalCorrected,
    Ledger,
    LedgerCorrected,
    SourceShare,
)
from libs.events.contracts.changes import Change
from libs.events.correction import (
    Changes,
    Correct,
    Correctable,
    barred,
    body_of,
    corrected,
    days_of,
    why,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Day, Event, Reliance

from .asset import LEDGERS, Asset, CodeDiffers, formed
from .formation import (
    Formation,
    SourcesDiffer,
    SourcesWithoutValue,
    capital_stream,
    capitals,
    require_funded,
)
from .organisation import OrganisationFacts, require_registered

SOURCES = "sources."
"""Before the lot, in the field of a change."""
OTHER_PLACE = "编号与账目以此为准；请在正确的区域或项目另行登记"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class SourceChange(BaseModel):
    """一笔资金应有的来源数。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lot: UUID
    amount: AmountTyped | None = Field(description="null: 没有这项来源")


class AssetChanges(Changes):
    """更正资产的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"value", "other", "quantity"})

    kind: Annotated[Text, Field(max_length=40)] | SkipJsonSchema[None] = None
    sources: (
        Annotated[tuple[SourceChange, ...], Field(min_length=1, max_length=50)]
        | SkipJsonSchema[None]
    ) = Field(default=None, description="没有列出的来源不变；价值须随之更正")
    value: AmountTyped | None = Field(default=None, description="null: 文件未载明价值")
    other: AmountTyped | None = Field(default=None, description="null: 没有其他来源的资金")
    formed_on: Day | SkipJsonSchema[None] = None
    quantity: Annotated[str, Field(pattern=r"^\d{1,15}(\.\d{1,6})? ?\D{1,20}$")] | None = None
    name: str | SkipJsonSchema[None] = barred("名称决定编号；请另行登记正确名称的资产")
    project: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)
    area: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)

    @model_validator(mode="after")
    def _each_lot_once(self) -> Self:
        if len({source.lot for source in self.sources or ()}) < len(self.sources or ()):
            raise ValueError("同一资金来源只列一次")
        return self

    def says(self) -> dict[str, Any]:
        told = super().says() | _fen(self, "value", "other")
        told.pop("sources", None)
        fen = {
            f"{SOURCES}{one.lot}": 0 if one.amount is None else one.amount.read().amount_fen
            for one in self.sources or ()
        }
        return {**told, **fen}


class CorrectAsset(Correct):
    """更正资产登记。来源与其他资金之和须仍等于价值。"""

    changes: AssetChanges


class LedgerChanges(Changes):
    """更正一本台账的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"value"})

    value: AmountTyped | None = Field(default=None, description="null: 未载明")
    keeper: UUID | SkipJsonSchema[None] = None
    code: Annotated[Text, Field(max_length=60)] | SkipJsonSchema[None] = None

    def says(self) -> dict[str, Any]:
        return super().says() | _fen(self, "value")


class CorrectLedgerEntry(Correct):
    """更正一本台账的登记。两本台账编码须一致：只登记了一本时方可更正编码。"""

    ledger: Ledger
    changes: LedgerChanges


class FundedFacts(Facts, frozen=True, kw_only=True):
    """`funded`: fen that each lot gave to the project; told where sources are corrected, as of the
    position `funds`."""

    funds: Reliance | None = None
    funded: dict[UUID, int] = msgspec.field(default_factory=dict)


class NotRecorded(Refused):
    """该台账没有登记此资产：{ledger}。"""


class Entered(NamedTuple):
    """An asset and one of the ledgers."""

    asset: Asset
    ledger: Ledger


def _fen(changes: Changes, *names: str) -> dict[str, int | None]:
    """Amounts as the thing says them."""
    given = {name: getattr(changes, name) for name in names if name in changes.model_fields_set}
    return {name: None if a is None else a.read().amount_fen for name, a in given.items()}


def _asset(one: Asset) -> dict[str, Any]:
    return {
        **{f"{SOURCES}{share.lot}": share.amount_fen for share in one.sources},
        "kind": one.kind,
        "value": one.value_fen,
        "other": one.other_fen or None,
        "formed_on": None if one.formed_on is None else one.formed_on.isoformat(),
        "quantity": one.quantity,
    }


def _entry(one: Entered) -> dict[str, Any]:
    entry = one.asset.entries[one.ledger]
    code = one.asset.codes[one.ledger]
    return {"value": entry.value_fen, "keeper": str(entry.keeper), "code": code}


ASSET = Correctable(_asset, frozenset({"value", "other", "sources"}))
ENTRY = Correctable(_entry, frozenset({"value"}))


def correct_asset(state: Formation, command: CorrectAsset, facts: FundedFacts) -> Decision:
    """A1: sources and other money are the value, also when it is corrected; no fen of a lot becomes
    part of two assets."""
    asset = state.known
    id_, area = formed(asset)
    assert asset.project is not None, "a formed asset names its project"
    changes = ASSET.changes(asset, command, command.changes)
    now = corrected(_asset(asset), changes)
    sources, moved = _sources(now), _moved(area, asset, changes)
    _require_sum(sources, now["value"], now["other"] or 0)
    given_back = capitals.evolve(state.capital, replace(moved, taken=()))
    for share in moved.taken:
        require_funded(share, given_back, facts.funded)
    event = AssetCorrected(
        **why(area, command, changes),
        asset=id_,
        project=asset.project,
        name=asset.name,
        kind=now["kind"],
        value_fen=now["value"],
        other_fen=now["other"] or 0,
        sources=sources,
        formed_on=date.fromisoformat(now["formed_on"]),
        quantity=now["quantity"],
        relies_on=() if facts.funds is None else (facts.funds,),
    )
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,)}
    if moved.given_back or moved.taken:
        events[capital_stream(asset.project)] = (moved,)
    body, days = body_of(id_, changes), days_of(command, facts)
    return Decision(events, body, command.document, days=days)


def _sources(now: dict[str, Any]) -> tuple[SourceShare, ...]:
    """In the order in which they were typed; one of nothing is none."""
    given = {
        name.removeprefix(SOURCES): fen for name, fen in now.items() if name.startswith(SOURCES)
    }
    return tuple(SourceShare(lot=UUID(lot), amount_fen=fen) for lot, fen in given.items() if fen)


def _moved(area: UUID, asset: Asset, changes: tuple[Change, ...]) -> CapitalCorrected:
    """What the asset had of each lot that changes, and what it is to have."""
    named = [change for change in changes if change.field.startswith(SOURCES)]
    was = {one.field: one.was for one in named}
    now = {one.field: one.now for one in named}
    assert asset.id is not None, "a formed asset has its id"
    assert asset.project is not None, "a formed asset names its project"
    return CapitalCorrected(
        area=area,
        project=asset.project,
        asset=asset.id,
        given_back=_sources(was),
        taken=_sources(now),
    )


def _require_sum(sources: tuple[SourceShare, ...], value_fen: int | None, other_fen: int) -> None:
    sources_fen = sum(source.amount_fen for source in sources)
    if value_fen is None:
        if sources_fen or other_fen:
            raise SourcesWithoutValue(sources=len(sources), other_fen=other_fen)
    elif sources_fen + other_fen != value_fen:
        raise SourcesDiffer(sources_fen=sources_fen, other_fen=other_fen, value_fen=value_fen)


def correct_entry(state: Asset, command: CorrectLedgerEntry, facts: OrganisationFacts) -> Decision:
    """A3: one code in both ledgers."""
    id_, area = formed(state)
    if command.ledger not in state.entries:
        raise NotRecorded(ledger=LEDGERS[command.ledger])
    entered = Entered(state, command.ledger)
    changes = ENTRY.changes(entered, command, command.changes)
    now = corrected(_entry(entered), changes)
    for ledger, code in state.codes.items():
        if ledger != command.ledger and code != now["code"]:
            raise CodeDiffers(recorded=code, code=now["code"])
    keeper = UUID(now["keeper"])
    if command.changes.keeper is not None:
        require_registered(keeper, facts)
    event = LedgerCorrected(
        **why(area, command, changes),
        asset=id_,
        ledger=command.ledger,
        keeper=keeper,
        code=now["code"],
        value_fen=now["value"],
        relies_on=facts.relied(),
    )
    body, days = body_of(id_, changes), days_of(command, facts)
    return Decision({id_: (event,)}, body, command.document, days=days)
