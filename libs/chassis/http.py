"""The HTTP face of a service: its app, and its errors as problem+json.

Errors are told once, here: 400 unreadable, 401, 403, 404, 409 refusal, 412, 422 malformed, 503 with
Retry-After (RFC 9457). 400, 401, 404 and 422 store nothing; a refusal is stored by whoever met it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from libs.events.canonical import canonical
from libs.events.errors import BusyError, EventsError, Refused
from libs.events.group_commit import unavailable
from libs.events.log import Log

from .auth import Caller
from .call import RefusedCall
from .faults import faults
from .files.store import FileStore
from .files.tus import tus_app
from .files.uploads import Uploads
from .logs import frames
from .openapi import openapi
from .pack_keys import PackKeys
from .routers import routers_of
from .service import Service
from .vault.vault import Vault

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
NOT_CARRIED = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.NumericValueOutOfRangeError,
)
"""What PostgreSQL cannot take as a parameter, whoever let it pass."""
PROBLEM = "application/problem+json"
RETRY_AFTER_S = "1"
log = structlog.get_logger()

Authenticate = Callable[[Request], Awaitable[Caller]]


def application(
    service: Service,
    store: Log,
    authenticate: Authenticate,
    webhooks: Sequence[str] = (),
    *,
    pack_keys: PackKeys | None = None,
    vault: Vault | None = None,
    files: FileStore | None = None,
) -> FastAPI:
    """The app of one service over its open log, its files, and its vault if it has one.

    `webhooks`: the addresses that subscriptions may name; `pack_keys`: who may sign packs.
    """
    app = FastAPI(
        title=f"溯源 Suyuan · {service.title}",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
        # FastAPI's own would begin with the first provider of the process and tell url.path,
        # url.query and the words of errors, which people typed. Ours is traced.py.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.openapi = cache(partial(openapi, service))  # type: ignore[method-assign]  # as FastAPI says
    app.state.log = store
    app.state.service = service
    app.state.authenticate = authenticate
    app.state.webhooks = webhooks
    app.state.pack_keys = pack_keys or {}
    app.state.second_factors = None  # where there are any, who mounts it says so
    app.state.vault = vault
    _with_files(app, files)
    for router in routers_of(service):
        # FastAPI matches an included router anew on every request; routes of the app itself are
        # found at a third of the cost (bench/http.py).
        app.router.routes.extend(router.routes)
    _tell_errors(app)
    return app


def _with_files(app: FastAPI, files: FileStore | None) -> None:
    app.state.files = files
    if files is not None:
        app.state.uploads = Uploads(files)
        app.state.tus = tus_app(app.state.uploads)


def _tell_errors(app: FastAPI) -> None:
    app.add_exception_handler(EventsError, _events_error)
    app.add_exception_handler(RefusedCall, _refused_call)
    app.add_exception_handler(Refused, _refused_read)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, http_error)
    for kind in AWAY:
        app.add_exception_handler(kind, _database_away)
    for kind in NOT_CARRIED:
        app.add_exception_handler(kind, _not_carried)
    app.add_exception_handler(Exception, _unexpected)


def problem(status: int, name: str, title: str, detail: str, **members: Any) -> Response:
    """A problem+json answer; members are the numbers of the case."""
    body = {
        "type": f"/problems/{name}",
        "title": title,
        "status": status,
        "detail": detail,
        **{key: value for key, value in members.items() if value is not None},
    }
    headers = {"retry-after": RETRY_AFTER_S} if status == 503 else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(canonical(body), status, headers, media_type=PROBLEM)


def name_of(error: BaseException) -> str:
    """The name a client matches on: the class without its technical suffix."""
    return type(error).__name__.removesuffix("Error")


async def _events_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, EventsError):
        raise error
    if error.status == 503:
        log.warning("unavailable", error=name_of(error), detail=str(error))
    facts: dict[str, Any] = {
        key: value if isinstance(value, int | list) else str(value)
        for key, value in error.facts.items()
    }
    place = getattr(error, "place", None)  # of a member of the body that may not be there
    if place is not None:
        facts["errors"] = [{"pointer": place, "rule": name_of(error), "message": error.title}]
    return problem(error.status, name_of(error), error.title, str(error), **facts)


async def _refused_call(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedCall):
        raise error
    return await error.call.refuse(error.refusal)


async def _refused_read(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return problem(error.status, error.name, error.title, error.detail, numbers=error.numbers)


async def _malformed(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem(400, "Unreadable", "请求无法读取", "请求体不是合法的 JSON")
    errors = faults(found)
    places = "、".join(fault["pointer"] or "全文" for fault in errors)
    return problem(422, "Malformed", "内容不合格式", f"不合格式之处：{places}", errors=errors)


async def http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:  # FastAPI's own, of a body that is no text
        return problem(400, "Unreadable", "请求无法读取", "请求体不是合法的 UTF-8 JSON")
    titles = {404: "未找到", 405: "该地址不接受此方法", 413: "内容过大", 415: "媒体类型不支持"}
    status = error.status_code
    title = titles.get(status, "请求未被接受")
    return problem(status, f"Http{status}", title, f"{title}：{status} {HTTPStatus(status).phrase}")


async def _not_carried(_: Request, error: Exception) -> Response:
    log.warning("not_carried", error=type(error).__name__)
    says = "含有无法存储或查询的字符或数值"
    fault = {"pointer": "", "rule": "not_carried", "message": says}
    return problem(422, "Malformed", "内容不合格式", says, errors=[fault])


async def _database_away(request: Request, error: Exception) -> Response:
    """A database that is away or starting is 503, whoever met it; anything else is our fault."""
    if not unavailable(error):
        return await _unexpected(request, error)
    return await _events_error(request, BusyError("数据库暂不可用，请稍后用同一幂等键重试"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error(
        "unexpected", path=request.scope["path"], error=type(error).__name__, frames=frames(error)
    )
    return problem(500, "Unexpected", "系统内部错误", "错误已记录；请用同一幂等键重试")
