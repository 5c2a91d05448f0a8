"""An asset is formed 形成资产 by a project, from lots and other money that sum to its value (A1).

What a project's assets hold of each lot is a total in a stream of the project's own, so that no
fen becomes part of two assets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.amount import AmountTyped
from libs.events.contracts.assets import (
    AssetFormed,
    CapitalCorrected,
    ProjectCapitalised,
    SourceShare,
)
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.severity import Overridable
from libs.events.types import Day, Event, Reliance, stream_id

from .asset import Asset, Named, asset_stream


class SourceTyped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    lot: UUID
    amount: AmountTyped


class FormAsset(Overridable):
    """登记项目形成的资产。编号由项目与名称决定；来源与其他资金之和须等于价值。"""

    area: UUID
    project: UUID
    name: Named = Field(max_length=200, examples=["村组道路"])
    kind: Named = Field(max_length=40, examples=["road"])
    value: AmountTyped | None = Field(description="null: 文件未载明价值")
    sources: tuple[SourceTyped, ...] = Field(default=(), max_length=50)
    other: AmountTyped | None = Field(default=None, description="其他来源的资金")
    formed_on: Day
    quantity: str | None = Field(
        default=None, pattern=r"^\d{1,15}(\.\d{1,6})? ?\D{1,20}$", examples=["12 户"]
    )

    @model_validator(mode="after")
    def _each_lot_once(self) -> Self:
        if len({source.lot for source in self.sources}) < len(self.sources):
            raise ValueError("同一资金来源只列一次")
        return self

    def asset(self) -> UUID:
        return asset_stream(self.project, self.name)

    def shares(self) -> tuple[SourceShare, ...]:
        return tuple(
            SourceShare(lot=source.lot, amount_fen=_fen(source.amount)) for source in self.sources
        )


def _fen(amount: AmountTyped | None) -> int:
    return 0 if amount is None else amount.read().amount_fen


def capital_stream(project: UUID) -> UUID:
    return stream_id("capital", str(project), str(project))


class FormationFacts(Facts, frozen=True, kw_only=True):
    """`project`: the project's area and its ancestors, empty when no such project is known.
    `funded`: fen that each lot gave to the project. `funds`: the position up to which this holds.
    """

    funds: Reliance
    project: tuple[UUID, ...]
    funded: dict[UUID, int]


class AssetAlreadyFormed(Refused):
    """该资产已经登记：{name}。"""


class UnknownProject(Refused):
    """项目未登记：{project}（资金库已读到 {position}）。"""


class ProjectElsewhere(Refused):
    """项目不在资产所在地：项目属于区域 {project_area}，资产在区域 {area}。"""


class SourcesWithoutValue(Refused):
    """价值未载明时不能列资金来源：列了 {sources} 项来源，其他资金 {other_fen}。"""


class SourcesDiffer(Refused):
    """来源之和不等于价值：来源 {sources_fen}，其他资金 {other_fen}，价值 {value_fen}。"""


class SourceExceedsFunding(Refused):
    """来源超过项目所得资金：{lot} 给项目 {funded_fen}，已成资产 {used_fen}，本次 {asked_fen}。"""


@dataclass(frozen=True, slots=True)
class Capital:
    """Fen of each lot that are part of the project's assets."""

    used: Mapping[UUID, int] = field(default_factory=dict)


class Formation(NamedTuple):
    known: Asset
    capital: Capital


def form(state: Formation, command: FormAsset, facts: FormationFacts) -> Decision:
    """A1: sources and other money sum to the value; a source never exceeds what the lot gave."""
    if state.known.id is not None:
        raise AssetAlreadyFormed(name=state.known.name)
    _require_project(command, facts)
    _require_sum(command)
    shares = command.shares()
    for share in shares:
        require_funded(share, state.capital, facts.funded)
    asset = command.asset()
    formed = AssetFormed(
        asset=asset,
        area=command.area,
        project=command.project,
        name=command.name,
        kind=command.kind,
        value_fen=None if command.value is None else _fen(command.value),
        other_fen=_fen(command.other),
        sources=shares,
        formed_on=command.formed_on,
        quantity=command.quantity,
        relies_on=(facts.funds,),
    )
    events: dict[UUID, tuple[Event, ...]] = {asset: (formed,)}
    if shares:
        capitalised = ProjectCapitalised(
            area=command.area, project=command.project, asset=asset, sources=shares
        )
        events[capital_stream(command.project)] = (capitalised,)
    return Decision(events, {"id": str(asset)})


def _require_project(command: FormAsset, facts: FormationFacts) -> None:
    """The project stands on the asset's own line of areas, above or below it."""
    if not facts.project:
        raise UnknownProject(project=str(command.project), position=facts.funds.position)
    if facts.project[-1] not in facts.path and command.area not in facts.project:
        raise ProjectElsewhere(project_area=str(facts.project[-1]), area=str(command.area))


def _require_sum(command: FormAsset) -> None:
    sources_fen = sum(share.amount_fen for share in command.shares())
    other_fen = _fen(command.other)
    if command.value is None:
        if sources_fen or other_fen:
            raise SourcesWithoutValue(sources=len(command.sources), other_fen=other_fen)
        return
    value_fen = _fen(command.value)
    if sources_fen + other_fen != value_fen:
        raise SourcesDiffer(sources_fen=sources_fen, other_fen=other_fen, value_fen=value_fen)


def require_funded(share: SourceShare, capital: Capital, funded: Mapping[UUID, int]) -> None:
    """`share`: of which the project's assets have no part yet. Raises: SourceExceedsFunding."""
    funded_fen = funded.get(share.lot, 0)
    used_fen = capital.used.get(share.lot, 0)
    if used_fen + share.amount_fen > funded_fen:
        raise SourceExceedsFunding(
            lot=str(share.lot),
            funded_fen=funded_fen,
            used_fen=used_fen,
            asked_fen=share.amount_fen,
        )


def evolve(state: Capital, event: Event) -> Capital:
    match event:
        case ProjectCapitalised():
            used = dict(state.used)
            for share in event.sources:
                used[share.lot] = used.get(share.lot, 0) + share.amount_fen
            return Capital(used)
        case CapitalCorrected():
            used = dict(state.used)
            for share in event.given_back:
                used[share.lot] = used.get(share.lot, 0) - share.amount_fen
            for share in event.taken:
                used[share.lot] = used.get(share.lot, 0) + share.amount_fen
            return Capital(used)
        case _:
            return state


capitals: Fold[Capital] = Fold("capital", Capital(), evolve)
