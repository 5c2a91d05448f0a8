"""tus 1.0 by a kept library, behind our own doors: it sees an upload only when who asks, whose it
is, its size and its name have been looked at, and it writes no header of ours.

It checks its `auth` after it has written the body, takes a method from a header, makes addresses
from the Host that a client sends, reads other uploads by what a client names and answers in
English: so it is given the headers named here alone, and its answers are taken apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.types import Message, Receive
from tuspyserver import create_tus_router

from libs.events.errors import BusyError, EventsError, NotFoundError

from .kinds import LARGEST
from .uploads import FORGOTTEN_AFTER_S, Uploads

VERSION = "1.0.0"
IDLE_S = 30.0
"""A cable that was cut says nothing: what came is kept and the upload given free."""
TOLD = ("upload-offset", "upload-length", "upload-expires")


class OffsetDiffersError(EventsError):
    status = 409
    title = "续传位置与已收到的不同，请先查询 Upload-Offset"


class UploadFaultyError(EventsError):
    status = 400
    title = "上传请求不合 tus 1.0 协议"


def tus_app(uploads: Uploads) -> FastAPI:
    """The library over one storage; what it raises is raised again in `ask`."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # As of the service's own app, http.py.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.include_router(
        create_tus_router(
            prefix="files",
            files_dir=str(uploads.folder),
            max_size=LARGEST,
            days_to_keep=FORGOTTEN_AFTER_S // 86_400,
            storage=uploads,
        )
    )
    return app


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the library: its headers are these and no others."""

    method: str
    uid: str | None
    headers: Mapping[str, str]


async def ask(app: FastAPI, asked: Asked, receive: Receive) -> Response:
    """The library's answer with the headers of the protocol. Raises: EventsError."""
    told: dict[str, Any] = {}

    async def send(message: Message) -> None:
        told.update(message)

    path = "/files" if asked.uid is None else f"/files/{asked.uid}"
    headers = {"tus-resumable": VERSION, "host": "tus", **asked.headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return _answered(int(told["status"]), dict(told["headers"]))


def _answered(status: int, headers: Mapping[bytes, bytes]) -> Response:
    if status >= 400:
        raise _problem(status)
    kept = {name: headers[name.encode()].decode() for name in TOLD if name.encode() in headers}
    response = Response(status_code=status, headers={"tus-resumable": VERSION, **kept})
    response.headers["cache-control"] = "no-store"
    if b"location" in headers:
        response.headers["location"] = headers[b"location"].decode().rpartition("/")[2]
    return response


def _problem(status: int) -> EventsError:
    match status:
        case 404 | 410:
            return NotFoundError()
        case 409:
            return OffsetDiffersError()
        case 503:
            return BusyError("该文件正由另一请求写入，或磁盘暂不可写；请稍后续传")
        case _:
            return UploadFaultyError(f"上传请求不合 tus 1.0 协议：{status}")


def until(given_up: asyncio.Event, request: Request) -> Receive:
    """The body of a request until it ends, falls silent or another takes its place."""

    async def receive() -> Message:
        waits = asyncio.ensure_future(request.receive())
        ended = asyncio.ensure_future(given_up.wait())
        try:
            done, _ = await asyncio.wait(
                {waits, ended}, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED
            )
            return waits.result() if waits in done else {"type": "http.disconnect"}
        finally:
            waits.cancel()
            ended.cancel()

    return receive
