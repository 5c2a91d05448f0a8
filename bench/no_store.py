"""The limit of bench/http.py: the same framework, token, body and size of answer, and no store."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import uvicorn
import uvloop
from fastapi import Depends, FastAPI, Request, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from libs.chassis.auth import Caller, Verifier
from libs.chassis.collector import quiet_gc
from libs.chassis.identity import identity
from libs.chassis.settings import Settings
from libs.events.canonical import canonical
from services.funds.domain.project import ProposeProject


async def _caller(request: Request) -> Caller:
    known: Caller = await request.app.state.authenticate(request)
    return known


async def propose(command: ProposeProject, _: Annotated[Caller, Depends(_caller)]) -> Response:
    project = str(command.project())
    headers = {
        "etag": '"1"',
        "position": "funds:1234",
        "location": f"/api/v1/funds/projects/{project}",
    }
    return Response(canonical({"id": project}), 201, headers, media_type="application/json")


async def health() -> Response:
    return Response(status_code=204)


def app(settings: Settings) -> Starlette:
    """One command under the prefix of funds, answered at once."""
    inner = FastAPI(docs_url=None, redoc_url=None)
    inner.state.authenticate = Verifier(identity(settings))
    inner.add_api_route("/projects", propose, methods=["POST"], status_code=201)
    inner.add_api_route("/health", health)
    return Starlette(routes=[Mount("/api/v1/funds", inner)])


async def serve(settings: Settings, port: int) -> None:
    config = uvicorn.Config(
        app(settings),
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    quiet_gc()
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(Settings.read(os.environ), int(sys.argv[1])))
