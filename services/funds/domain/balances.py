"""Where fen lie: balances by purpose, project, account and place, moved by double entry.

The source accounts and `unallocated` belong to no project; every other account does. Per purpose
all accounts together are zero at every version (dossier F2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from libs.events.contracts.money import WITHOUT_PROJECT, Account, Movement


class Standing(NamedTuple):
    """One place where fen of a lot can lie."""

    purpose: str
    project: UUID | None
    account: Account
    place: str


Balances = Mapping[Standing, int]
"""Fen by standing; no zeros. Sources stand below zero."""


def within_place(
    lot: UUID,
    purpose: str,
    project: UUID | None = None,
    *,
    way: tuple[Account, Account],
    fen: int,
    place: str,
) -> Movement:
    """A movement between accounts that leaves the money where it lies."""
    return Movement(
        lot=lot,
        purpose=purpose,
        project=project,
        from_account=way[0],
        to_account=way[1],
        from_place=place,
        to_place=place,
        amount_fen=fen,
        area=None,
        lines=None,
    )


def moved(balances: Balances, movements: Iterable[Movement]) -> Balances:
    """The balances after movements, in order."""
    after = dict(balances)
    for movement in movements:
        _add(
            after,
            _standing(movement, movement.from_account, movement.from_place),
            -movement.amount_fen,
        )
        _add(
            after, _standing(movement, movement.to_account, movement.to_place), movement.amount_fen
        )
    return after


def _standing(movement: Movement, account: Account, place: str) -> Standing:
    project = None if account in WITHOUT_PROJECT else movement.project
    return Standing(movement.purpose, project, account, place)


def _add(balances: dict[Standing, int], standing: Standing, fen: int) -> None:
    total = balances.get(standing, 0) + fen
    if total:
        balances[standing] = total
    else:
        balances.pop(standing, None)


def held(balances: Balances, account: Account, purpose: str, project: UUID | None = None) -> int:
    """Fen of a purpose (and project) in an account, over all places."""
    return sum(
        fen for standing, fen in balances.items() if standing[:3] == (purpose, project, account)
    )
