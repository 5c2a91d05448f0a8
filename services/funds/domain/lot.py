"""A lot 资金来源: one receipt of money by one document from one level, and where its fen lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.events.amount import AmountTyped
from libs.events.contracts import funds
from libs.events.contracts.allocations import AllocationCorrected
from libs.events.contracts.funds import FundAllocated, FundReallocated, LotRegistered, PurposeLine
from libs.events.contracts.money import Account, Level, Movement
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .balances import Balances, held, moved, within_place
from .document import Document, require_registered
from .lot_key import require_free
from .project import Project, Purpose, require_fundable

FundName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
BatchText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
RECEIVED: tuple[Account, Account] = ("received", "unallocated")


class PurposeTyped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: Purpose
    amount: AmountTyped


class RegisterLot(Command):
    """登记一笔到账资金。编号由区域、年度、级次、资金名称与批次决定，重复登记会被拒绝。"""

    area: UUID
    level: Level
    year: int = Field(ge=2013, le=2100)
    fund_name: FundName
    batch: BatchText
    document: UUID
    amount: AmountTyped
    purposes: tuple[PurposeTyped, ...] = Field(min_length=1, max_length=50)

    def lot(self) -> UUID:
        return lot_stream(self.area, self.year, self.level, self.fund_name, self.batch)


class AllocateFund(Command):
    """把资金安排给项目，不改变用途。"""

    project: UUID
    purpose: Purpose
    amount: AmountTyped
    document: UUID | None = None


def lot_stream(area: UUID, year: int, level: Level, fund_name: str, batch: str) -> UUID:
    """A fund name in a use line is never a second receipt: its lot has this id (dossier F5)."""
    return stream_id("lot", str(area), str(area), str(year), level, fund_name, batch)


def treasury(area: UUID) -> str:
    return f"treasury:{area}"


class LotNotRegistered(Refused):
    """资金未登记。"""


class PurposesDiffer(Refused):
    """用途分项之和不等于总额：分项合计 {parts_fen}，总额 {amount_fen}。"""


class PurposeNotAllowed(Refused):
    """用途不符：用途为 {purpose} 的资金不能用于用途为 {needed} 的项目。"""


class InsufficientLot(Refused):
    """资金余额不足：用途 {purpose} 需要 {needed_fen}，可用 {available_fen}，还差 {short_fen}。"""


class ProjectElsewhere(Refused):
    """项目不在该资金的区域之内：资金区域 {lot_area}，项目区域 {project_area}。"""


class Allocation(NamedTuple):
    """What one allocation says, as corrected."""

    project: UUID
    purpose: str
    document: UUID | None
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Lot:
    """What the lot's stream says."""

    id: UUID | None = None
    area: UUID | None = None
    level: Level = "county"
    year: int = 0
    fund_name: str = ""
    batch: str = ""
    amount_fen: int = 0
    document: UUID | None = None
    balances: Balances = field(default_factory=dict)
    allocations: tuple[Allocation, ...] = ()

    @property
    def treasury(self) -> str:
        return treasury(known(self)[1])


def register(state: tuple[Lot, Document], command: RegisterLot, _: Facts) -> Decision:
    """Capability 1. The parts by purpose sum to the amount exactly, or nothing is registered."""
    known_lot, document = state
    require_free(known_lot, (command.year, command.level, command.fund_name, command.batch))
    require_registered(document, command.document)
    amount = command.amount.read()
    lines = tuple(PurposeLine(purpose=p.purpose, amount=p.amount.read()) for p in command.purposes)
    parts_fen = sum(line.amount.amount_fen for line in lines)
    if parts_fen != amount.amount_fen:
        raise PurposesDiffer(parts_fen=parts_fen, amount_fen=amount.amount_fen)
    event = LotRegistered(
        lot=command.lot(),
        area=command.area,
        level=command.level,
        year=command.year,
        fund_name=command.fund_name,
        batch=command.batch,
        document=command.document,
        amount=amount,
        purposes=lines,
        movements=tuple(_received(command.lot(), command.area, line) for line in lines),
    )
    return Decision({command.lot(): (event,)}, {"id": str(command.lot())}, document.number)


def _received(lot: UUID, area: UUID, line: PurposeLine) -> Movement:
    fen, place = line.amount.amount_fen, treasury(area)
    return within_place(lot, line.purpose, way=RECEIVED, fen=fen, place=place)


class AllocationFacts(Facts, frozen=True, kw_only=True):
    """`project`: where the project's area stands today. `home`: the area that answers for the lot
    today, its own or the one into which that was merged."""

    project: tuple[UUID, ...] = ()
    home: UUID | None = None


def allocate(
    state: tuple[Lot, Project, Document | None], command: AllocateFund, facts: AllocationFacts
) -> Decision:
    """F1: never more than lies unallocated; within a purpose; to a project in the library, of the
    lot's own area or below it, as it was proposed or as areas are today: money comes down, never
    across."""
    lot, project, document = state
    lot_id, area = known(lot)
    project_id = require_fundable(project)
    if document is not None and command.document is not None:
        require_registered(document, command.document)
    require_suits(lot, project, command.purpose, facts)
    fen = command.amount.read().amount_fen
    require_held(lot, "unallocated", command.purpose, None, fen)
    movement = in_treasury(lot, command.purpose, project_id, ("unallocated", "allocated"), fen)
    allocated = FundAllocated(
        area=area,
        lot=lot_id,
        project=project_id,
        document=command.document,
        movements=(movement,),
    )
    mirrored = funds.ProjectFunded(
        area=area,
        project=project_id,
        lot=lot_id,
        level=lot.level,
        batch=lot.batch,
        purpose=command.purpose,
        amount_fen=fen,
    )
    number = None if document is None else document.number
    return Decision({lot_id: (allocated,), project_id: (mirrored,)}, {"id": str(lot_id)}, number)


def require_suits(lot: Lot, project: Project, purpose: str, facts: AllocationFacts) -> None:
    """Raises: PurposeNotAllowed, ProjectElsewhere."""
    _, area = known(lot)
    if purpose != project.purpose:
        raise PurposeNotAllowed(purpose=purpose, needed=project.purpose)
    if area not in project.path and facts.home not in facts.project:
        raise ProjectElsewhere(lot_area=str(area), project_area=str(project.area))


def known(lot: Lot) -> tuple[UUID, UUID]:
    """Id and area of a registered lot. Raises: LotNotRegistered."""
    if lot.id is None or lot.area is None:
        raise LotNotRegistered()
    return lot.id, lot.area


def area_of(lot: Lot) -> UUID:
    return known(lot)[1]


def require_held(lot: Lot, account: Account, purpose: str, project: UUID | None, fen: int) -> None:
    """Raises: InsufficientLot with what is needed, what is there and what is missing."""
    available = held(lot.balances, account, purpose, project)
    if fen > available:
        raise InsufficientLot(
            purpose=purpose, needed_fen=fen, available_fen=available, short_fen=fen - available
        )


def in_treasury(
    lot: Lot, purpose: str, project: UUID | None, way: tuple[Account, Account], fen: int
) -> Movement:
    """A movement between accounts that leaves the money in the lot's treasury."""
    return within_place(known(lot)[0], purpose, project, way=way, fen=fen, place=lot.treasury)


def evolve(state: Lot, event: Event) -> Lot:
    match event:
        case LotRegistered():
            return _registered(event)
        case funds.LotCorrected():
            return replace(
                state,
                level=event.level,
                year=event.year,
                fund_name=event.fund_name,
                batch=event.batch,
                amount_fen=event.amount_fen,
                document=event.document,
                balances=moved(state.balances, event.movements),
            )
        case funds.KeyTaken():
            return replace(state, id=event.by)
        case FundAllocated():
            arranged = _arranged(event.movements[0], event.document)
            after = moved(state.balances, event.movements)
            return replace(state, balances=after, allocations=(*state.allocations, arranged))
        case AllocationCorrected():
            return _rearranged(state, event)
        case (
            FundReallocated()
            | funds.FundReserved()
            | funds.FundSent()
            | funds.FundPaid()
            | funds.FundReturned()
        ):
            return replace(state, balances=moved(state.balances, event.movements))
        case _:
            return state


def _registered(event: LotRegistered) -> Lot:
    return Lot(
        event.lot,
        event.area,
        event.level,
        event.year,
        event.fund_name,
        event.batch,
        event.amount.amount_fen,
        event.document,
        moved({}, event.movements),
    )


def _arranged(movement: Movement, document: UUID | None) -> Allocation:
    assert movement.project is not None, "what is allocated names its project"
    return Allocation(movement.project, movement.purpose, document, movement.amount_fen)


def _rearranged(state: Lot, event: AllocationCorrected) -> Lot:
    nth = event.allocation - 1
    purpose = state.allocations[nth].purpose
    now = Allocation(event.project, purpose, event.document, event.amount_fen)
    allocations = (*state.allocations[:nth], now, *state.allocations[nth + 1 :])
    return replace(state, balances=moved(state.balances, event.movements), allocations=allocations)


lots: Fold[Lot] = Fold("lot", Lot(), evolve)
