"""Corrections in assets: the sources stay the value, the ledgers one code."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from libs.events.contracts.assets import (
    AssetCorrected,
    AssetRecorded,
    LedgerCorrected,
    SourceShare,
)
from libs.events.correction import EvidenceNeeded, NotCorrectable
from services.assets.domain import correction
from services.assets.domain.asset import Asset, CodeDiffers, assets
from services.assets.domain.correction import (
    CorrectAsset,
    CorrectLedgerEntry,
    FundedFacts,
    NotRecorded,
)
from services.assets.domain.formation import (
    Formation,
    SourceExceedsFunding,
    SourcesDiffer,
    SourcesWithoutValue,
    capital_stream,
    capitals,
)
from services.assets.domain.organisation import UnknownOrganisation
from tests.assets.test_asset import BUREAU, FACTS, RELIED, STRANGER, VILLAGE
from tests.assets.test_formation import CAPITALISED, FORMED, FUNDS, LOT, PROJECT, ROAD, SECOND
from tests.spec import when

WHY = {"occurred_on": "2021-07-01", "reason": "看错一行", "document": "测财农〔2021〕9号"}
KNOWN: Asset = assets.over([FORMED])
ALONE = Formation(KNOWN, capitals.over([CAPITALISED]))
FUNDED = FundedFacts(path=(VILLAGE,), funds=FUNDS, funded={LOT: 350_0000_00, SECOND: 200_0000_00})


def correcting(command: Any, *, why: Any = None, **said: Any) -> Any:
    return command.model_validate({**(why or WHY), **said})


def entered(*ledgers: Any) -> Asset:
    """Recorded in these, under one code."""
    facts = [
        AssetRecorded(
            asset=FORMED.asset,
            area=FORMED.area,
            ledger=ledger,
            keeper=BUREAU,
            code="ZC-1",
            value_fen=None,
            relies_on=RELIED,
        )
        for ledger in ledgers
    ]
    found: Asset = assets.over(facts, KNOWN)
    return found


def test_other_money_and_the_value_change_together() -> None:
    """A1: what lots gave is theirs."""
    more = {"value": {"text": "370"}, "other": {"text": "20"}}
    alone = correcting(CorrectAsset, changes={"value": {"text": "370"}})
    when(correction.correct_asset, ALONE, alone, FUNDED).refused(
        SourcesDiffer, value_fen=370_0000_00
    )
    unstated = correcting(CorrectAsset, changes={"value": None, "other": None})
    when(correction.correct_asset, ALONE, unstated, FUNDED).refused(SourcesWithoutValue, sources=1)
    decision = when(
        correction.correct_asset, ALONE, correcting(CorrectAsset, changes=more), FUNDED
    ).accepted()
    (event,) = decision.events[ROAD]
    assert isinstance(event, AssetCorrected)
    now = assets.over([event], KNOWN)
    given_fen = sum(share.amount_fen for share in now.sources)
    assert now.value_fen == given_fen + now.other_fen == 370_0000_00


def test_money_needs_a_document_and_the_name_another_asset() -> None:
    bare = {"occurred_on": "2021-07-01", "reason": "看错"}
    amount = correcting(CorrectAsset, why=bare, changes={"other": {"text": "20"}})
    when(correction.correct_asset, ALONE, amount, FUNDED).refused(EvidenceNeeded, field="other")
    day = correcting(CorrectAsset, why=bare, changes={"formed_on": "2021-05-01"})
    decision = when(correction.correct_asset, ALONE, day, FUNDED).accepted()
    assert assets.over(decision.events[ROAD], KNOWN).formed_on == date(2021, 5, 1)
    assert list(decision.events) == [ROAD]
    for name, value in (("name", "另一条路"), ("project", str(UUID(int=9)))):
        asked = correcting(CorrectAsset, changes={name: value})
        when(correction.correct_asset, ALONE, asked, FUNDED).refused(NotCorrectable, field=name)


def test_an_entry_is_corrected_in_its_own_ledger() -> None:
    asked = correcting(
        CorrectLedgerEntry,
        ledger="total",
        changes={"value": {"text": "360"}, "keeper": str(VILLAGE)},
    )
    when(correction.correct_entry, entered("part"), asked, FACTS).refused(NotRecorded)
    decision = when(correction.correct_entry, entered("total", "part"), asked, FACTS).accepted()
    (event,) = decision.events[ROAD]
    assert isinstance(event, LedgerCorrected)
    now = assets.over([event], entered("total", "part"))
    assert (now.entries["total"].value_fen, now.entries["total"].keeper) == (360_0000_00, VILLAGE)
    assert now.entries["part"].value_fen is None
    stranger = {"ledger": "total", "changes": {"keeper": str(STRANGER)}}
    strange = correcting(CorrectLedgerEntry, **stranger)
    when(correction.correct_entry, entered("total"), strange, FACTS).refused(UnknownOrganisation)


def test_both_ledgers_keep_one_code() -> None:
    """A3: it is corrected while it stands in one of them only."""
    asked = correcting(CorrectLedgerEntry, ledger="total", changes={"code": "ZC-2"})
    both = entered("total", "part")
    when(correction.correct_entry, both, asked, FACTS).refused(CodeDiffers, code="ZC-2")
    decision = when(correction.correct_entry, entered("total"), asked, FACTS).accepted()
    assert assets.over(decision.events[ROAD], entered("total")).codes["total"] == "ZC-2"


def shares(**lots: Any) -> list[dict[str, Any]]:
    ids = {"first": LOT, "second": SECOND}
    return [
        {"lot": str(ids[name]), "amount": None if text is None else {"text": text}}
        for name, text in lots.items()
    ]


def test_sources_are_corrected_with_the_value_and_on_the_projects_side_too() -> None:
    """A1; what is not named stays, null is none."""
    split = correcting(CorrectAsset, changes={"sources": shares(first="150", second="200")})
    decision = when(correction.correct_asset, ALONE, split, FUNDED).accepted()
    now = assets.over(decision.events[ROAD], KNOWN)
    given = {share.lot: share.amount_fen for share in now.sources}
    assert given == {LOT: 150_0000_00, SECOND: 200_0000_00}
    capital = capitals.over(decision.events[capital_stream(PROJECT)], ALONE.capital)
    assert capital.used == given
    assert decision.body["changes"] == [
        {"field": f"sources.{LOT}", "was": 350_0000_00, "now": 150_0000_00},
        {"field": f"sources.{SECOND}", "was": None, "now": 200_0000_00},
    ]
    none = {"sources": shares(first=None), "value": {"text": "10"}}
    decision = when(
        correction.correct_asset, ALONE, correcting(CorrectAsset, changes=none), FUNDED
    ).accepted()
    assert assets.over(decision.events[ROAD], KNOWN).sources == ()


def test_corrected_sources_need_a_document_the_sum_and_the_money() -> None:
    split = {"sources": shares(first="150", second="200")}
    bare = correcting(
        CorrectAsset, why={"occurred_on": "2021-07-01", "reason": "看错"}, changes=split
    )
    when(correction.correct_asset, ALONE, bare, FUNDED).refused(EvidenceNeeded)
    less = correcting(CorrectAsset, changes={"sources": shares(first="149")})
    when(correction.correct_asset, ALONE, less, FUNDED).refused(SourcesDiffer)
    beyond = {"sources": shares(first="149", second="201")}
    when(correction.correct_asset, ALONE, correcting(CorrectAsset, changes=beyond), FUNDED).refused(
        SourceExceedsFunding,
        lot=str(SECOND),
        funded_fen=200_0000_00,
        used_fen=0,
        asked_fen=201_0000_00,
    )


def test_what_another_asset_of_the_project_has_is_not_taken_by_a_correction() -> None:
    other = CAPITALISED.__class__(
        area=VILLAGE,
        project=PROJECT,
        asset=UUID(int=77),
        sources=(SourceShare(lot=SECOND, amount_fen=1),),
    )
    shared = Formation(KNOWN, capitals.over([CAPITALISED, other]))
    asked = correcting(CorrectAsset, changes={"sources": shares(first="150", second="200")})
    when(correction.correct_asset, shared, asked, FUNDED).refused(SourceExceedsFunding, used_fen=1)
