"""An asset 资产 and its steps: classified, recorded in both ledgers, right, transferred (A2-A4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from libs.events.amount import AmountTyped
from libs.events.contracts.assets import (
    AssetClassified,
    AssetCorrected,
    AssetFormed,
    AssetRecorded,
    AssetTransferred,
    Category,
    Ledger,
    LedgerCorrected,
    RightConfirmed,
    SourceShare,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .organisation import OrganisationFacts, require_registered

CATEGORIES: Mapping[Category, str] = {
    "operating": "经营性",
    "public_welfare": "公益性",
    "to_household": "到户类",
}
LEDGERS: Mapping[Ledger, str] = {"total": "总台账", "part": "分台账"}
Named = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Document = Annotated[Named | None, Field(default=None, max_length=120, description="文号")]


class ClassifyAsset(Command):
    """资产分类。已分类的改类须说明理由。"""

    category: Category
    reason: Named | None = Field(default=None, max_length=300)


class RecordAsset(Command):
    """记入县级总台账或一本分台账；两本台账用同一编码, 各记一次。"""

    ledger: Ledger
    keeper: UUID = Field(description="记账单位")
    code: Named = Field(max_length=60, examples=["ZC-2020-0001"])
    value: AmountTyped | None = Field(description="台账所记价值; null: 未载明")


class ConfirmRight(Command):
    """确权登记。"""

    owner: UUID = Field(description="产权单位")
    document: Document


class TransferAsset(Command):
    """按移交清单移交；业务发生日就是移交日。"""

    from_organisation: UUID
    to_organisation: UUID
    list_number: Named = Field(max_length=60)

    @model_validator(mode="after")
    def _to_another(self) -> Self:
        if self.from_organisation == self.to_organisation:
            raise ValueError("移交方与接收方不能是同一单位")
        return self


def asset_stream(project: UUID, name: str) -> UUID:
    return stream_id("asset", str(project), str(project), name)


class AssetNotFormed(Refused):
    """资产未登记。"""


class AlreadyClassified(Refused):
    """资产已是该类：{category}。"""


class ReasonNeeded(Refused):
    """改变分类须说明理由：现为{category}。"""


class AlreadyRecorded(Refused):
    """该台账已经登记：{ledger}，编码 {code}。"""


class CodeDiffers(Refused):
    """两本台账编码不一致：已登记为 {recorded}，本次为 {code}。"""


class RightAlreadyConfirmed(Refused):
    """资产已经确权：产权单位 {owner}。"""


class NotTransferable(Refused):
    """到户类资产不能移交：{name}。"""


class NotTheKeeper(Refused):
    """移交方不符：资产现由 {keeper} 管理，不是 {given}。"""


class StepOutOfOrder(Refused):
    """步骤次序不符：{step}之前须先完成{missing}。"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one ledger says of the asset."""

    keeper: UUID
    value_fen: int | None


@dataclass(frozen=True, slots=True)
class Asset:
    """What the asset's stream says; `codes` by ledger, `keeper` since its last transfer."""

    id: UUID | None = None
    area: UUID | None = None
    project: UUID | None = None
    name: str = ""
    kind: str = ""
    value_fen: int | None = None
    other_fen: int = 0
    sources: tuple[SourceShare, ...] = ()
    formed_on: date | None = None
    quantity: str | None = None
    category: Category | None = None
    codes: Mapping[Ledger, str] = field(default_factory=dict)
    entries: Mapping[Ledger, Entry] = field(default_factory=dict)
    owner: UUID | None = None
    keeper: UUID | None = None


class Formed(NamedTuple):
    """An asset that is there: the ids that every further event names."""

    id: UUID
    area: UUID


def formed(asset: Asset) -> Formed:
    """Raises: AssetNotFormed."""
    if asset.id is None or asset.area is None:
        raise AssetNotFormed()
    return Formed(asset.id, asset.area)


def _require_before(asset: Asset, step: str, steps: int) -> None:
    """A4: the first missing one of the steps that come before `step`."""
    done = {
        "分类": asset.category is not None,
        "总台账登记": "total" in asset.codes,
        "分台账登记": "part" in asset.codes,
        "确权": asset.owner is not None,
    }
    for missing in list(done)[:steps]:
        if not done[missing]:
            raise StepOutOfOrder(step=step, missing=missing)


def classify(state: Asset, command: ClassifyAsset, _: Facts) -> Decision:
    """A2: exactly one category at a time; a change is explained."""
    asset, area = formed(state)
    if state.category == command.category:
        raise AlreadyClassified(category=CATEGORIES[command.category])
    if state.category is not None and command.reason is None:
        raise ReasonNeeded(category=CATEGORIES[state.category])
    if state.keeper is not None and command.category == "to_household":
        raise NotTransferable(name=state.name)
    event = AssetClassified(
        area=area, asset=asset, category=command.category, reason=command.reason
    )
    return Decision({asset: (event,)}, {"id": str(asset)})


def record(state: Asset, command: RecordAsset, facts: OrganisationFacts) -> Decision:
    """A3: the county's ledger and a part ledger, each once, under one code."""
    asset, area = formed(state)
    _require_before(state, "台账登记", 1)
    if command.ledger in state.codes:
        raise AlreadyRecorded(ledger=LEDGERS[command.ledger], code=state.codes[command.ledger])
    for recorded in state.codes.values():
        if recorded != command.code:
            raise CodeDiffers(recorded=recorded, code=command.code)
    require_registered(command.keeper, facts)
    event = AssetRecorded(
        asset=asset,
        area=area,
        ledger=command.ledger,
        keeper=command.keeper,
        code=command.code,
        value_fen=None if command.value is None else command.value.read().amount_fen,
        relies_on=facts.relied(),
    )
    return Decision({asset: (event,)}, {"id": str(asset)})


def confirm_right(state: Asset, command: ConfirmRight, facts: OrganisationFacts) -> Decision:
    asset, area = formed(state)
    _require_before(state, "确权", 3)
    if state.owner is not None:
        raise RightAlreadyConfirmed(owner=str(state.owner))
    require_registered(command.owner, facts)
    event = RightConfirmed(
        area=area,
        asset=asset,
        owner=command.owner,
        document=command.document,
        relies_on=facts.relied(),
    )
    return Decision({asset: (event,)}, {"id": str(asset)}, command.document)


def transfer(state: Asset, command: TransferAsset, facts: OrganisationFacts) -> Decision:
    """A4; what was given to households is theirs and cannot be handed over."""
    asset, area = formed(state)
    if state.category == "to_household":
        raise NotTransferable(name=state.name)
    _require_before(state, "移交", 4)
    if state.keeper is not None and state.keeper != command.from_organisation:
        raise NotTheKeeper(keeper=str(state.keeper), given=str(command.from_organisation))
    require_registered(command.from_organisation, facts)
    require_registered(command.to_organisation, facts)
    event = AssetTransferred(
        asset=asset,
        area=area,
        from_organisation=command.from_organisation,
        to_organisation=command.to_organisation,
        list_number=command.list_number,
        transferred_on=command.occurred_on,
        relies_on=facts.relied(),
    )
    return Decision({asset: (event,)}, {"id": str(asset)})


def evolve(state: Asset, event: Event) -> Asset:
    match event:
        case AssetFormed():
            return _formed(event)
        case AssetClassified():
            return replace(state, category=event.category)
        case AssetRecorded() | LedgerCorrected():
            return _recorded(state, event)
        case AssetCorrected():
            return _corrected(state, event)
        case RightConfirmed():
            return replace(state, owner=event.owner)
        case AssetTransferred():
            return replace(state, keeper=event.to_organisation)
        case _:
            return state


def _recorded(state: Asset, event: AssetRecorded | LedgerCorrected) -> Asset:
    entry = Entry(event.keeper, event.value_fen)
    codes = {**state.codes, event.ledger: event.code}
    return replace(state, codes=codes, entries={**state.entries, event.ledger: entry})


def _corrected(state: Asset, event: AssetCorrected) -> Asset:
    told = replace(state, kind=event.kind, formed_on=event.formed_on, quantity=event.quantity)
    return replace(
        told, value_fen=event.value_fen, other_fen=event.other_fen, sources=event.sources
    )


def _formed(event: AssetFormed) -> Asset:
    return Asset(
        event.asset,
        event.area,
        event.project,
        event.name,
        event.kind,
        event.value_fen,
        event.other_fen,
        event.sources,
        event.formed_on,
        event.quantity,
    )


assets: Fold[Asset] = Fold("asset", Asset(), evolve)
