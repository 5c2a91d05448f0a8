"""Routes of files, the same in every service: begin an upload, send its bytes, see what it became.

tus 1.0 (creation, termination), so that any client of that protocol goes on where a cable was cut.
An upload belongs to who began it; to others it is not there. Nothing of a file's name is kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds, UnreadableError
from libs.chassis.common_routes import answer
from libs.events.errors import EventsError, NotFoundError
from libs.events.private import looks_personal

from .kinds import LARGEST, too_large
from .room import require_room
from .store import Kept
from .tus import VERSION, Asked, ask, until
from .uploads import Uploads

router = APIRouter(tags=["文件"])
UPLOADERS = ("clerk", "finance", "steward", "operator", "system")
Uploader = Annotated[Call, Depends(Holds(*UPLOADERS))]
OFFSET_STREAM = "application/offset+octet-stream"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BODY = {"content": {OFFSET_STREAM: {"schema": {"type": "string", "format": "binary"}}}}


class FileNamePersonalError(EventsError):
    status = 422
    title = "文件名不得含个人信息"
    place = "header:/upload-metadata"


class TusVersionError(EventsError):
    status = 412
    title = "只支持 tus 1.0.0"


class WrongContentError(EventsError):
    status = 415
    title = f"续传的内容类型应为 {OFFSET_STREAM}"


class Begun(BaseModel):
    """An upload that waits for its bytes at its address."""

    id: UUID


class FileKept(BaseModel):
    """A file that is kept; whoever names it names the upload."""

    id: UUID = Field(description="上传编号")
    digest: str = Field(description="SHA-256")
    size: int
    media_type: str = Field(description="按内容识别")


class FileUploaded(BaseModel):
    """How far an upload is, and what it became."""

    id: UUID
    state: Literal["open", "kept"]
    offset: int = Field(description="已收到的字节")
    size: int
    digest: str | None
    media_type: str | None


class TusHeaders(BaseModel):
    tus_resumable: str = Field(default="", description="1.0.0")


class Beginning(TusHeaders):
    upload_length: int = Field(ge=1, description="字节")
    upload_metadata: str = Field(
        default="", max_length=4000, description="filename、sha256，值为 base64"
    )


class Sending(TusHeaders):
    upload_offset: int = Field(ge=0, description="从何处续传")


def uploads_of(call: Call) -> Uploads:
    uploads: Uploads = call.request.app.state.uploads
    return uploads


@router.post("/files", status_code=201, response_model=Begun, summary="开始上传")
async def begin_upload(
    call: Uploader, headers: Annotated[Beginning, Header()], request: Request
) -> Response:
    """tus 1.0：给出长度，得到地址。声明 sha256 的，传完即核对留存。"""
    _require_tus(headers)
    if headers.upload_length > LARGEST:
        raise too_large(headers.upload_length, LARGEST)
    stated = _metadata(headers.upload_metadata)
    uploads = uploads_of(call)
    require_room(uploads.folder, "暂不接收新文件，已开始的可以传完")
    told = {"filename": "file", "filetype": "file", "owner": owner_of(call), **stated}
    packed = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in told.items())
    given = {"upload-length": str(headers.upload_length), "upload-metadata": packed}
    begun = await ask(request.app.state.tus, Asked("POST", None, given), _no_body)
    id_ = UUID(begun.headers["location"])
    response = answer({"id": str(id_)}, 201)
    for name in ("tus-resumable", "upload-expires", "cache-control"):
        response.headers[name] = begun.headers[name]
    response.headers["location"] = f"{request.app.state.service.prefix}/files/{id_}"
    return response


@router.head("/files/{id}", response_class=Response, summary="已传到何处")
async def upload_offset(
    id: UUID, call: Uploader, headers: Annotated[TusHeaders, Header()], request: Request
) -> Response:
    """tus 1.0：Upload-Offset 是已收到的字节数。"""
    _require_tus(headers)
    uploads = await owned(call, id)
    uploads.end_others(id.hex)
    async with uploads.lock(id.hex):  # what the one before still writes is counted
        return await ask(request.app.state.tus, Asked("HEAD", id.hex, {}), _no_body)


@router.patch(
    "/files/{id}",
    status_code=204,
    response_class=Response,
    openapi_extra={"requestBody": _BODY},
    summary="续传",
)
async def send_bytes(
    id: UUID, call: Uploader, headers: Annotated[Sending, Header()], request: Request
) -> Response:
    """tus 1.0：从 Upload-Offset 起的字节。最后一段传完时，已声明 sha256 的即核对留存。"""
    _require_tus(headers)
    if request.headers.get("content-type") != OFFSET_STREAM:
        raise WrongContentError()
    uploads = await owned(call, id)
    given = {
        "content-type": OFFSET_STREAM,
        "content-length": "0",  # the library asks for one and counts what comes
        "upload-offset": str(headers.upload_offset),
    }
    with uploads.taken(id.hex) as given_up:
        asked = Asked("PATCH", id.hex, given)
        sent = await ask(request.app.state.tus, asked, until(given_up, request))
    info = await uploads.read_info(id.hex)
    if info is not None and info["offset"] == info["size"] and "sha256" in info["metadata"]:
        await uploads.finish(id.hex, info["metadata"]["sha256"])
    return sent


@router.delete("/files/{id}", status_code=204, response_class=Response, summary="放弃上传")
async def give_up(
    id: UUID, call: Uploader, headers: Annotated[TusHeaders, Header()], request: Request
) -> Response:
    """tus 1.0。已留存的文件不因此删除。"""
    _require_tus(headers)
    uploads = await owned(call, id)
    uploads.end_others(id.hex)
    async with uploads.lock(id.hex):
        return await ask(request.app.state.tus, Asked("DELETE", id.hex, {}), _no_body)


@router.post(
    "/files/{id}/completions", status_code=201, response_model=FileKept, summary="核对并留存"
)
async def complete(
    id: UUID,
    call: Uploader,
    sha256: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="整个文件的 SHA-256")],
) -> Response:
    """传完之后；重复调用得到同一回答。相同内容只留一份。"""
    kept = await (await owned(call, id)).finish(id.hex, sha256)
    return answer({"id": str(id), **kept._asdict()}, 201)


@router.get("/files/{id}", response_model=FileUploaded, summary="上传")
async def get_upload(id: UUID, call: Uploader) -> Response:
    """传到何处，留存为何。七天无动静的上传不再保留。"""
    uploads = await owned(call, id)
    info, kept = await uploads.read_info(id.hex), uploads.kept(id.hex)
    if info is None:
        raise NotFoundError()
    return answer(
        {
            "id": str(id),
            "state": "open" if kept is None else "kept",
            "offset": info["offset"],
            "size": info["size"],
            "digest": None if kept is None else kept.digest,
            "media_type": None if kept is None else kept.media_type,
        }
    )


async def kept_upload(call: Call, id_: UUID) -> Kept:
    """The file that an upload of the caller's became, for a command that names the upload.

    Raises: NotFoundError, also for another's and for one that is not whole.
    """
    kept = (await owned(call, id_)).kept(id_.hex)
    if kept is None:
        raise NotFoundError()
    return kept


async def owned(call: Call, id_: UUID) -> Uploads:
    """Raises: NotFoundError for an upload that the caller did not begin."""
    uploads = uploads_of(call)
    info = uploads.sidecar(id_.hex)
    if info is None or info["metadata"].get("owner") != owner_of(call):
        raise NotFoundError()
    if not await uploads.exists(id_.hex):
        raise NotFoundError()
    return uploads


def owner_of(call: Call) -> str:
    """By what the issuer says, which stays when the directory comes to know the person."""
    return call.caller.subject or call.caller.id


def _require_tus(headers: TusHeaders) -> None:
    if headers.tus_resumable != VERSION:
        raise TusVersionError()


def _metadata(header: str) -> dict[str, str]:
    """What is kept of it: the stated digest. No value may be somebody's number, a name above all.

    Raises: FileNamePersonalError, UnreadableError.
    """
    told: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, packed = pair.partition(" ")
        try:
            told[name] = base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise UnreadableError("Upload-Metadata：值应为 UTF-8 文本的 base64") from None
        if (kind := looks_personal(told[name])) is not None:
            place = "文件名" if name in ("filename", "name") else "Upload-Metadata"
            raise FileNamePersonalError(f"{place}不得含个人信息：疑似{kind}；请改名后再传")
    if "sha256" not in told:
        return {}
    if not _SHA256.fullmatch(told["sha256"]):
        raise UnreadableError("Upload-Metadata：sha256 应为 64 位小写十六进制")
    return {"sha256": told["sha256"]}


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
