"""Rules of the steps: classified, recorded in both ledgers, right, transferred (A2-A4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.assets import (
    AssetClassified,
    AssetFormed,
    AssetRecorded,
    AssetTransferred,
    RightConfirmed,
)
from libs.events.types import Command, Event, Reliance
from services.assets.domain import asset
from services.assets.domain.asset import (
    AlreadyClassified,
    AlreadyRecorded,
    Asset,
    AssetNotFormed,
    ClassifyAsset,
    CodeDiffers,
    ConfirmRight,
    NotTheKeeper,
    NotTransferable,
    ReasonNeeded,
    RecordAsset,
    RightAlreadyConfirmed,
    StepOutOfOrder,
    TransferAsset,
    asset_stream,
    assets,
)
from services.assets.domain.organisation import OrganisationFacts, UnknownOrganisation
from tests.spec import when

DAY = date(2021, 6, 30)
AREA, PROJECT = UUID(int=1), UUID(int=2)
BUREAU, VILLAGE, STRANGER = UUID(int=3), UUID(int=4), UUID(int=5)
ROAD = asset_stream(PROJECT, "村组道路")
RELIED = (Reliance(source="households", epoch=1, position=9),)
FACTS = OrganisationFacts(path=(AREA,), households=RELIED[0], registered=(BUREAU, VILLAGE))

FORMED = AssetFormed(
    asset=ROAD,
    area=AREA,
    project=PROJECT,
    name="村组道路",
    kind="road",
    value_fen=350_0000_00,
    other_fen=0,
    sources=(),
    formed_on=DAY,
    quantity=None,
    relies_on=(),
)
CLASSIFIED = AssetClassified(area=AREA, asset=ROAD, category="public_welfare", reason=None)


def _recorded(ledger: Any) -> AssetRecorded:
    return AssetRecorded(
        asset=ROAD,
        area=AREA,
        ledger=ledger,
        keeper=BUREAU,
        code="ZC-1",
        value_fen=350_0000_00,
        relies_on=RELIED,
    )


RIGHT = RightConfirmed(
    area=AREA, asset=ROAD, owner=VILLAGE, document="确权〔2021〕1号", relies_on=RELIED
)
TRANSFERRED = AssetTransferred(
    asset=ROAD,
    area=AREA,
    from_organisation=BUREAU,
    to_organisation=VILLAGE,
    list_number="YJ-1",
    transferred_on=DAY,
    relies_on=RELIED,
)
STEPS: list[Event] = [FORMED, CLASSIFIED, _recorded("total"), _recorded("part"), RIGHT]

CLASSIFY = ClassifyAsset(occurred_on=DAY, category="public_welfare")
RECORD = RecordAsset.model_validate(
    {
        "occurred_on": DAY,
        "ledger": "total",
        "keeper": BUREAU,
        "code": "ZC-1",
        "value": {"text": "350"},
    }
)
CONFIRM = ConfirmRight(occurred_on=DAY, owner=VILLAGE, document="确权〔2021〕1号")
TRANSFER = TransferAsset(
    occurred_on=DAY, from_organisation=BUREAU, to_organisation=VILLAGE, list_number="YJ-1"
)


def _after(steps: int) -> Asset:
    return assets.over(STEPS[:steps])


def test_the_steps_in_their_order() -> None:
    when(asset.classify, _after(1), CLASSIFY).then(CLASSIFIED)
    when(asset.record, _after(2), RECORD, FACTS).then(_recorded("total"))
    part = RECORD.model_copy(update={"ledger": "part"})
    when(asset.record, _after(3), part, FACTS).then(_recorded("part"))
    confirmed = when(asset.confirm_right, _after(4), CONFIRM, FACTS).then(RIGHT)
    assert confirmed.document == "确权〔2021〕1号"
    when(asset.transfer, _after(5), TRANSFER, FACTS).then(TRANSFERRED)


Rule = Callable[[Asset, Any, Any], Any]


@pytest.mark.parametrize(
    ("rule", "command", "steps", "missing"),
    [
        (asset.record, RECORD, 1, "分类"),
        (asset.confirm_right, CONFIRM, 1, "分类"),
        (asset.confirm_right, CONFIRM, 2, "总台账登记"),
        (asset.confirm_right, CONFIRM, 3, "分台账登记"),
        (asset.transfer, TRANSFER, 1, "分类"),
        (asset.transfer, TRANSFER, 2, "总台账登记"),
        (asset.transfer, TRANSFER, 3, "分台账登记"),
        (asset.transfer, TRANSFER, 4, "确权"),
    ],
)
def test_a_step_out_of_order_names_the_one_that_is_missing(
    rule: Rule, command: Command, steps: int, missing: str
) -> None:
    refusal = when(rule, _after(steps), command, FACTS).refused(StepOutOfOrder, missing=missing)
    assert refusal.detail.endswith(f"之前须先完成{missing}。")


def test_the_part_ledger_may_come_first() -> None:
    part_first = assets.over([FORMED, CLASSIFIED, _recorded("part")])
    when(asset.confirm_right, part_first, CONFIRM, FACTS).refused(
        StepOutOfOrder, missing="总台账登记"
    )
    when(asset.record, part_first, RECORD, FACTS).then(_recorded("total"))


def test_one_category_at_a_time_and_a_change_has_a_reason() -> None:
    known = _after(2)
    when(asset.classify, known, CLASSIFY).refused(AlreadyClassified, category="公益性")
    change = ClassifyAsset(occurred_on=DAY, category="operating")
    when(asset.classify, known, change).refused(ReasonNeeded, category="公益性")
    explained = change.model_copy(update={"reason": "出租"})
    changed = AssetClassified(area=AREA, asset=ROAD, category="operating", reason="出租")
    when(asset.classify, known, explained).then(changed)
    assert assets.over([changed], known).category == "operating"


def test_each_ledger_once_under_one_code() -> None:
    when(asset.record, _after(3), RECORD, FACTS).refused(
        AlreadyRecorded, ledger="总台账", code="ZC-1"
    )
    other = RECORD.model_copy(update={"ledger": "part", "code": "ZC-2"})
    when(asset.record, _after(3), other, FACTS).refused(CodeDiffers, recorded="ZC-1", code="ZC-2")


def test_a_ledger_may_leave_the_value_open() -> None:
    unstated = RECORD.model_copy(update={"value": None})
    decided = when(asset.record, _after(2), unstated, FACTS).accepted()
    (event,) = decided.events[ROAD]
    assert isinstance(event, AssetRecorded)
    assert event.value_fen is None


@pytest.mark.parametrize(
    ("rule", "command", "steps"),
    [
        (asset.record, RECORD.model_copy(update={"keeper": STRANGER}), 2),
        (asset.confirm_right, CONFIRM.model_copy(update={"owner": STRANGER}), 4),
        (asset.transfer, TRANSFER.model_copy(update={"from_organisation": STRANGER}), 5),
        (asset.transfer, TRANSFER.model_copy(update={"to_organisation": STRANGER}), 5),
    ],
)
def test_an_unknown_organisation_is_refused_with_the_position_read(
    rule: Rule, command: Command, steps: int
) -> None:
    when(rule, _after(steps), command, FACTS).refused(
        UnknownOrganisation, organisation=str(STRANGER), position=9
    )


def test_a_right_is_confirmed_once() -> None:
    when(asset.confirm_right, _after(5), CONFIRM, FACTS).refused(
        RightAlreadyConfirmed, owner=str(VILLAGE)
    )


def test_what_was_given_to_households_cannot_be_transferred() -> None:
    given = AssetClassified(area=AREA, asset=ROAD, category="to_household", reason="x")
    when(asset.transfer, assets.over([given], _after(5)), TRANSFER, FACTS).refused(
        NotTransferable, name="村组道路"
    )
    moved = assets.over([TRANSFERRED], _after(5))
    late = ClassifyAsset(occurred_on=DAY, category="to_household", reason="x")
    when(asset.classify, moved, late).refused(NotTransferable)


def test_only_the_present_keeper_hands_on() -> None:
    moved = assets.over([TRANSFERRED], _after(5))
    when(asset.transfer, moved, TRANSFER, FACTS).refused(
        NotTheKeeper, keeper=str(VILLAGE), given=str(BUREAU)
    )
    back = TRANSFER.model_copy(update={"from_organisation": VILLAGE, "to_organisation": BUREAU})
    when(asset.transfer, moved, back, FACTS).accepted()
    with pytest.raises(ValidationError, match="移交方与接收方不能是同一单位"):
        TransferAsset(
            occurred_on=DAY, from_organisation=BUREAU, to_organisation=BUREAU, list_number="1"
        )


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        (asset.classify, CLASSIFY),
        (asset.record, RECORD),
        (asset.confirm_right, CONFIRM),
        (asset.transfer, TRANSFER),
    ],
)
def test_nothing_is_done_to_an_asset_that_was_not_formed(rule: Rule, command: Command) -> None:
    when(rule, Asset(), command, FACTS).refused(AssetNotFormed)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (ClassifyAsset, {"category": "operating", "reason": " "}),
        (RecordAsset, {"ledger": "total", "keeper": BUREAU, "code": " ", "value": None}),
        (ConfirmRight, {"owner": VILLAGE, "document": " "}),
        (
            TransferAsset,
            {"from_organisation": BUREAU, "to_organisation": VILLAGE, "list_number": " "},
        ),
    ],
)
def test_a_word_of_blanks_is_malformed(command: type[Command], said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        command.model_validate({"occurred_on": DAY, **said})
