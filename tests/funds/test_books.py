"""The books of funds counted again: a fact that no rule would let in is named with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from libs.events.contracts import batches, funds
from libs.events.contracts.allocations import AllocationCorrected
from libs.events.contracts.money import Account, Amount, Draw, Movement
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Event, Recorded
from services.funds.domain.books import INVARIANTS

LOTS, LISTS = INVARIANTS
AREA, LOT, OTHER, PROJECT, LETTER, BATCH = (UUID(int=n) for n in range(1, 7))
TREASURY = f"treasury:{AREA}"
RECORDED = Recorded(
    store=AREA,
    epoch=1,
    position=9,
    stream=LOT,
    version=3,
    recorded_at=datetime(2020, 3, 16, tzinfo=UTC),
    seen=b"{}",
    type="",
    schema_version=1,
    salt=b"",
    payload=b"",
    metadata=b"",
)


@dataclass(frozen=True)
class Way:
    from_account: Account
    to_account: Account


def move(way: Way, fen: int, purpose: str = "relief", lot: UUID = LOT) -> Movement:
    of_project = {way.from_account, way.to_account} - {"received", "carried_in", "reallocated"}
    return Movement(
        lot=lot,
        purpose=purpose,
        project=PROJECT if of_project - {"unallocated"} else None,
        from_account=way.from_account,
        to_account=way.to_account,
        from_place=TREASURY,
        to_place=TREASURY,
        amount_fen=fen,
        area=None,
        lines=None,
    )


RECEIVE, CARRY = Way("received", "unallocated"), Way("carried_in", "unallocated")
ALLOCATE, SEND = Way("unallocated", "allocated"), Way("allocated", "in_flight")
AWAY, INTO = Way("unallocated", "reallocated"), Way("reallocated", "unallocated")


def amount(fen: int) -> Amount:
    return Amount(amount_fen=fen, amount_text=str(fen), unit="元")


def registered(*moves: Movement, total: int = 100, **purposes: int) -> funds.LotRegistered:
    return funds.LotRegistered(
        lot=LOT,
        area=AREA,
        level="county",
        year=2020,
        fund_name="测试资金",
        batch="1",
        document=LETTER,
        amount=amount(total),
        purposes=tuple(
            funds.PurposeLine(purpose=name, amount=amount(fen)) for name, fen in purposes.items()
        ),
        movements=moves,
    )


FILLED = registered(move(RECEIVE, 60), move(RECEIVE, 40, "roads"), relief=60, roads=40)


def allocated(*moves: Movement) -> funds.FundAllocated:
    return funds.FundAllocated(area=AREA, lot=LOT, project=PROJECT, document=None, movements=moves)


def rearranged(*moves: Movement) -> AllocationCorrected:
    return AllocationCorrected(
        area=AREA,
        changes=(),
        reason="看错一行",
        lot=LOT,
        allocation=1,
        project=PROJECT,
        document=None,
        amount_fen=0,
        movements=moves,
    )


def reallocated(*moves: Movement) -> funds.FundReallocated:
    return funds.FundReallocated(
        area=AREA,
        lot=LOT,
        from_purpose="roads",
        to_purpose="relief",
        document=LETTER,
        movements=moves,
    )


def found(invariant: EventInvariant, facts: Sequence[Event]) -> list[Numbers | None]:
    """What each fact shows, one after the other."""
    state: State = {}
    shown = []
    for fact in facts:
        assert invariant.facts is not None
        assert isinstance(fact, invariant.facts)
        state, numbers = invariant.step(state, RECORDED, fact)
        shown.append(numbers)
    return shown


def test_money_that_moves_within_its_lot_holds() -> None:
    facts = [
        FILLED,
        reallocated(move(AWAY, 40, "roads"), move(INTO, 40)),
        allocated(move(ALLOCATE, 100)),
        allocated(move(SEND, 30)),
        allocated(move(CARRY, 5)),
        rearranged(move(Way("allocated", "unallocated"), 65)),
    ]
    assert found(LOTS, facts) == [None] * 6


BREACHES: list[tuple[Event, dict[str, Any]]] = [
    (allocated(move(ALLOCATE, 61)), {"account": "unallocated", "amount_fen": -1}),
    (allocated(move(SEND, 1)), {"account": "allocated", "amount_fen": -1}),
    (
        rearranged(move(Way("allocated", "unallocated"), 1)),
        {"account": "allocated", "amount_fen": -1},
    ),
    (allocated(move(Way("unallocated", "received"), 61)), {"account": "received", "amount_fen": 1}),
    (allocated(move(RECEIVE, 1)), {"came_in_fen": 60, "held_fen": 61}),
    (allocated(move(ALLOCATE, 1, lot=OTHER)), {"moved_lot": str(OTHER)}),
    (reallocated(move(AWAY, 5, "roads"), move(INTO, 4)), {"reallocated_fen": 1}),
]


@pytest.mark.parametrize(("fact", "shown"), BREACHES, ids=lambda value: str(value)[:40])
def test_a_movement_that_no_rule_lets_in_is_named(fact: Event, shown: dict[str, Any]) -> None:
    first, numbers = found(LOTS, [FILLED, fact])
    assert first is None
    assert numbers is not None
    assert numbers == {**numbers, **shown, "lot": str(LOT), "version": 3}


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (registered(move(RECEIVE, 99), relief=100), {"came_in_fen": 100, "held_fen": 99}),
        (registered(move(RECEIVE, 99), relief=99), {"amount_fen": 100, "purposes_fen": 99}),
    ],
)
def test_a_receipt_that_is_not_its_letter_is_named(fact: Event, shown: dict[str, int]) -> None:
    (numbers,) = found(LOTS, [fact])
    assert numbers is not None
    assert numbers == {**numbers, **shown}


def test_what_comes_behind_a_breach_is_counted_too() -> None:
    """One fen too many stays visible until it is taken back."""
    facts = [
        FILLED,
        allocated(move(ALLOCATE, 61)),
        allocated(move(Way("allocated", "unallocated"), 1)),
    ]
    assert [numbers is None for numbers in found(LOTS, facts)] == [True, False, True]


def declared(count: int, fen: int, grade: Any = "line") -> batches.BatchDeclared:
    return batches.BatchDeclared(
        batch=BATCH,
        area=AREA,
        project=PROJECT,
        scheme="s",
        period="2020",
        tranche=1,
        run=1,
        grade=grade,
        count=count,
        amount=amount(fen),
    )


def ordered(line: int, fen: int) -> batches.SubsidyOrdered:
    return batches.SubsidyOrdered(
        batch=BATCH,
        line=line,
        project=PROJECT,
        scheme="s",
        period="2020",
        tranche=1,
        beneficiary=batches.Beneficiary(kind="household", id=OTHER, household=OTHER),
        area=AREA,
        amount_fen=fen,
        draws=(Draw(lot=LOT, purpose="relief", amount_fen=fen),),
    )


def sealed(count: int, fen: int) -> batches.BatchSealed:
    return batches.BatchSealed(
        area=AREA, batch=BATCH, count=count, amount_fen=fen, subtotals=(), root=None, relies_on=()
    )


def answered(credited: int, fen: int) -> batches.LinesAnswered:
    return batches.LinesAnswered(
        area=AREA, batch=BATCH, credited=credited, credited_fen=fen, returned=0, returned_fen=0
    )


def test_a_list_is_what_was_declared_ordered_and_sealed() -> None:
    lines = [ordered(1, 60), ordered(2, 40)]
    assert found(LISTS, [declared(2, 100), *lines, sealed(2, 100), answered(2, 100)]) == [None] * 5
    assert found(LISTS, [declared(9, 90, "summary"), sealed(9, 90)]) == [None] * 2


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (
            [declared(2, 100), ordered(1, 60), sealed(2, 100)],
            {"sealed": 2, "sealed_fen": 100, "ordered": 1, "ordered_fen": 60},
        ),
        (
            [declared(2, 99), ordered(1, 60), ordered(2, 40), sealed(2, 100)],
            {"sealed": 2, "sealed_fen": 100, "declared": 2, "declared_fen": 99},
        ),
        (
            [declared(1, 60), ordered(1, 60), sealed(1, 60), answered(1, 60), answered(1, 1)],
            {"sealed": 1, "sealed_fen": 60, "answered": 2, "answered_fen": 61},
        ),
    ],
)
def test_a_list_that_does_not_add_up_is_named(facts: list[Event], shown: dict[str, int]) -> None:
    *before, numbers = found(LISTS, facts)
    assert before == [None] * (len(facts) - 1)
    assert numbers == {"batch": str(BATCH), **shown}
