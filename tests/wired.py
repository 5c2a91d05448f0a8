"""A service that other services reach by HTTP, on a port of this machine, as they do in earnest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from libs.chassis.errands import Errands
from libs.chassis.http import application
from libs.chassis.service import Service
from tests.conftest import Installation


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def errands(installation: Installation, port: int) -> Errands:
    """As a worker of the installation asks; all that is asked is at this port."""
    return Errands(installation.services_key, {"households": f"http://127.0.0.1:{port}"})


@asynccontextmanager
async def listening(installation: Installation, service: Service, port: int) -> AsyncIterator[None]:
    """The service, until it goes away."""
    log, vault = await installation.log(service), await installation.vault_of(service)
    app = application(service, log, installation.verifier(log), vault=vault)
    whole = Starlette(routes=[Mount(service.prefix, app)])
    config = uvicorn.Config(
        whole, host="127.0.0.1", port=port, log_config=None, lifespan="off", access_log=False
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())  # not `serve`: signals are the tests' own
    while not server.started:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await running
