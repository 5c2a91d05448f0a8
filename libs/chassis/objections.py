"""Routes of what rules objected to 例外与拒绝, the same in every service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.events.known import below

from .call import Call, Holds
from .listing import NAME, OPAQUE, Wanted, page, scope_of
from .shapes import Page

router = APIRouter(tags=["例外与拒绝"])
READERS = ("auditor", "steward", "finance", "operator")
Reader = Annotated[Call, Depends(Holds(*READERS))]


class Objected(BaseModel):
    """What a rule objected to, and who had asked, in the role and unit of then."""

    id: UUID
    rule: str
    command: str
    area: UUID | None
    target: UUID | None = Field(description="所涉之物")
    numbers: dict[str, int | str | None]
    actor: str
    role: str
    unit: str
    at: AwareDatetime


class Passed(Objected):
    """It passed: overridden for a reason, or only warned."""

    kind: Literal["override", "warning"]
    reason: str | None
    evidence: str | None = Field(description="证据文件的 SHA-256")


class WantedObjections(Wanted):
    rule: str | None = Field(default=None, pattern=NAME, description="规则名称")
    actor: str | None = Field(default=None, pattern=OPAQUE)


class WantedPassed(WantedObjections):
    kind: Literal["override", "warning"] | None = None


@router.get("/overrides", response_model=Page[Passed], summary="例外放行与提示")
async def list_overrides(call: Reader, wanted: Annotated[WantedPassed, Query()]) -> Response:
    """规则曾经反对而仍然通过的，附理由与证据。"""
    kinds = [wanted.kind] if wanted.kind is not None else ["override", "warning"]
    return page(await _rows(call, kinds, wanted), wanted)


@router.get("/refusals", response_model=Page[Objected], summary="拒绝")
async def list_refusals(call: Reader, wanted: Annotated[WantedObjections, Query()]) -> Response:
    """被规则拒绝的命令；`area` 是经办人的范围。"""
    return page(await _rows(call, ["refusal"], wanted), wanted)


async def _rows(call: Call, kinds: Sequence[str], wanted: WantedObjections) -> list[dict[str, Any]]:
    scope = await scope_of(call, wanted)
    found = await call.log.pool.fetch(
        _OBJECTIONS, scope, kinds, wanted.rule, wanted.actor, wanted.cursor, wanted.limit
    )
    hidden = ("kind", "reason", "evidence") if "refusal" in kinds else ()
    return [
        {k: v for k, v in dict(row).items() if k not in hidden}
        | {"numbers": json.loads(row["numbers"])}
        for row in found
    ]


_OBJECTIONS = f"""
SELECT id, kind, rule, command, area, target, numbers, reason, evidence, actor, role, unit, at
  FROM es.objections
 WHERE ($1::uuid IS NULL OR area IN ({below("$1")}))
   AND kind = ANY ($2)
   AND ($3::text IS NULL OR rule = $3)
   AND ($4::text IS NULL OR actor = $4)
   AND ($5::uuid IS NULL OR id > $5)
 ORDER BY id LIMIT $6 + 1
"""  # noqa: S608 - constants only
