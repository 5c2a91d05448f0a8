"""Routes of proposed aliases 别名提议: propose, confirm, reject, list."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.reading import show
from libs.chassis.shapes import Made, Page
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import plain
from services.households.domain import alias
from services.households.domain.alias import (
    ConfirmAlias,
    Of,
    Proposal,
    ProposeAlias,
    Proposing,
    RejectAlias,
    proposals,
)
from services.households.domain.organisation import (
    Name,
    Organisation,
    name_stream,
    names,
    organisations,
)
from services.households.domain.tree import Area, areas
from services.households.views import aliases as view

router = APIRouter(tags=["别名"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]


class ProposalShown(BaseModel):
    """A name that was met, for what it was taken, and what became of it."""

    id: UUID
    area: UUID
    of: Of
    subject: UUID
    alias: str
    met: str
    state: Literal["open", "confirmed", "rejected"]
    reason: str | None


class WantedProposals(Wanted):
    state: Literal["open", "confirmed", "rejected"] = Field(default="open", description="处理状态")


async def _of_proposal(streams: Streams, ask: Ask[ProposeAlias]) -> Proposing:
    command = ask.command
    known = await streams.load(proposals, command.proposal())
    return await _about(streams, known, command.of, command.subject, command.alias)


async def _of_ruling(streams: Streams, ask: Ask[Any]) -> Proposing:
    known = await streams.load(proposals, ask.subject)
    if known.subject is None:
        return Proposing(known, Area(), Organisation(), Name())
    return await _about(streams, known, known.of, known.subject, known.alias)


async def _about(streams: Streams, known: Proposal, of: Of, subject: UUID, named: str) -> Proposing:
    if of == "area":
        return Proposing(known, await streams.load(areas, subject), Organisation(), Name())
    organisation = await streams.load(organisations, subject)
    if organisation.area is None:
        return Proposing(known, Area(), organisation, Name())
    return Proposing(
        known,
        await streams.load(areas, organisation.area),
        organisation,
        await streams.load(names, name_stream(organisation.area, named)),
    )


async def _where(_: Knowing, state: Proposing, __: Ask[Any]) -> Facts:
    return Facts(path=state.area.path_on(today()))


PROPOSE = Decider(ProposeAlias, Facts, _of_proposal, _where, alias.propose)
CONFIRM = Decider(ConfirmAlias, Facts, _of_ruling, _where, alias.confirm)
REJECT = Decider(RejectAlias, Facts, _of_ruling, _where, alias.reject)
DECIDERS = (PROPOSE, CONFIRM, REJECT)


@router.post("/alias-proposals", status_code=201, response_model=Made, summary="提出别名")
async def propose(command: ProposeAlias, call: Clerk) -> Response:
    """写明在何处遇到；确认之前, 按该名称查不到任何区域或单位。"""
    location = "/api/v1/households/alias-proposals/{id}"
    return await call.execute(PROPOSE, command, location=location)


@router.post(
    "/alias-proposals/{id}/confirmations", status_code=201, response_model=Made, summary="确认别名"
)
async def confirm(id: UUID, command: ConfirmAlias, call: Steward) -> Response:
    """与直接登记别名的规则相同：同一区域内一个名称只指一个单位。"""
    return await call.execute(CONFIRM, command, id)


@router.post(
    "/alias-proposals/{id}/rejections", status_code=201, response_model=Made, summary="不采用别名"
)
async def reject(id: UUID, command: RejectAlias, call: Steward) -> Response:
    return await call.execute(REJECT, command, id)


@router.get("/alias-proposals", response_model=Page[ProposalShown], summary="别名提议列表")
async def list_proposals(call: Anyone, wanted: Annotated[WantedProposals, Query()]) -> Response:
    """按编号顺序；缺省只列待确认的。"""
    scope = await scope_of(call, wanted)
    rows = await view.listed(call.log.pool, scope, wanted.state, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/alias-proposals/{id}", response_model=ProposalShown, summary="别名提议")
async def get_proposal(id: UUID, call: Anyone) -> Response:
    return await show(
        call,
        proposals,
        id,
        lambda state: state.area,
        lambda state: {"id": str(id), **plain(state)},
    )
