"""Routes of exports 导出: one for each list of a service, and its tasks.

The file is made first, from one snapshot and in flat memory, so that the record of the download
says how many rows and which bytes it was; then it is sent. A slow line holds a file, and no
connection to the database.

Annotations are evaluated here as they are met: the roles of a route are its list's.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from libs.events.clock import today
from libs.events.contracts.exports import Format
from libs.events.errors import BusyError, Refused
from libs.events.exports import EXPORT, ExportList
from libs.events.private import looks_personal

from ..answering import respond
from ..call import Call, Holds, RefusedCall, UnreadableError
from ..common_routes import require_in_scope
from ..files.kinds import XLSX
from ..service import Service
from ..sheets.spool import Spool
from .export import Export, Tell
from .rendering import MOST_ROWS_OF_A_SHEET, Rendered
from .tasks import TASKS

AT_ONCE = 2
"""A process: each holds a connection of the pool while its file is made."""
PART = 500
CHUNK = 1 << 16
MEDIA = {"xlsx": XLSX, "csv": "text/csv", "ndjson": "application/x-ndjson"}
PROFILE = r"^[a-z][a-z0-9_]{0,39}$"
_FILE = {"schema": {"type": "string", "format": "binary"}}


class TooManyRowsForASheet(Refused):
    """行数超过一张工作表所能容纳：至多 {most} 行，请改用 csv 或缩小区域。"""


class AskedExport(BaseModel):
    """Which file."""

    format: Format = "xlsx"
    area: UUID | None = Field(default=None, description="只导出该区域及其下级")


class AskedPersonalExport(AskedExport):
    """Which file, how people's fields are masked in it, and what for."""

    profile: str = Field(pattern=PROFILE, description="脱敏方式")
    purpose: str = Field(
        min_length=2, max_length=200, pattern=r"^\S(.*\S)?$", description="用途，不得含个人信息"
    )


Route = Callable[..., Coroutine[Any, Any, Response]]


def exports_router(service: Service) -> APIRouter:
    """A route for each of its lists."""
    router = APIRouter(tags=["导出"])
    turns = asyncio.Semaphore(AT_ONCE)
    for export in (*service.exports, TASKS):
        router.add_api_route(
            f"/exports/{export.name}",
            _personal(export, turns) if export.personal else _plain(export, turns),
            name=f"export_{export.name}",
            response_class=Response,
            responses={200: {"content": dict.fromkeys(MEDIA.values(), _FILE)}},
            summary=f"导出{export.title}",
            description="xlsx、csv 或 ndjson；每次下载先记录，再发出。",
        )
    return router


def _plain(export: Export, turns: asyncio.Semaphore) -> Route:
    async def route(
        call: Annotated[Call, Depends(Holds(*export.roles))],
        asked: Annotated[AskedExport, Query()],
    ) -> Response:
        return await _download(call, export, asked, turns)

    return route


def _personal(export: Export, turns: asyncio.Semaphore) -> Route:
    async def route(
        call: Annotated[Call, Depends(Holds(*export.roles))],
        asked: Annotated[AskedPersonalExport, Query()],
    ) -> Response:
        if looks_personal(asked.purpose):
            raise UnreadableError("用途中不得含个人信息")
        return await _download(call, export, asked, turns)

    return route


async def _download(
    call: Call, export: Export, asked: AskedExport, turns: asyncio.Semaphore
) -> Response:
    """Raises: NotFoundError, BusyError, RefusedCall."""
    scope = asked.area or call.caller.area
    if scope is not None:
        await require_in_scope(call, scope)
    if turns.locked():
        raise BusyError("正在生成其他导出文件，请稍后再试")
    made = Rendered(export, asked.format)
    try:
        async with turns:
            cut = await _rendered(call, made, scope, await _tell(call, export, asked, scope))
    except BaseException:
        made.spool.close()
        raise
    return await recorded(call, made.spool, export.title, _said(export, asked, scope, made, cut))


async def recorded(call: Call, spool: Spool, title: str, said: ExportList) -> Response:
    """The file, once it is recorded that it goes out. `spool` is closed when it has been sent, or
    is not to be."""
    try:
        answer = await call.record(EXPORT, said)
    except BaseException:
        spool.close()
        raise
    if answer.status >= 400:
        spool.close()
        return respond(call.log, answer)
    headers = _headers(title, said)
    headers["position"] = f"{call.log.service}:{answer.position}"
    return StreamingResponse(_sent(spool), 200, headers, media_type=MEDIA[said.format])


async def _tell(call: Call, export: Export, asked: AskedExport, scope: UUID | None) -> Tell | None:
    if export.opening is None or not isinstance(asked, AskedPersonalExport):
        return None
    return await export.opening(call, asked.profile, scope)


async def _rendered(
    call: Call, made: Rendered, scope: UUID | None, tell: Tell | None
) -> dict[str, int]:
    """All rows of one snapshot; the cut that it stands at. Raises: RefusedCall."""
    export = made.export
    async with (
        call.log.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        cut = await cut_of(call, connection)
        cursor = await connection.cursor(export.sql, scope)
        while rows := await cursor.fetch(PART):
            told = [()] * len(rows) if tell is None else await tell(rows)
            values = [export.values(row, more) for row, more in zip(rows, told, strict=True)]
            await asyncio.to_thread(made.add, values)
            if made.format == "xlsx" and made.rows > MOST_ROWS_OF_A_SHEET:
                raise RefusedCall(call, TooManyRowsForASheet(most=MOST_ROWS_OF_A_SHEET))
    await asyncio.to_thread(made.finish)
    return cut


async def cut_of(call: Call, connection: asyncpg.pool.PoolConnectionProxy) -> dict[str, int]:
    """How far each source is applied by the readers that the lists come from."""
    readers = [reader.name for reader in call.request.app.state.service.every_reader]
    rows = await connection.fetch(_CUT, readers)
    return {row["source"]: row["position"] for row in rows}


def _said(
    export: Export, asked: AskedExport, scope: UUID | None, made: Rendered, cut: dict[str, int]
) -> ExportList:
    told = asked if isinstance(asked, AskedPersonalExport) else None
    return ExportList(
        occurred_on=today(),
        list=export.name,
        area=scope,
        format=asked.format,
        cut=cut,
        rows=made.rows,
        bytes=made.size,
        sha256=made.sha256.hex(),
        fields=tuple(field.name for field in export.personal),
        profile=told.profile if told else None,
        purpose=told.purpose if told else None,
    )


def _headers(title: str, said: ExportList) -> dict[str, str]:
    """With the digest of RFC 9530, by which the file is found in the record again."""
    name = quote(f"{title}_{today().isoformat()}.{said.format}")
    return {
        "content-length": str(said.bytes),
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "repr-digest": f"sha-256=:{base64.b64encode(bytes.fromhex(said.sha256)).decode()}:",
        "cache-control": "no-store",
    }


async def _sent(spool: Spool) -> AsyncIterator[bytes]:
    """All of it, then it is gone."""
    try:
        for start in range(0, spool.size, CHUNK):
            yield await asyncio.to_thread(spool.read, start, start + CHUNK)
    finally:
        spool.close()


_CUT = """
SELECT source, min(position) AS position FROM es.cursors WHERE reader = ANY ($1)
 GROUP BY source ORDER BY source
"""
