"""One server span and one duration a request, around the app of a service.

Attributes are OpenTelemetry's for HTTP, without url.path, url.query, addresses or headers: paths
and queries hold what people typed. The route is its template; a method that is none is _OTHER.
"""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events import spans

from . import measures

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
Attributes = dict[str, str | int]


class Traced:
    """The app of a service, with its requests told; a caller's traceparent is gone on with."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: Attributes = {
            "http.request.method": scope["method"] if scope["method"] in METHODS else "_OTHER",
            "url.scheme": scope["scheme"],
        }

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["http.response.status_code"] = message["status"]
            await send(message)

        began = time.perf_counter()
        parent = spans.child_of(_header(scope, b"traceparent"))
        with spans.span("request", parent, SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                self._tell(span, told, scope.get("route"))
                measures.HTTP_DURATION.record(time.perf_counter() - began, told)

    def _tell(self, span: Span, told: Attributes, route: Any) -> None:
        name = str(told["http.request.method"])
        if route is not None:
            told["http.route"] = self._prefix + route.path
            name = f"{name} {told['http.route']}"
        status = told.get("http.response.status_code")
        if isinstance(status, int) and status >= 500:
            told["error.type"] = str(status)
            span.set_status(Status(StatusCode.ERROR))
        span.update_name(name)
        span.set_attributes(told)


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
