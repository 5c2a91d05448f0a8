"""How an allocation 安排 is corrected 更正: what is wrong goes back and is arranged anew.

Both by movements, in one request, of what still lies there: what is held for a list, sent or paid
has moved on and comes back by its own way first (F1). Purpose and day are those of another
allocation: this one is taken back, and that one made.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from libs.events.amount import AmountTyped
from libs.events.contracts.allocations import AllocationCorrected, ProjectFundingChanged
from libs.events.contracts.money import Movement
from libs.events.correction import (
    Changes,
    Correct,
    Correctable,
    barred,
    body_of,
    corrected,
    derived,
    why,
)
from libs.events.decider import Decision
from libs.events.errors import Refused
from libs.events.types import Day, Event

from .balances import held, moved
from .document import Document, require_registered
from .lot import (
    Allocation,
    AllocationFacts,
    InsufficientLot,
    Lot,
    in_treasury,
    known,
    require_suits,
)
from .project import Project, require_fundable

ANOTHER = "请先将本次安排的金额更正为 null 收回，再按正确的内容另行安排"


class AllocationChanges(Changes):
    """更正一次安排的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"amount", "document"})

    project: UUID | SkipJsonSchema[None] = None
    amount: AmountTyped | None = Field(default=None, description="null: 收回本次安排")
    document: UUID | None = None
    purpose: str | SkipJsonSchema[None] = barred(ANOTHER)
    effective_on: Day | SkipJsonSchema[None] = barred(ANOTHER)

    def says(self) -> dict[str, Any]:
        told = super().says()
        if "amount" in told:
            told["amount"] = None if self.amount is None else self.amount.read().amount_fen
        return told


class CorrectAllocation(Correct):
    """更正一次资金安排。只动尚在项目账上、未冻结未支付的资金。"""

    allocation: int = Field(ge=1, le=1_000_000, description="第几次安排，从 1 起")
    changes: AllocationChanges


class NoSuchAllocation(Refused):
    """没有这一次安排：第 {allocation} 次，该资金共安排 {count} 次。"""


class AllocationMovedOn(Refused):
    """安排的资金已经动用：须收回 {needed_fen}，尚有 {available_fen}，差 {short_fen}；请先退回。"""


class Rearranging(NamedTuple):
    """A lot, the project that the money is to go to, and the letter that is to be named."""

    lot: Lot
    project: Project
    letter: Document | None


class Way(NamedTuple):
    """Fen that go back from where they were, and fen that go to where they should be."""

    back_fen: int
    forth_fen: int


def _says(one: Allocation) -> dict[str, Any]:
    return {
        "project": str(one.project),
        "amount": one.amount_fen or None,
        "document": None if one.document is None else str(one.document),
    }


ALLOCATION = Correctable(_says, frozenset({"amount", "project"}))


def correct_allocation(
    state: Rearranging, command: CorrectAllocation, facts: AllocationFacts
) -> Decision:
    """F1, F2: what goes back still lies with the project, what goes anew lies unallocated then."""
    lot = state.lot
    id_, area = known(lot)
    one = allocation_of(lot, command.allocation)
    changes = ALLOCATION.changes(one, command, command.changes)
    now = corrected(_says(one), changes)
    number = _suits(state, one, now, facts)
    movements = _movements(lot, one, state.project, _way(one, now))
    after = moved(lot.balances, movements)
    event = AllocationCorrected(
        **why(area, command, changes),
        lot=id_,
        allocation=command.allocation,
        project=UUID(now["project"]),
        document=None if now["document"] is None else UUID(now["document"]),
        amount_fen=now["amount"] or 0,
        movements=movements,
    )
    unallocated = f"unallocated.{one.purpose}"
    free = {unallocated: held(lot.balances, "unallocated", one.purpose)}
    then = {unallocated: held(after, "unallocated", one.purpose)}
    body = body_of(id_, changes, derived(free, then))
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,), **_mirrored(lot, movements)}
    return Decision(events, body, command.document or number)


def allocation_of(lot: Lot, nth: int) -> Allocation:
    """Raises: NoSuchAllocation."""
    if nth > len(lot.allocations):
        raise NoSuchAllocation(allocation=nth, count=len(lot.allocations))
    return lot.allocations[nth - 1]


def _suits(
    state: Rearranging, one: Allocation, now: dict[str, Any], facts: AllocationFacts
) -> str | None:
    """The letter's number. Raises: what an allocation of the same would."""
    if now["project"] != str(one.project):
        require_fundable(state.project)
        require_suits(state.lot, state.project, one.purpose, facts)
    if state.letter is None or now["document"] is None:
        return None
    return require_registered(state.letter, UUID(now["document"])).number


def _way(one: Allocation, now: dict[str, Any]) -> Way:
    fen = now["amount"] or 0
    if now["project"] != str(one.project):
        return Way(one.amount_fen, fen)
    return Way(max(0, one.amount_fen - fen), max(0, fen - one.amount_fen))


def _movements(lot: Lot, one: Allocation, to: Project, way: Way) -> tuple[Movement, ...]:
    """Raises: AllocationMovedOn, InsufficientLot."""
    there = held(lot.balances, "allocated", one.purpose, one.project)
    if way.back_fen > there:
        short_fen = way.back_fen - there
        raise AllocationMovedOn(needed_fen=way.back_fen, available_fen=there, short_fen=short_fen)
    free = held(lot.balances, "unallocated", one.purpose) + way.back_fen
    if way.forth_fen > free:
        needed_fen, short_fen = way.forth_fen, way.forth_fen - free
        raise InsufficientLot(
            purpose=one.purpose, needed_fen=needed_fen, available_fen=free, short_fen=short_fen
        )
    back = in_treasury(lot, one.purpose, one.project, ("allocated", "unallocated"), way.back_fen)
    forth = in_treasury(lot, one.purpose, to.id, ("unallocated", "allocated"), way.forth_fen)
    return tuple(movement for movement in (back, forth) if movement.amount_fen)


def _mirrored(lot: Lot, movements: tuple[Movement, ...]) -> dict[UUID, tuple[Event, ...]]:
    """The projects' side: what each has more or less of the lot."""
    id_, area = known(lot)
    more = {
        movement.project: movement.amount_fen * (1 if movement.to_account == "allocated" else -1)
        for movement in movements
        if movement.project is not None
    }
    return {
        project: (
            ProjectFundingChanged(
                area=area,
                project=project,
                lot=id_,
                level=lot.level,
                batch=lot.batch,
                purpose=movements[0].purpose,
                more_fen=fen,
            ),
        )
        for project, fen in more.items()
    }
