"""Another system that takes webhooks: a real HTTP server on this machine, stopped and started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def position(self) -> int:
        return int(self.id.rsplit("-", 1)[1])


def take(_: Got) -> Response:
    return Response(status_code=204)


@dataclass
class Receiver:
    """What came, and what is answered to it. The port stays when it is stopped."""

    answer: Callable[[Got], Response] = take
    port: int = 0
    got: list[Got] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    """Positions that were answered 2xx."""
    _server: uvicorn.Server | None = None
    _serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def start(self) -> None:
        app = Starlette(routes=[Route("/hooks", self._hook, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None)
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve())
        async with asyncio.timeout(10):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = self._serving = None

    async def has(self, count: int, timeout_s: float = 20) -> None:
        """Wait until so many different events were taken."""
        async with asyncio.timeout(timeout_s):
            while len(set(self.taken)) < count:  # noqa: ASYNC110 - another process may send
                await asyncio.sleep(0.02)

    async def _hook(self, request: Request) -> Response:
        got = Got(dict(request.headers), await request.body())
        self.got.append(got)
        answered = self.answer(got)
        if answered.status_code < 300:
            self.taken.append(got.position)
        return answered


@asynccontextmanager
async def receiving(answer: Callable[[Got], Response] = take) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
