"""Formed assets counted again: sources and other money are the value, on both sides (A1)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from libs.events.contracts.assets import (
    AssetCorrected,
    AssetFormed,
    CapitalCorrected,
    ProjectCapitalised,
    SourceShare,
)
from libs.events.invariant import Numbers, State
from services.assets.domain.formed import INVARIANTS
from tests.funds.test_books import RECORDED

AREA, ASSET, PROJECT, LOT = (UUID(int=n) for n in range(1, 5))
(INVARIANT,) = INVARIANTS


def shares(*fen: int) -> tuple[SourceShare, ...]:
    return tuple(
        SourceShare(lot=UUID(int=LOT.int + n), amount_fen=one) for n, one in enumerate(fen)
    )


def formed(value_fen: int | None, other_fen: int, *fen: int) -> AssetFormed:
    return AssetFormed(
        asset=ASSET,
        area=AREA,
        project=PROJECT,
        name="道路",
        kind="road",
        value_fen=value_fen,
        other_fen=other_fen,
        sources=shares(*fen),
        formed_on=date(2020, 3, 16),
        quantity=None,
        relies_on=(),
    )


def corrected(value_fen: int, other_fen: int, *fen: int) -> AssetCorrected:
    return AssetCorrected(
        area=AREA,
        changes=(),
        reason="看错一行",
        asset=ASSET,
        project=PROJECT,
        name="道路",
        kind="road",
        value_fen=value_fen,
        other_fen=other_fen,
        sources=shares(*fen),
        formed_on=date(2020, 3, 16),
        quantity=None,
    )


def shown(
    *facts: AssetFormed | AssetCorrected | ProjectCapitalised | CapitalCorrected,
) -> list[Numbers | None]:
    state: State = {}
    found = []
    for fact in facts:
        state, numbers = INVARIANT.step(state, RECORDED, fact)
        found.append(numbers)
    return found


def side(*fen: int) -> ProjectCapitalised:
    return ProjectCapitalised(area=AREA, project=PROJECT, asset=ASSET, sources=shares(*fen))


def test_sources_and_other_money_that_are_the_value_hold() -> None:
    assert shown(formed(100, 10, 60, 30), side(60, 30)) == [None, None]
    assert shown(formed(None, 0)) == [None]


@pytest.mark.parametrize("fact", [formed(100, 10, 60, 31), formed(None, 1), formed(None, 0, 1)])
def test_a_value_that_is_not_its_sources_is_named(fact: AssetFormed) -> None:
    (numbers,) = shown(fact)
    assert numbers is not None
    assert numbers["asset"] == str(ASSET)
    assert numbers["value_fen"] == fact.value_fen
    assert numbers["other_fen"] == fact.other_fen


def test_a_project_that_tells_other_sources_is_named() -> None:
    _, numbers = shown(formed(100, 0, 60, 40), side(60, 39))
    assert numbers == {"asset": str(ASSET), "formed_fen": 100, "capitalised_fen": 99}


def test_sources_that_were_corrected_are_the_same_on_both_sides() -> None:
    was = (formed(100, 10, 60, 30), side(60, 30))
    now = corrected(100, 10, 50, 40)
    how: dict[str, Any] = {"area": AREA, "project": PROJECT, "asset": ASSET}
    how["given_back"] = shares(60, 30)
    assert shown(*was, now, CapitalCorrected(**how, taken=shares(50, 40))) == [None] * 4
    *_, wrong = shown(*was, now, CapitalCorrected(**how, taken=shares(50, 41)))
    assert wrong == {"asset": str(ASSET), "formed_fen": 90, "capitalised_fen": 91}
