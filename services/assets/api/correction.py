"""Routes of corrections 更正 in assets: what was registered of an asset, what a ledger says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.corrections import (
    CorrectionMade,
    Subject,
    correct,
    counted,
    counted_since,
    history,
)
from libs.events.decider import Ask, Decider, Knowing, Streams
from services.assets.domain import correction
from services.assets.domain.asset import Asset, assets
from services.assets.domain.correction import CorrectAsset, CorrectLedgerEntry, FundedFacts
from services.assets.domain.formation import Capital, Formation, capital_stream, capitals
from services.assets.domain.organisation import OrganisationFacts
from services.assets.views import known as copies

router = APIRouter(tags=["资产"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]


async def _rests(_: Call, __: UUID, state: Asset) -> Sequence[dict[str, Any]]:
    """Its entries in the ledgers, and the lots that gave to it."""
    stated = [entry.value_fen for entry in state.entries.values() if entry.value_fen is not None]
    entries = counted("ledger_entries", [], sum(stated)) | {"count": len(state.entries)}
    given = sum(source.amount_fen for source in state.sources)
    return [entries, counted("lots", [source.lot for source in state.sources], given)]


ASSET = Subject(
    "assets",
    "asset",
    "资产",
    assets,
    lambda one: one.area,
    _rests,
    (
        ("reporting", "资产的来源与经过", "/api/v1/reporting/trace/assets/{id}"),
        (
            "reporting",
            "统计数字与报表：以后计算的随之改变，留存截面不变",
            "/api/v1/reporting/figures",
        ),
    ),
)
history(router, ASSET, "clerk", "finance", "auditor")


async def _of_asset(streams: Streams, ask: Ask[Any]) -> Asset:
    return await streams.load(assets, ask.subject)


async def _path(known: Knowing, state: Asset) -> tuple[UUID, ...]:
    return () if state.area is None else await known.path(state.area)


async def _with_capital(streams: Streams, ask: Ask[CorrectAsset]) -> Formation:
    """The total of its project is fenced where sources are corrected, and only then."""
    known = await streams.load(assets, ask.subject)
    if known.project is None or ask.command.changes.sources is None:
        return Formation(known, Capital())
    return Formation(known, await streams.load(capitals, capital_stream(known.project)))


async def _funded(known: Knowing, state: Formation, ask: Ask[CorrectAsset]) -> FundedFacts:
    """The position is read first: the copy may be newer than it says, never older."""
    path, project = await _path(known, state.known), state.known.project
    since = await counted_since(known, ask.subject, "AssetFormed", "AssetCorrected")
    if project is None or ask.command.changes.sources is None:
        return FundedFacts(path=path, since=since)
    funds = await known.fresh("funds")
    gave = (await copies.project(known.pool, project)).funded
    return FundedFacts(path=path, since=since, funds=funds, funded=gave)


async def _keeper(known: Knowing, state: Asset, ask: Ask[CorrectLedgerEntry]) -> OrganisationFacts:
    read = await known.fresh("households")
    keeper = ask.command.changes.keeper
    registered = await copies.registered(known.pool, [] if keeper is None else [keeper])
    of = ("AssetRecorded", "LedgerCorrected")
    since = await counted_since(known, ask.subject, *of, ledger=ask.command.ledger)
    path = await _path(known, state)
    return OrganisationFacts(path=path, since=since, households=read, registered=registered)


CORRECT = Decider(
    CorrectAsset,
    FundedFacts,
    _with_capital,
    _funded,
    correction.correct_asset,
    approved_as="FormAsset",
)
CORRECT_ENTRY = Decider(
    CorrectLedgerEntry,
    OrganisationFacts,
    _of_asset,
    _keeper,
    correction.correct_entry,
    approved_as="RecordAsset",
)
DECIDERS = (CORRECT, CORRECT_ENTRY)


@router.post(
    "/assets/{id}/corrections", status_code=201, response_model=CorrectionMade, summary="更正资产"
)
async def correct_asset(id: UUID, command: CorrectAsset, call: Clerk) -> Response:
    """来源与其他资金之和须仍等于价值，来源不超过项目所得；分类、确权、移交各有办法。"""
    return await correct(call, ASSET, CORRECT, command, id)


@router.post(
    "/assets/{id}/ledger-corrections",
    status_code=201,
    response_model=CorrectionMade,
    summary="更正台账",
)
async def correct_entry(id: UUID, command: CorrectLedgerEntry, call: Clerk) -> Response:
    """一本台账的价值、记账单位或编码。"""
    return await correct(call, ASSET, CORRECT_ENTRY, command, id)
