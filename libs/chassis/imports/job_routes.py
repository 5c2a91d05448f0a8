"""Routes of jobs 任务, the same in every service: look at, cancel, fetch what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Depends, Query, Response
from starlette.responses import StreamingResponse

from libs.events.errors import NotFoundError, Refused
from libs.events.known import below
from libs.events.types import Actor, plain

from ..call import Call, Holds, RefusedCall
from ..common_routes import answer, require_in_scope
from ..files.kinds import XLSX
from ..listing import Wanted, page, scope_of
from ..shapes import Made, Page
from .job_rows import pages_of
from .rights import may_see, named, path_admitted, require_role
from .routes import IMPORT_ROLES
from .shapes import JobShown
from .store import JOB_COLUMNS, get_job
from .told_rows import as_csv, as_json

router = APIRouter(tags=["导入"])
Worker = Annotated[Call, Depends(Holds(*IMPORT_ROLES))]
Anyone = Annotated[Call, Depends(Holds(*IMPORT_ROLES, "auditor", "operator"))]
_FILE = {"schema": {"type": "string", "format": "binary"}}
WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: _FILE}}}
OUTCOME: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: _FILE, "text/csv": _FILE, "application/json": {"schema": {}}}}
}
KEPT_BY_NOBODY = {"cache-control": "private, no-store", "content-disposition": "attachment"}


class NothingTaken(Refused):
    """任务 {number} 没有收下任何一行：请在导入结果中改正后，整张表再导入。"""


@router.get("/jobs", response_model=Page[JobShown], summary="任务列表")
async def list_jobs(call: Anyone, wanted: Annotated[Wanted, Query()]) -> Response:
    """按编号顺序，先提交的在前。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(_LISTED, scope, wanted.cursor, wanted.limit)
    return page([_shown(row) for row in rows], wanted)


@router.get("/jobs/{id}", response_model=JobShown, summary="任务")
async def get(id: UUID, call: Anyone) -> Response:
    """办到第几行；结束后有读取、接受、拒绝、忽略的行数与金额。"""
    return answer(plain(_shown(await _job(call, id))))


@router.post("/jobs/{id}/cancellations", status_code=201, response_model=Made, summary="取消任务")
async def cancel(id: UUID, call: Worker) -> Response:
    """已经收下的行留着；其余的不再办理。"""
    call.key()
    row = await get_job(call.log.pool, id)
    if row is None:
        raise NotFoundError()
    await path_admitted(call, row["area"])
    require_role(call, named(call, row["importer"]))
    await call.log.pool.execute("UPDATE es.jobs SET cancel = true WHERE id = $1", id)
    return answer({"id": str(id)}, 201)


@router.get("/jobs/{id}/outcome", response_class=Response, responses=OUTCOME, summary="导入结果")
async def outcome(
    id: UUID, call: Worker, format: Annotated[Literal["xlsx", "csv", "json"], Query()] = "xlsx"
) -> Response:
    """xlsx：原表加四列，有错的格标红；csv、json：每处问题一行，含工作表、行、列、规则及其版本、行键，
    供程序读取；有人员信息的表不含格中的内容。

    json 的 `proposals`：不认识的地名，照录其一发送即提议为别名，由管理员确认；不会自行合并。
    """
    row = await _seen(call, id)
    if format == "xlsx":
        return _file(call, row["outcome"])
    pages = pages_of(call.log.pool, id, row["phase"])
    if format == "json":
        kind, told = "application/json", as_json(row, pages)
        return StreamingResponse(told, media_type=kind, headers=KEPT_BY_NOBODY)
    kind = "text/csv; charset=utf-8"
    return StreamingResponse(as_csv(row, pages), media_type=kind, headers=KEPT_BY_NOBODY)


@router.get(
    "/jobs/{id}/rejected", response_class=Response, responses=WORKBOOK, summary="被拒绝的行"
)
async def rejected(id: UUID, call: Worker) -> Response:
    """只有表头和没有收下的行；改正后可单独再导入。"""
    row = await _seen(call, id)
    if row["phase"] == "checking" and row["ended_at"] is not None:
        raise RefusedCall(call, NothingTaken(number=row["number"]))
    return _file(call, row["rejected"])


async def _job(call: Call, id_: UUID) -> asyncpg.Record:
    """Raises: NotFoundError, also out of the caller's area."""
    row = await get_job(call.log.pool, id_)
    if row is None:
        raise NotFoundError()
    await require_in_scope(call, row["area"])
    return row


async def _seen(call: Call, id_: UUID) -> asyncpg.Record:
    """What came of its rows. Raises: NotFoundError for those who may not see it."""
    row = await _job(call, id_)
    preparer = msgspec.json.decode(row["actor"], type=Actor)
    if not may_see(call, row["importer"], preparer.id):
        raise NotFoundError()
    return row


def _file(call: Call, digest: str | None) -> Response:
    if digest is None:
        raise NotFoundError()
    content = call.request.app.state.files.open(digest)
    return StreamingResponse(content, media_type=XLSX, headers=KEPT_BY_NOBODY)


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    told = {name: row[name] for name in JOB_COLUMNS}
    counts = None if row["counts"] is None else msgspec.json.decode(row["counts"])
    return {**told, "kind": "import", "counts": counts}


_LISTED = f"""
SELECT j.*, i.importer, i.area FROM es.jobs j JOIN es.imports i ON i.id = j.import
 WHERE ($1::uuid IS NULL OR i.area IN ({below("$1")}))
   AND ($2::uuid IS NULL OR j.number > (SELECT number FROM es.jobs WHERE id = $2))
 ORDER BY j.number LIMIT $3 + 1
"""  # noqa: S608 - constants of the code
