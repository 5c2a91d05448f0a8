"""The browser or device of a call: a random number that it keeps, and no more than that.

A page gives a browser its number as a cookie that no script reads; another client may make one of
its own and send it as `Device`. It lets nobody in, and is never compared with an address. What it
can show and what not: ADR 0019.
"""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events.errors import EventsError

HEADER = "device"
COOKIE = "suyuan_device"
"""Without `__Host-`, which a browser takes over HTTPS alone: one machine is served over HTTP."""
KEPT_S = 400 * 86_400
"""The longest that browsers keep a cookie (RFC 6265bis)."""
_RANDOM = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}")


class UnreadableDeviceError(EventsError):
    status = 400
    title = "Device 应为随机的 UUID（第 4 版）"


def device_of(request: Request) -> UUID | None:
    """The cookie goes before the header, since no script of a page can change it. None: not told.

    Raises: UnreadableDeviceError; a strange cookie is nobody's fault and counts as none.
    """
    known = _read(request.cookies.get(COOKIE, ""))
    told = request.headers.get(HEADER)
    if known is not None or told is None:
        return known
    made = _read(told.lower())
    if made is None:
        raise UnreadableDeviceError(f"Device 应为随机的 UUID（第 4 版）：{len(told)} 字符")
    return made


def _read(text: str) -> UUID | None:
    return UUID(text) if _RANDOM.fullmatch(text) else None


class Numbered:
    """An app of pages whose answers give a browser without a number one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _read(HTTPConnection(scope).cookies.get(COOKIE, "")):
            await self.app(scope, receive, send)
            return
        cookie = _cookie(https=_over_https(scope))

        async def numbering(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, numbering)


def _over_https(scope: Scope) -> bool:
    """As the browser sees it: a gateway in front says so, and a lie costs only the liar."""
    said = HTTPConnection(scope).headers.get("x-forwarded-proto", scope["scheme"])
    return said == "https"


def _cookie(*, https: bool) -> str:
    only = "; Secure" if https else ""
    return f"{COOKIE}={uuid4()}; Path=/; Max-Age={KEPT_S}; HttpOnly; SameSite=Strict{only}"
