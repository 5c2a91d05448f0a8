"""What must be so in the log of assets: sources and other money are the value (dossier A1)."""

from __future__ import annotations

from libs.events.contracts.assets import (
    AssetCorrected,
    AssetFormed,
    CapitalCorrected,
    ProjectCapitalised,
    SourceShare,
)
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Recorded

Fact = AssetFormed | AssetCorrected | ProjectCapitalised | CapitalCorrected


def sources_are_the_value(state: State, _: Recorded, fact: Fact) -> tuple[State, Numbers | None]:
    """State: fen by lot, as the asset says (`given`) and as its project's side does (`capital`);
    both are told by one request, the asset's first."""
    if isinstance(fact, AssetFormed | AssetCorrected):
        given = _by_lot(fact.sources)
        numbers = None if _closes(fact, given) else _differs(fact, given)
        return {**state, "given": given}, numbers
    capital = _capital(state, fact)
    return {**state, "capital": capital}, _otherwise(fact, state.get("given", {}), capital)


def _capital(state: State, fact: ProjectCapitalised | CapitalCorrected) -> dict[str, int]:
    if isinstance(fact, ProjectCapitalised):
        return _by_lot(fact.sources)
    capital = dict(state.get("capital", {}))
    for sign, shares in ((-1, fact.given_back), (1, fact.taken)):
        for lot, fen in _by_lot(shares).items():
            capital[lot] = capital.get(lot, 0) + sign * fen
    return {lot: fen for lot, fen in capital.items() if fen}


def _by_lot(sources: tuple[SourceShare, ...]) -> dict[str, int]:
    return {str(source.lot): source.amount_fen for source in sources}


def _closes(fact: AssetFormed | AssetCorrected, given: dict[str, int]) -> bool:
    sources_fen = sum(given.values())
    each_once = len(given) == len(fact.sources)
    return each_once and sources_fen + fact.other_fen == (fact.value_fen or 0)


def _differs(fact: AssetFormed | AssetCorrected, given: dict[str, int]) -> Numbers:
    numbers: Numbers = {"asset": str(fact.asset), "value_fen": fact.value_fen}
    return {**numbers, "sources_fen": sum(given.values()), "other_fen": fact.other_fen}


def _otherwise(
    fact: ProjectCapitalised | CapitalCorrected, given: dict[str, int], capital: dict[str, int]
) -> Numbers | None:
    if given == capital:
        return None
    formed_fen, capitalised_fen = sum(given.values()), sum(capital.values())
    asset = str(fact.asset)
    return {"asset": asset, "formed_fen": formed_fen, "capitalised_fen": capitalised_fen}


def _asset(fact: Fact) -> str:
    return str(fact.asset)


INVARIANTS = (
    EventInvariant(
        "sources_are_the_value",
        "每项资产：资金来源与其他资金之和等于价值，项目一侧相同",
        sources_are_the_value,
        (AssetFormed, AssetCorrected, ProjectCapitalised, CapitalCorrected),
        _asset,
    ),
)
