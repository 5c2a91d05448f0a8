"""Routes of evidence 附件, the same in every service: attach, list, look at, withdraw.

The file is named by the upload that it came by, so nobody attaches what he could not have sent.
Whether it is still what was kept is found out whenever it is looked at.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from libs.events import evidence, known
from libs.events.decider import within
from libs.events.errors import NotFoundError, Refused
from libs.events.evidence import AddAttachment, Kind, Small, WithdrawAttachment
from libs.events.types import Command, Day, plain

from .call import Call, Holds, RefusedCall
from .common_routes import answer, require_in_scope
from .files.kinds import JPEG
from .files.photos import PHOTOS, Noted, small
from .files.routes import kept_upload
from .files.store import FileNotIntactError, FileStore, Integrity, Kept
from .listing import Wanted, page, scope_of
from .shapes import Made, Page

router = APIRouter(tags=["附件"])
Worker = Annotated[Call, Depends(Holds("clerk", "finance", "steward"))]
Attacher = Annotated[Call, Depends(Holds("clerk", "finance", "steward", rehearsed=False))]
"""A small copy of a picture is kept, though in no log."""
Anyone = Annotated[Call, Depends(Holds("clerk", "finance", "steward", "auditor"))]


class AttachFile(Command):
    """附上证据: 先上传文件。照片缩小供查看, 拍摄位置与时间读出。"""

    target: UUID = Field(description="所附之物")
    area: UUID | None = Field(default=None, description="所附之物在他处登记时, 其区域")
    kind: Kind = Field(description="证据种类")
    upload: UUID = Field(description="本人已传完的上传")
    caption: str | None = Field(default=None, min_length=1, max_length=200)
    taken_on: Day | None = Field(default=None, description="形成日期; 照片缺省读自照片")


class WantedAttachments(Wanted):
    target: UUID | None = Field(default=None, description="所附之物")
    kind: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = None


class AttachmentRow(BaseModel):
    """What was attached; it counts while `withdrawn_at` is null."""

    id: UUID
    area: UUID | None
    target: UUID
    kind: str
    digest: str = Field(description="SHA-256")
    size: int
    media_type: str = Field(description="按内容识别")
    caption: str | None
    taken_at: str | None = Field(description="形成日期，或拍摄时刻")
    latitude: str | None = Field(description="拍摄位置，十进制度")
    longitude: str | None
    small_digest: str | None = Field(description="照片的缩小件")
    small_media_type: str | None
    added_at: AwareDatetime
    withdrawn_at: AwareDatetime | None
    reason: str | None = Field(description="撤回理由")


class AttachmentShown(AttachmentRow):
    """With what was found of the file just now."""

    integrity: Integrity = Field(description="intact 完好, damaged 已损坏, missing 缺失")


@router.post("/attachments", status_code=201, response_model=Made, summary="附上证据")
async def attach(command: AttachFile, call: Attacher) -> Response:
    """同一文件以同一种类附于同一物，只算一份。"""
    location = f"{call.request.app.state.service.prefix}/attachments/{{id}}"
    if (known_answer := await call.first_answer(location)) is not None:
        return known_answer
    await _admit(call, await evidence.area_of(call.log.pool, command.target, command.area))
    kept = await kept_upload(call, command.upload)
    noted, copy = await _looked_at(files_of(call), kept)
    said = None if command.taken_on is None else command.taken_on.isoformat()
    added = AddAttachment(
        **command.model_dump(exclude={"upload", "taken_on"}),
        digest=kept.digest,
        size=kept.size,
        media_type=kept.media_type,
        taken_at=said or noted.taken_at,
        latitude=noted.latitude,
        longitude=noted.longitude,
        small=copy,
    )
    return await call.execute(evidence.ADD, added, location=location)


@router.post("/attachments/withdrawals", status_code=201, response_model=Made, summary="撤回附件")
async def withdraw(command: WithdrawAttachment, call: Worker) -> Response:
    """不再算作证据；文件与记录都保留。"""
    return await call.execute(evidence.WITHDRAW, command)


@router.get("/attachments", response_model=Page[AttachmentRow], summary="附件列表")
async def list_attachments(call: Anyone, wanted: Annotated[WantedAttachments, Query()]) -> Response:
    """按编号顺序；撤回的也在内。"""
    scope = await scope_of(call, wanted)
    rows = await call.log.pool.fetch(
        _LISTED, scope, wanted.target, wanted.kind, wanted.cursor, wanted.limit
    )
    return page(rows, wanted)


@router.get("/attachments/{id}", response_model=AttachmentShown, summary="附件")
async def get_attachment(id: UUID, call: Anyone) -> Response:
    """每次查看都核对文件是否完好。"""
    row = await _row(call, id)
    found = await files_of(call).check(row["digest"])
    return answer({**plain(dict(row)), "integrity": found})


@router.get(
    "/attachments/{id}/content",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
            "description": "文件",
        }
    },
    summary="附件的文件",
)
async def get_content(
    id: UUID,
    call: Anyone,
    copy: Annotated[Literal["whole", "small"], Query(description="small: 照片的缩小件")] = "whole",
) -> Response:
    """核对无误才给出；已损坏的不给出任何内容。"""
    row = await _row(call, id)
    digest = row["small_digest"] if copy == "small" else row["digest"]
    media_type = row["small_media_type"] if copy == "small" else row["media_type"]
    if digest is None:
        raise NotFoundError()
    files = files_of(call)
    if await files.check(digest) != "intact":
        raise FileNotIntactError()
    headers = {
        # Whatever it holds, a browser keeps it and runs nothing.
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-store",
    }
    return StreamingResponse(files.open(digest), 200, headers, media_type=media_type)


def files_of(call: Call) -> FileStore:
    files: FileStore = call.request.app.state.files
    return files


async def _looked_at(files: FileStore, kept: Kept) -> tuple[Noted, Small | None]:
    """Of a photograph what was noted in it, and its small copy, kept. The copy is of the same
    bytes each time, so a second try keeps nothing more."""
    if kept.media_type not in PHOTOS:
        return Noted(), None
    made = await asyncio.to_thread(_small, files, kept.digest)

    async def once() -> Any:
        yield made.small

    copy = await files.keep(once())
    return made.noted, Small(digest=copy.digest, size=copy.size, media_type=JPEG)


def _small(files: FileStore, digest: str) -> Any:
    with files.reader(digest) as file:
        return small(file)


async def _admit(call: Call, area: UUID | None) -> None:
    """Before a file is looked at. Raises: RefusedCall, by which the refusal is recorded."""
    try:
        within(call.actor, () if area is None else await call.log.known.path(area))
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None


async def _row(call: Call, id_: UUID) -> Record:
    """Raises: NotFoundError, also outside the caller's area."""
    row = await call.log.pool.fetchrow(f"{_ATTACHMENT} WHERE a.id = $1", id_)
    if row is None:
        raise NotFoundError()
    if call.caller.area is not None:
        if row["area"] is None:
            raise NotFoundError()
        await require_in_scope(call, row["area"])
    return row


_ATTACHMENT = """
SELECT a.*, w.withdrawn_at, w.reason
  FROM es.attachments a
  LEFT JOIN es.withdrawn_attachments w ON w.attachment = a.id
"""
_LISTED = f"""
{_ATTACHMENT}
 WHERE ($1::uuid IS NULL OR a.area IN ({known.below("$1")}))
   AND ($2::uuid IS NULL OR a.target = $2)
   AND ($3::text IS NULL OR a.kind = $3)
   AND ($4::uuid IS NULL OR a.id > $4)
 ORDER BY a.id LIMIT $5 + 1
"""
