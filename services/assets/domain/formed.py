"""What must be so in the log of assets: sources and other money are the value (dossier A1)."""

from __future__ import annotations

from libs.events.contracts.assets import AssetCorrected, AssetFormed, ProjectCapitalised
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Recorded


def sources_are_the_value(
    state: State, _: Recorded, fact: AssetFormed | AssetCorrected | ProjectCapitalised
) -> tuple[State, Numbers | None]:
    """State: fen by lot, as the asset's formation says; its project's side says the same."""
    given = {str(source.lot): source.amount_fen for source in fact.sources}
    sources_fen = sum(given.values())
    asset = str(fact.asset)
    match fact:
        case AssetFormed() | AssetCorrected():
            value_fen = fact.value_fen or 0
            if sources_fen + fact.other_fen == value_fen and len(given) == len(fact.sources):
                return {"given": given}, None
            numbers: Numbers = {"asset": asset, "value_fen": fact.value_fen}
            numbers |= {"sources_fen": sources_fen, "other_fen": fact.other_fen}
            return {"given": given}, numbers
        case ProjectCapitalised():
            formed: dict[str, int] = state.get("given", {})
            if given == formed:
                return state, None
            formed_fen = sum(formed.values())
            return state, {"asset": asset, "formed_fen": formed_fen, "capitalised_fen": sources_fen}


def _asset(fact: AssetFormed | AssetCorrected | ProjectCapitalised) -> str:
    return str(fact.asset)


INVARIANTS = (
    EventInvariant(
        "sources_are_the_value",
        "每项资产：资金来源与其他资金之和等于价值，项目一侧相同",
        sources_are_the_value,
        (AssetFormed, AssetCorrected, ProjectCapitalised),
        _asset,
    ),
)
