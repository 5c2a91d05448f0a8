"""Routes of assets 资产: form, classify, record, confirm the right, transfer, list."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.reading import show
from libs.chassis.shapes import FromLot, Made, Page
from libs.events.contracts.assets import Category, Ledger
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import Day, plain
from services.assets.domain import asset, formation
from services.assets.domain.asset import (
    Asset,
    ClassifyAsset,
    ConfirmRight,
    RecordAsset,
    TransferAsset,
    assets,
)
from services.assets.domain.formation import (
    FormAsset,
    Formation,
    FormationFacts,
    capital_stream,
    capitals,
)
from services.assets.domain.organisation import OrganisationFacts
from services.assets.views import known as copies
from services.assets.views import ledger

router = APIRouter(tags=["资产"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class AssetRow(BaseModel):
    """`value_fen` null: the document does not state it."""

    id: UUID
    area: UUID
    project: UUID
    name: str
    kind: str
    value_fen: int | None
    formed_on: Day
    quantity: str | None
    category: Category | None


class EntryShown(BaseModel):
    """What one ledger says of it."""

    keeper: UUID
    value_fen: int | None


class AssetShown(AssetRow):
    """`codes`: by ledger; `keeper`: since its last transfer."""

    other_fen: int
    sources: list[FromLot]
    codes: dict[Ledger, str]
    entries: dict[Ledger, EntryShown]
    owner: UUID | None
    keeper: UUID | None


class WantedAssets(Wanted):
    project: UUID | None = Field(default=None, description="只列该项目形成的")


async def _of_formation(streams: Streams, ask: Ask[FormAsset]) -> Formation:
    return Formation(
        await streams.load(assets, ask.command.asset()),
        await streams.load(capitals, capital_stream(ask.command.project)),
    )


async def _of_funding(known: Knowing, _: Formation, ask: Ask[FormAsset]) -> FormationFacts:
    """The position is read first: the copy may be newer than it says, never older."""
    funds = await known.fresh("funds")
    project = await copies.project(known.pool, ask.command.project)
    area = ask.command.area
    return FormationFacts(
        path=await known.path(area),
        ended=await known.ended(area),
        funds=funds,
        project=project.path,
        funded=project.funded,
    )


async def _of_asset(streams: Streams, ask: Ask[Any]) -> Asset:
    return await streams.load(assets, ask.subject)


async def _where(known: Knowing, state: Asset, _: Ask[Any]) -> Facts:
    return Facts(path=await _path(known, state))


async def _path(known: Knowing, state: Asset) -> tuple[UUID, ...]:
    return () if state.area is None else await known.path(state.area)


async def _registered(known: Knowing, state: Asset, *asked: UUID) -> OrganisationFacts:
    households = await known.fresh("households")
    registered = await copies.registered(known.pool, list(asked))
    path = await _path(known, state)
    return OrganisationFacts(path=path, households=households, registered=registered)


async def _keeper(known: Knowing, state: Asset, ask: Ask[RecordAsset]) -> OrganisationFacts:
    return await _registered(known, state, ask.command.keeper)


async def _owner(known: Knowing, state: Asset, ask: Ask[ConfirmRight]) -> OrganisationFacts:
    return await _registered(known, state, ask.command.owner)


async def _both(known: Knowing, state: Asset, ask: Ask[TransferAsset]) -> OrganisationFacts:
    command = ask.command
    return await _registered(known, state, command.from_organisation, command.to_organisation)


FORM = Decider(FormAsset, FormationFacts, _of_formation, _of_funding, formation.form, noun="asset")
CLASSIFY = Decider(ClassifyAsset, Facts, _of_asset, _where, asset.classify)
RECORD = Decider(RecordAsset, OrganisationFacts, _of_asset, _keeper, asset.record)
CONFIRM = Decider(ConfirmRight, OrganisationFacts, _of_asset, _owner, asset.confirm_right)
TRANSFER = Decider(TransferAsset, OrganisationFacts, _of_asset, _both, asset.transfer)
DECIDERS = (FORM, CLASSIFY, RECORD, CONFIRM, TRANSFER)


@router.post("/assets", status_code=201, response_model=Made, summary="登记形成的资产")
async def form(command: FormAsset, call: Clerk) -> Response:
    """来源与其他资金之和须等于价值；每项来源不得超过该资金给项目的数额。"""
    return await call.execute(FORM, command, location="/api/v1/assets/assets/{id}")


@router.post(
    "/assets/{id}/classifications", status_code=201, response_model=Made, summary="资产分类"
)
async def classify(id: UUID, command: ClassifyAsset, call: Clerk) -> Response:
    """经营性、公益性、到户类；改类须说明理由。"""
    return await call.execute(CLASSIFY, command, id)


@router.post(
    "/assets/{id}/ledger-entries", status_code=201, response_model=Made, summary="登记台账"
)
async def record(id: UUID, command: RecordAsset, call: Clerk) -> Response:
    """先分类；总台账与分台账各记一次, 编码一致。"""
    return await call.execute(RECORD, command, id)


@router.post("/assets/{id}/rights", status_code=201, response_model=Made, summary="确权")
async def confirm_right(id: UUID, command: ConfirmRight, call: Clerk) -> Response:
    """两本台账都登记之后。"""
    return await call.execute(CONFIRM, command, id)


@router.post("/assets/{id}/transfers", status_code=201, response_model=Made, summary="移交")
async def transfer(id: UUID, command: TransferAsset, call: Clerk) -> Response:
    """确权之后；到户类资产不能移交。"""
    return await call.execute(TRANSFER, command, id)


@router.get("/assets", response_model=Page[AssetRow], summary="资产列表")
async def list_assets(call: Anyone, wanted: Annotated[WantedAssets, Query()]) -> Response:
    """按编号顺序。"""
    scope = await scope_of(call, wanted)
    rows = await ledger.assets(call.log.pool, scope, wanted.project, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/assets/{id}", response_model=AssetShown, summary="资产")
async def get_asset(id: UUID, call: Anyone) -> Response:
    return await show(call, assets, id, lambda state: state.area, plain)
