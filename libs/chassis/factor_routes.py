"""Routes of the second factor 二次验证: one enrols oneself, in the service whose approvals ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from libs.events import second_factors as rules
from libs.events.canonical import canonical
from libs.events.second_factors import ConfirmSecondFactor, DropSecondFactor, EnrolSecondFactor

from .auth import ROLES
from .call import Call, Holds
from .second_factor import HEADER, SecondFactorAwayError, SecondFactors
from .shapes import Made

router = APIRouter(tags=["二次验证"])
Anyone = Annotated[Call, Depends(Holds(*ROLES, rehearsed=False))]
"""Enrolling and confirming write secrets, which are no events."""
Security = Annotated[Call, Depends(Holds("security"))]


class Enrolled(Made):
    """With what an authenticator app reads."""

    uri: str | None = Field(description="otpauth 地址，只给出一次；重复请求时为 null")


def factors_of(call: Call) -> SecondFactors:
    """Raises: SecondFactorAwayError where the installation keeps none."""
    factors: SecondFactors | None = call.request.app.state.second_factors
    if factors is None:
        raise SecondFactorAwayError("本安装没有配置二次验证")
    return factors


@router.post("/second-factors", status_code=201, response_model=Enrolled, summary="启用二次验证")
async def enrol(command: EnrolSecondFactor, call: Anyone) -> Response:
    """以 `confirmations` 确认后生效；已启用的，须先由安全管理员停用。"""
    if await call.first_answer() is not None:
        return _with_uri(await call.execute(rules.ENROL, command), None)
    uri = await factors_of(call).enrol(call.caller.id, datetime.now(UTC))
    return _with_uri(await call.execute(rules.ENROL, command), uri)


def _with_uri(told: Response, uri: str | None) -> Response:
    if told.status_code != 201:
        return told
    headers = {**told.headers, "cache-control": "no-store"}
    headers.pop("content-length", None)
    body = canonical({**json.loads(bytes(told.body)), "uri": uri})
    return Response(body, 201, headers, media_type="application/json")


@router.post(
    "/second-factors/confirmations", status_code=201, response_model=Made, summary="确认二次验证"
)
async def confirm(command: ConfirmSecondFactor, call: Anyone) -> Response:
    """以请求头 Second-Factor 给出第一个动态口令。"""
    known = await call.first_answer()
    if known is not None:
        return known
    code = call.request.headers.get(HEADER, "")
    await factors_of(call).confirm(call.caller.id, code, call.key(), datetime.now(UTC))
    return await call.execute(rules.CONFIRM, command)


@router.post("/second-factors/drops", status_code=201, response_model=Made, summary="停用二次验证")
async def drop(command: DropSecondFactor, call: Security) -> Response:
    """停用后由本人重新启用。仅全库权限的安全管理员。"""
    factors = factors_of(call)
    told = await call.execute(rules.DROP, command)
    if told.status_code == 201:
        await factors.drop(command.person)
    return told
