"""Corrections in assets: the sources stay the value, the ledgers one code."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from libs.events.contracts.assets import AssetCorrected, AssetRecorded, LedgerCorrected
from libs.events.correction import EvidenceNeeded, NotCorrectable
from services.assets.domain import correction
from services.assets.domain.asset import Asset, CodeDiffers, assets
from services.assets.domain.correction import CorrectAsset, CorrectLedgerEntry, NotRecorded
from services.assets.domain.formation import SourcesDiffer, SourcesWithoutValue
from services.assets.domain.organisation import UnknownOrganisation
from tests.assets.test_asset import BUREAU, FACTS, RELIED, STRANGER, VILLAGE
from tests.assets.test_formation import FORMED, ROAD
from tests.spec import when

WHY = {"occurred_on": "2021-07-01", "reason": "看错一行", "document": "测财农〔2021〕9号"}
KNOWN: Asset = assets.over([FORMED])


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
    when(correction.correct_asset, KNOWN, alone).refused(SourcesDiffer, value_fen=370_0000_00)
    unstated = correcting(CorrectAsset, changes={"value": None, "other": None})
    when(correction.correct_asset, KNOWN, unstated).refused(SourcesWithoutValue, sources=1)
    decision = when(
        correction.correct_asset, KNOWN, correcting(CorrectAsset, changes=more)
    ).accepted()
    (event,) = decision.events[ROAD]
    assert isinstance(event, AssetCorrected)
    now = assets.over([event], KNOWN)
    given_fen = sum(share.amount_fen for share in now.sources)
    assert now.value_fen == given_fen + now.other_fen == 370_0000_00


def test_money_needs_a_document_and_the_name_another_asset() -> None:
    bare = {"occurred_on": "2021-07-01", "reason": "看错"}
    amount = correcting(CorrectAsset, why=bare, changes={"other": {"text": "20"}})
    when(correction.correct_asset, KNOWN, amount).refused(EvidenceNeeded, field="other")
    day = correcting(CorrectAsset, why=bare, changes={"formed_on": "2021-05-01"})
    decision = when(correction.correct_asset, KNOWN, day).accepted()
    assert assets.over(decision.events[ROAD], KNOWN).formed_on == date(2021, 5, 1)
    for name, value in (("name", "另一条路"), ("sources", []), ("project", str(UUID(int=9)))):
        asked = correcting(CorrectAsset, changes={name: value})
        when(correction.correct_asset, KNOWN, asked).refused(NotCorrectable, field=name)


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
