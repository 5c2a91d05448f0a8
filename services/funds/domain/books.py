"""What must be so in the log of funds, counted again apart from the rules that let it in.

A lot: no bucket below zero, and the buckets of every purpose hold what came in (dossier F1, F2). A
list: what was ordered is what was declared and sealed, and no more is answered (F9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.events.contracts.allocations import AllocationCorrected
from libs.events.contracts.batches import BatchDeclared, BatchSealed, LinesAnswered, SubsidyOrdered
from libs.events.contracts.funds import (
    BatchCorrected,
    FundAllocated,
    FundPaid,
    FundReallocated,
    FundReserved,
    FundReturned,
    FundSent,
    LotCorrected,
    LotRegistered,
)
from libs.events.contracts.money import WITHOUT_PROJECT, Account, Movement
from libs.events.invariant import EventInvariant, Numbers, State
from libs.events.types import Recorded

LotFact = (
    LotRegistered
    | FundAllocated
    | FundReallocated
    | FundReserved
    | FundSent
    | FundPaid
    | FundReturned
    | LotCorrected
    | AllocationCorrected
)
SOURCES = ("received", "carried_in", "reallocated")
_APART = "\x1f"


def lot_closes(state: State, recorded: Recorded, fact: LotFact) -> tuple[State, Numbers | None]:
    """State: `came`: fen by purpose, from what the registration states, what was carried in and
    what changed its use; `held`: fen by purpose, account, project and place, sources below zero."""
    came, held = dict(state.get("came", {})), dict(state.get("held", {}))
    if isinstance(fact, LotRegistered):
        for line in fact.purposes:
            came[line.purpose] = came.get(line.purpose, 0) + line.amount.amount_fen
    for movement in fact.movements:
        _came(came, movement)
        if isinstance(fact, LotCorrected):
            _corrected(came, movement)
        _move(held, movement)
    numbers = _wrong(fact, came, held)
    at: Numbers = {"lot": str(fact.lot), "version": recorded.version}
    return {"came": came, "held": held}, None if numbers is None else {**at, **numbers}


def _came(came: dict[str, int], movement: Movement) -> None:
    """Money carried in has no registration of its own; a change of use leaves one purpose for
    another."""
    if movement.from_account in ("carried_in", "reallocated"):
        came[movement.purpose] = came.get(movement.purpose, 0) + movement.amount_fen
    if movement.to_account == "reallocated":
        came[movement.purpose] = came.get(movement.purpose, 0) - movement.amount_fen


def _corrected(came: dict[str, int], movement: Movement) -> None:
    """What a correction says was received after all, or was not."""
    sign = 1 if movement.from_account == "received" else -1
    came[movement.purpose] = came.get(movement.purpose, 0) + sign * movement.amount_fen


def _move(held: dict[str, int], movement: Movement) -> None:
    sides = (
        (movement.from_account, movement.from_place, -movement.amount_fen),
        (movement.to_account, movement.to_place, movement.amount_fen),
    )
    for account, place, fen in sides:
        key = _standing(movement, account, place)
        total = held.get(key, 0) + fen
        if total:
            held[key] = total
        else:
            held.pop(key, None)


def _standing(movement: Movement, account: Account, place: str) -> str:
    project = "" if account in WITHOUT_PROJECT else str(movement.project)
    return _APART.join((movement.purpose, account, project, place))


def _wrong(fact: LotFact, came: Mapping[str, int], held: Mapping[str, int]) -> Numbers | None:
    if strange := [str(move.lot) for move in fact.movements if move.lot != fact.lot]:
        return {"moved_lot": strange[0]}
    buckets: dict[str, int] = {}
    reallocated_fen = 0
    for key, fen in held.items():
        purpose, account, project, place = key.split(_APART)
        if account == "reallocated":
            reallocated_fen += fen
        elif (fen > 0) == (account in SOURCES):
            where: Numbers = {"purpose": purpose, "account": account, "project": project or None}
            return {**where, "place": place, "amount_fen": fen}
        if account not in SOURCES:
            buckets[purpose] = buckets.get(purpose, 0) + fen
    for purpose in sorted({*came, *buckets}):
        in_fen, held_fen = came.get(purpose, 0), buckets.get(purpose, 0)
        if in_fen != held_fen:
            return {"purpose": purpose, "came_in_fen": in_fen, "held_fen": held_fen}
    return {"reallocated_fen": reallocated_fen} if reallocated_fen else _stated(fact)


def _stated(fact: LotFact) -> Numbers | None:
    """The parts by purpose are the amount of the letter."""
    if not isinstance(fact, LotRegistered):
        return None
    parts_fen = sum(line.amount.amount_fen for line in fact.purposes)
    if parts_fen == fact.amount.amount_fen:
        return None
    return {"amount_fen": fact.amount.amount_fen, "purposes_fen": parts_fen}


ListFact = BatchDeclared | BatchCorrected | SubsidyOrdered | BatchSealed | LinesAnswered


def list_adds_up(state: State, _: Recorded, fact: ListFact) -> tuple[State, Numbers | None]:
    """State: counts and fen declared, ordered line by line, sealed, answered; `grade`."""
    match fact:
        case BatchDeclared():
            declared = {"declared": [fact.count, fact.amount.amount_fen], "grade": fact.grade}
            return {**state, **declared}, None
        case BatchCorrected():
            return {**state, "declared": [fact.count, fact.amount_fen]}, None
        case SubsidyOrdered():
            return {**state, "ordered": _plus(state, "ordered", 1, fact.amount_fen)}, None
        case BatchSealed():
            sealed = [fact.count, fact.amount_fen]
            return {**state, "sealed": sealed}, _unequal(state, str(fact.batch), sealed)
        case LinesAnswered():
            fen = fact.credited_fen + fact.returned_fen
            answered = _plus(state, "answered", fact.credited + fact.returned, fen)
            sealed = state.get("sealed", [0, 0])
            numbers: Numbers | None = None
            if answered[0] > sealed[0] or answered[1] > sealed[1]:
                numbers = {"batch": str(fact.batch), **_told("sealed", sealed)}
                numbers |= _told("answered", answered)
            return {**state, "answered": answered}, numbers


def _plus(state: State, what: str, count: int, fen: int) -> list[int]:
    before: list[int] = state.get(what, [0, 0])
    return [before[0] + count, before[1] + fen]


def _unequal(state: State, batch: str, sealed: list[int]) -> Numbers | None:
    for what in ("declared",) if state.get("grade") == "summary" else ("declared", "ordered"):
        there: list[int] = state.get(what, [0, 0])
        if there != sealed:
            return {"batch": batch, **_told("sealed", sealed), **_told(what, there)}
    return None


def _told(what: str, pair: list[int]) -> Numbers:
    return {what: pair[0], f"{what}_fen": pair[1]}


def _lot(fact: Any) -> str:
    return str(fact.lot)


def _batch(fact: Any) -> str:
    return str(fact.batch)


INVARIANTS = (
    EventInvariant(
        "lots_close",
        "每笔资金每个用途：各账户不为负，合计等于到账与结转",
        lot_closes,
        (
            *(LotRegistered, FundAllocated, FundReallocated, FundReserved),
            *(FundSent, FundPaid, FundReturned, LotCorrected, AllocationCorrected),
        ),
        _lot,
    ),
    EventInvariant(
        "lists_add_up",
        "批次：逐行之和等于申报数与封存数，银行结果不超过封存数",
        list_adds_up,
        (BatchDeclared, BatchCorrected, SubsidyOrdered, BatchSealed, LinesAnswered),
        _batch,
    ),
)
