"""Routes of organisations 单位: register, alias, list."""

from __future__ import annotations

from typing import Annotated
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
from services.households.domain import organisation
from services.households.domain.organisation import (
    Addition,
    AddOrganisationAlias,
    Name,
    RegisterOrganisation,
    Registration,
    name_stream,
    names,
    organisations,
)
from services.households.domain.tree import Area, areas
from services.households.views import register as view

router = APIRouter(tags=["单位"])
Steward = Annotated[Call, Depends(Holds("steward"))]
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "auditor", "steward"))]


class OrganisationRow(BaseModel):
    id: UUID
    name: str
    kind: str
    area: UUID


class OrganisationShown(OrganisationRow):
    aliases: list[str]


class WantedOrganisations(Wanted):
    name: str | None = Field(
        default=None,
        max_length=120,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="名称或别名, 须完全一致",
    )


async def _of_registration(streams: Streams, ask: Ask[RegisterOrganisation]) -> Registration:
    command = ask.command
    return Registration(
        await streams.load(organisations, command.organisation()),
        await streams.load(areas, command.area),
        await streams.load_many(
            names, [name_stream(command.area, name) for name in command.names()]
        ),
    )


async def _of_addition(streams: Streams, ask: Ask[AddOrganisationAlias]) -> Addition:
    known = await streams.load(organisations, ask.subject)
    if known.area is None:
        return Addition(known, Area(), Name())
    return Addition(
        known,
        await streams.load(areas, known.area),
        await streams.load(names, name_stream(known.area, ask.command.alias)),
    )


async def _where_registered(
    _: Knowing, state: Registration, __: Ask[RegisterOrganisation]
) -> Facts:
    return Facts(path=state.area.path_on(today()), ended=state.area.ended_on)


async def _where(_: Knowing, state: Addition, __: Ask[AddOrganisationAlias]) -> Facts:
    return Facts(path=state.area.path_on(today()))


REGISTER = Decider(
    RegisterOrganisation,
    Facts,
    _of_registration,
    _where_registered,
    organisation.register,
    noun="organisation",
)
ADD_ALIAS = Decider(AddOrganisationAlias, Facts, _of_addition, _where, organisation.add_alias)
DECIDERS = (REGISTER, ADD_ALIAS)


@router.post("/organisations", status_code=201, response_model=Made, summary="登记单位")
async def register(command: RegisterOrganisation, call: Steward) -> Response:
    """同一区域内, 一个名称或别名只能指一个单位。"""
    return await call.execute(REGISTER, command, location="/api/v1/households/organisations/{id}")


@router.post(
    "/organisations/{id}/aliases", status_code=201, response_model=Made, summary="登记单位别名"
)
async def add_alias(id: UUID, command: AddOrganisationAlias, call: Steward) -> Response:
    return await call.execute(ADD_ALIAS, command, id)


@router.get("/organisations", response_model=Page[OrganisationRow], summary="单位列表")
async def list_organisations(
    call: Anyone, wanted: Annotated[WantedOrganisations, Query()]
) -> Response:
    """按编号顺序；`name` 可以是别名。"""
    scope = await scope_of(call, wanted)
    rows = await view.organisations(call.log.pool, scope, wanted.name, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/organisations/{id}", response_model=OrganisationShown, summary="单位")
async def get_organisation(id: UUID, call: Anyone) -> Response:
    return await show(call, organisations, id, lambda state: state.area, plain)
