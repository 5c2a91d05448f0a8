"""What of assets and their ledger entries can be corrected 更正, and what is done instead.

Lots gave what they gave: sources follow the money (A1), so they change where a lot or an allocation
is corrected, never here. Other money and the value change together. Classification, right and
transfer are steps of a life, each with an act of its own.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from libs.events.amount import AmountTyped
from libs.events.contracts.assets import AssetCorrected, Ledger, LedgerCorrected
from libs.events.correction import (
    Changes,
    Correct,
    Correctable,
    barred,
    body_of,
    corrected,
    why,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Day

from .asset import LEDGERS, Asset, CodeDiffers, formed
from .formation import SourcesDiffer, SourcesWithoutValue
from .organisation import OrganisationFacts, require_registered

OTHER_PLACE = "编号与账目以此为准；请在正确的区域或项目另行登记"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class AssetChanges(Changes):
    """更正资产的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"value", "other", "quantity"})

    kind: Annotated[Text, Field(max_length=40)] | SkipJsonSchema[None] = None
    value: AmountTyped | None = Field(default=None, description="null: 文件未载明价值")
    other: AmountTyped | None = Field(default=None, description="null: 没有其他来源的资金")
    formed_on: Day | SkipJsonSchema[None] = None
    quantity: Annotated[str, Field(pattern=r"^\d{1,15}(\.\d{1,6})? ?\D{1,20}$")] | None = None
    name: str | SkipJsonSchema[None] = barred("名称决定编号；请另行登记正确名称的资产")
    sources: Any = barred("来源随资金；请更正资金或其安排")
    project: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)
    area: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)

    def says(self) -> dict[str, Any]:
        return super().says() | _fen(self, "value", "other")


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


ASSET = Correctable(_asset, frozenset({"value", "other"}))
ENTRY = Correctable(_entry, frozenset({"value"}))


def correct_asset(state: Asset, command: CorrectAsset, _: Facts) -> Decision:
    """A1: sources and other money are the value, also when it is corrected."""
    id_, area = formed(state)
    assert state.project is not None, "a formed asset names its project"
    changes = ASSET.changes(state, command, command.changes)
    now = corrected(_asset(state), changes)
    other_fen = now["other"] or 0
    _require_sum(state, now["value"], other_fen)
    event = AssetCorrected(
        **why(area, command, changes),
        asset=id_,
        project=state.project,
        name=state.name,
        kind=now["kind"],
        value_fen=now["value"],
        other_fen=other_fen,
        sources=state.sources,
        formed_on=date.fromisoformat(now["formed_on"]),
        quantity=now["quantity"],
    )
    return Decision({id_: (event,)}, body_of(id_, changes), command.document)


def _require_sum(state: Asset, value_fen: int | None, other_fen: int) -> None:
    sources_fen = sum(source.amount_fen for source in state.sources)
    if value_fen is None:
        if sources_fen or other_fen:
            raise SourcesWithoutValue(sources=len(state.sources), other_fen=other_fen)
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
    return Decision({id_: (event,)}, body_of(id_, changes), command.document)
