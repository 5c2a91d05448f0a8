"""Route of lists of users 用户名单, as a sheet has them: units by name, areas by code."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from libs.chassis.call import Call, Holds
from libs.chassis.shapes import Made
from libs.events.decider import Ask, Decider, Knowing, Streams
from libs.events.reference import reference
from libs.events.types import Command, Day
from services.households.domain import user_list
from services.households.domain.area import Code
from services.households.domain.grant import INCOMPATIBLE, ROLES, RoleName
from services.households.domain.organisation import OrganisationName, organisations
from services.households.domain.user import Post, Subject, user_stream, users
from services.households.domain.user_list import (
    LARGEST_LIST,
    ImportUsers,
    ListFacts,
    UserList,
    UserRow,
)
from services.households.views import directory as view

router = APIRouter(tags=["用户"])
Security = Annotated[Call, Depends(Holds("security"))]


class UserLine(BaseModel):
    """A line of the sheet: one role of one user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Subject
    unit: OrganisationName = Field(description="单位名称或别名, 在该区域或其上级登记")
    post: Post
    role: RoleName
    area_code: Code
    valid_from: Day
    valid_until: Day | None = None

    @field_validator("valid_until")
    @classmethod
    def _not_backwards(cls, until: date | None, told: ValidationInfo) -> date | None:
        since = told.data.get("valid_from")
        if until is not None and since is not None and until < since:
            raise ValueError("末日不能早于首日")
        return until


class EnterUsers(Command):
    """导入用户名单: 未登记的登记, 并按行授予角色; 全部成功或全部不登记。再次导入不起作用。"""

    area: UUID = Field(description="名单所属区域; 各行都须在其内")
    rows: tuple[UserLine, ...] = Field(min_length=1, max_length=LARGEST_LIST)


class UsersImported(Made):
    """How many were new, and how many grants."""

    registered: int
    granted: int


async def _gather(streams: Streams, ask: Ask[ImportUsers]) -> UserList:
    rows = ask.command.rows
    people = sorted({user_stream(row.subject) for row in rows})
    units = sorted({row.unit for row in rows})
    return UserList(
        dict(zip(people, await streams.load_many(users, people), strict=True)),
        dict(zip(units, await streams.load_many(organisations, units), strict=True)),
        await reference(streams, ROLES.name),
        await reference(streams, INCOMPATIBLE.name),
        ask.actor.id,
    )


async def _where(known: Knowing, _: UserList, ask: Ask[ImportUsers]) -> ListFacts:
    wanted = {row.area for row in ask.command.rows}
    paths = {str(area): await known.path(area) for area in wanted}
    return ListFacts(path=await known.path(ask.command.area), paths=paths)


IMPORT = Decider(ImportUsers, ListFacts, _gather, _where, user_list.import_)
DECIDERS = (IMPORT,)


@router.post("/users/lists", status_code=201, response_model=UsersImported, summary="导入用户名单")
async def import_users(typed: EnterUsers, call: Security) -> Response:
    """单位以名称、区域以代码指明；查无此名的，逐行列出。"""
    rows = [await _resolved(call, number, row) for number, row in enumerate(typed.rows)]
    faults = [fault for _, found in rows for fault in found]
    if faults:
        raise RequestValidationError(faults)
    command = ImportUsers(
        occurred_on=typed.occurred_on,
        effective_on=typed.effective_on,
        area=typed.area,
        rows=tuple(UserRow.model_validate(row) for row, _ in rows),
    )
    return await call.execute(IMPORT, command)


async def _resolved(
    call: Call, number: int, row: UserLine
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row with ids in place of code and name, and what is wrong with it."""
    area = await view.area_of(call.log.pool, row.area_code)
    path = () if area is None else await call.log.known.path(area)
    unit = await view.unit_of(call.log.pool, path, row.unit)
    faults = []
    if area is None:
        faults.append(_fault(number, "area_code", "没有这个区域代码"))
    elif unit is None:
        faults.append(_fault(number, "unit", "该区域及其上级没有这个单位"))
    told = row.model_dump(exclude={"area_code"}) | {"unit": unit, "area": area}
    return told, faults


def _fault(number: int, field: str, says: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": ("body", "rows", number, field), "msg": says}
