"""Drawing lots: which fen of which lot pay for what, in the order of the policy (dossier F4).

Nothing is picked in silence: the order is the policy's, every draw names its lot, and draws of the
parts of a list are cut from the draws of the whole, so that parts sum exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from uuid import UUID

from libs.events.contracts.money import Account, Draw, Movement
from libs.events.errors import Refused

from .balances import held
from .lot import InsufficientLot, Lot, PurposeNotAllowed, known
from .policy import DrawPolicy
from .project import FundedBy, Project, require_fundable


@dataclass(frozen=True, slots=True)
class Places:
    """Where money is once it left the treasury: at which bank, with whom."""

    bank: str
    payee: str

    @classmethod
    def of(cls, bank: UUID | None, payee: UUID) -> Places:
        return cls("bank" if bank is None else f"bank:{bank}", f"payee:{payee}")


class DrawOrderDiffers(Refused):
    """指定的资金与支出顺序不符：按顺序应为 {expected}。"""


@dataclass(frozen=True, slots=True)
class Purse:
    """What a project may draw from: its lots with their states, and the policy that orders them:
    that of the nearest area above the project that has one."""

    project: Project
    lots: Mapping[UUID, Lot]
    policy: DrawPolicy

    def in_order(self, day: date) -> list[FundedBy]:
        """The project's lots, first drawn first: by level as the policy says, then by batch."""
        levels = self.policy.on(day).levels
        rank = {level: place for place, level in enumerate(levels)}
        return sorted(
            self.project.funded, key=lambda giver: (rank[giver.level], giver.batch, giver.lot)
        )

    def draw(self, fen: int, day: date, named: Sequence[tuple[UUID, int]] = ()) -> tuple[Draw, ...]:
        """Draw allocated fen; lots that the caller named must be those that the policy draws.

        Raises: NotInLibrary, NoDrawPolicy, PurposeNotAllowed, InsufficientLot, DrawOrderDiffers.
        """
        project = require_fundable(self.project)
        self._require_purpose(named)
        draws = self._in_order(fen, day, project)
        if named and list(named) != [(draw.lot, draw.amount_fen) for draw in draws]:
            expected = "，".join(f"{draw.lot} {draw.amount_fen} 分" for draw in draws)
            raise DrawOrderDiffers(expected=expected)
        return draws

    def _in_order(self, fen: int, day: date, project: UUID) -> tuple[Draw, ...]:
        purpose = self.project.purpose
        draws, missing = [], fen
        for giver in self.in_order(day):
            there = held(self.lots[giver.lot].balances, "allocated", purpose, project)
            taken = min(there, missing)
            if taken:
                draws.append(Draw(lot=giver.lot, purpose=purpose, amount_fen=taken))
                missing -= taken
        if missing:
            raise InsufficientLot(
                purpose=purpose, needed_fen=fen, available_fen=fen - missing, short_fen=missing
            )
        return tuple(draws)

    def _require_purpose(self, named: Sequence[tuple[UUID, int]]) -> None:
        for lot, _ in named:
            purposes = {standing.purpose for standing in self.lots[lot].balances}
            if self.project.purpose not in purposes:
                raise PurposeNotAllowed(
                    purpose="、".join(sorted(purposes)), needed=self.project.purpose
                )


def cut(draws: Sequence[Draw], start_fen: int, fen: int) -> tuple[Draw, ...]:
    """The draws of the fen [start, start + fen) of a whole whose draws are given."""
    parts, passed = [], 0
    for draw in draws:
        low = max(start_fen, passed)
        high = min(start_fen + fen, passed + draw.amount_fen)
        if low < high:
            parts.append(Draw(lot=draw.lot, purpose=draw.purpose, amount_fen=high - low))
        passed += draw.amount_fen
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Way:
    """From which account to which, and so from which place to which."""

    from_account: Account
    to_account: Account

    def place(self, account: Account, lot: Lot, places: Places) -> str:
        return {"in_flight": places.bank, "paid": places.payee}.get(account, lot.treasury)


@dataclass(frozen=True, slots=True)
class Share:
    """Fen of one lot for one area (or none), and how many lines they pay."""

    draw: Draw
    area: UUID | None = None
    lines: int | None = None


def movements(
    purse: Purse, way: Way, places: Places, shares: Iterable[Share]
) -> dict[UUID, tuple[Movement, ...]]:
    """Movements of the project's money by lot, in the order of the shares' lots."""
    ordered = sorted(shares, key=lambda share: (share.draw.lot, share.area or UUID(int=0)))
    return {
        lot: tuple(_movement(purse, way, places, share) for share in of_lot)
        for lot, of_lot in groupby(ordered, key=lambda share: share.draw.lot)
    }


def _movement(purse: Purse, way: Way, places: Places, share: Share) -> Movement:
    lot = purse.lots[share.draw.lot]
    return Movement(
        lot=known(lot)[0],
        purpose=share.draw.purpose,
        project=purse.project.id,
        from_account=way.from_account,
        to_account=way.to_account,
        from_place=way.place(way.from_account, lot, places),
        to_place=way.place(way.to_account, lot, places),
        amount_fen=share.draw.amount_fen,
        area=share.area,
        lines=share.lines,
    )
