"""Routes of lots 资金来源: register, allocate, change of use, balance."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.contracts.money import Account, Level
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.funds.domain import lot, reallocation
from services.funds.domain.document import Document, documents
from services.funds.domain.lot import (
    AllocateFund,
    AllocationFacts,
    Lot,
    RegisterLot,
    lots,
)
from services.funds.domain.project import Project, projects
from services.funds.domain.reallocation import ReallocateFund

from .purse import new_in, path_of

router = APIRouter(tags=["资金"])
Clerk = Annotated[Call, Depends(Holds("clerk", "finance"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]


class Balance(BaseModel):
    purpose: str
    project: UUID | None
    account: Account
    place: str
    amount_fen: int


class LotShown(BaseModel):
    """A lot with where every fen of it stands; per purpose the balances sum to zero."""

    id: UUID
    area: UUID
    level: Level
    year: int
    fund_name: str
    batch: str
    amount_fen: int
    balances: list[Balance]


async def _of_registration(streams: Streams, ask: Ask[RegisterLot]) -> tuple[Lot, Document]:
    command = ask.command
    known = await streams.load(lots, command.lot())
    return known, await streams.load(documents, command.document)


async def _where_registered(known: Knowing, _: Any, ask: Ask[RegisterLot]) -> Facts:
    return await new_in(known, ask.command.area)


async def _of_allocation(
    streams: Streams, ask: Ask[AllocateFund]
) -> tuple[Lot, Project, Document | None]:
    known = await streams.load(lots, ask.subject)
    project = await streams.load(projects, ask.command.project)
    if ask.command.document is None:
        return known, project, None
    return known, project, await streams.load(documents, ask.command.document)


async def _of_reallocation(streams: Streams, ask: Ask[ReallocateFund]) -> tuple[Lot, Document]:
    known = await streams.load(lots, ask.subject)
    return known, await streams.load(documents, ask.command.document)


async def _where_lot_is(known: Knowing, state: tuple[Any, ...], _: Ask[Any]) -> Facts:
    return Facts(path=await path_of(known, state[0].area))


async def _where_both_are(
    known: Knowing, state: tuple[Lot, Project, Any], _: Ask[AllocateFund]
) -> AllocationFacts:
    lot, project = state[:2]
    return AllocationFacts(
        path=await path_of(known, lot.area),
        project=() if project.area is None else await known.path(project.area),
        home=None if lot.area is None else await known.home(lot.area),
    )


def _typed(_: Any, command: RegisterLot | AllocateFund | ReallocateFund) -> int:
    return command.amount.read().amount_fen


REGISTER = Decider(
    RegisterLot,
    Facts,
    _of_registration,
    _where_registered,
    lot.register,
    keeps_key=True,
    noun="lot",
    amount=_typed,
)
ALLOCATE = Decider(
    AllocateFund,
    AllocationFacts,
    _of_allocation,
    _where_both_are,
    lot.allocate,
    keeps_key=True,
    amount=_typed,
)
REALLOCATE = Decider(
    ReallocateFund,
    Facts,
    _of_reallocation,
    _where_lot_is,
    reallocation.reallocate,
    keeps_key=True,
    amount=_typed,
)
DECIDERS = (REGISTER, ALLOCATE, REALLOCATE)


@router.post("/lots", status_code=201, response_model=Made, summary="登记到账资金")
async def register(command: RegisterLot, call: Clerk) -> Response:
    """同一区域、年度、级次、资金名称与批次只登记一次；用途分项之和须等于总额。"""
    return await call.execute(REGISTER, command, location="/api/v1/funds/lots/{id}")


@router.post(
    "/lots/{id}/allocations", status_code=201, response_model=Made, summary="安排资金到项目"
)
async def allocate(id: UUID, command: AllocateFund, call: Clerk) -> Response:
    """不改变用途；项目须已入库；余额不足返回 409 与差额。"""
    return await call.execute(ALLOCATE, command, id)


@router.post(
    "/lots/{id}/reallocations", status_code=201, response_model=Made, summary="凭批复调整用途"
)
async def reallocate(id: UUID, command: ReallocateFund, call: Clerk) -> Response:
    """只动尚未安排的资金；须有批复文件。"""
    return await call.execute(REALLOCATE, command, id)


@router.get("/lots/{id}", response_model=LotShown, summary="资金与余额")
async def get_lot(id: UUID, call: Anyone) -> Response:
    return await show(call, lots, id, lambda state: state.area, _shown)


def _shown(state: Lot) -> dict[str, Any]:
    """The lot with its balances as rows, ordered; fen by purpose, project, account and place."""
    rows = [
        {
            "purpose": standing.purpose,
            "project": None if standing.project is None else str(standing.project),
            "account": standing.account,
            "place": standing.place,
            "amount_fen": fen,
        }
        for standing, fen in sorted(state.balances.items(), key=lambda item: str(item[0]))
    ]
    return {
        "id": str(state.id),
        "area": str(state.area),
        "level": state.level,
        "year": state.year,
        "fund_name": state.fund_name,
        "batch": state.batch,
        "amount_fen": state.amount_fen,
        "balances": rows,
    }
