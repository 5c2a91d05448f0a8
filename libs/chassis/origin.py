"""One origin: the services of this process under their prefixes, the page, the API page, the keys.

Files are bundled; no page asks a foreign host for anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

import uvicorn
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from libs.events.log import open_log

from .auth import Verifier
from .collector import quiet_gc
from .device import Numbered
from .errand_tokens import ErrandTokens
from .feeds import open_feeds
from .files.store import FileStore, open_store
from .files.uploads import keep_sweeping
from .http import application, http_error
from .identity import Identity
from .lookups import lookup_routes
from .observe import beside, keep_looking, look_at_store
from .pack_keys import read_pack_keys
from .second_factor import SecondFactors
from .service import Service
from .settings import Settings
from .stores import Stores, require_migrated
from .system_tokens import SystemTokens
from .telemetry import exported
from .traced import Traced
from .vault.keys import kept_keys
from .vault.vault import Vault, open_vault
from .watchdog import watch_loop
from .webhook import read_listed


@dataclass(frozen=True)
class Origin:
    """What one API process serves, and where; `siblings` are all services under this address,
    behind a gateway more than those served here."""

    services: Sequence[Service]
    stores: Stores
    identity: Identity
    settings: Settings
    siblings: Sequence[Service]


def origin_app(origin: Origin) -> Starlette:
    """The whole application; its stores open with the lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(beside(origin.identity.keep()))
            mounts = [await _mount(service, origin, stack) for service in origin.services]
            app.router.routes[:0] = mounts
            quiet_gc()
            await stack.enter_async_context(beside(watch_loop()))
            yield

    errors = {HTTPException: http_error}
    return Starlette(routes=_fixed_routes(origin), lifespan=lifespan, exception_handlers=errors)


async def _mount(service: Service, origin: Origin, stack: AsyncExitStack) -> Mount:
    opened = open_log(service.name, origin.stores.app(service.name), service.contracts)
    listed = read_listed(origin.settings.webhooks)
    store = await stack.enter_async_context(opened)
    services = ErrandTokens(origin.settings.services_key_file)
    verifier = Verifier(origin.identity, SystemTokens(store), services)
    pack_keys = read_pack_keys(origin.settings.pack_issuers)
    vault = await _vault(service, origin, stack)
    files = await _files(service, origin.settings, stack)
    app = application(
        service, store, verifier, listed, pack_keys=pack_keys, vault=vault, files=files
    )
    await stack.enter_async_context(beside(keep_sweeping(app.state.uploads)))
    if (file := origin.settings.factor_key_file) is not None:
        app.state.second_factors = SecondFactors(store.pool, kept_keys(file, may_make=True))
    app.state.feeds = open_feeds(set(service.sources), origin.stores, stack)
    if origin.settings.otlp is None:
        return Mount(service.prefix, app, name=service.name)
    await stack.enter_async_context(beside(keep_looking(partial(look_at_store, store))))
    return Mount(service.prefix, Traced(app, service.prefix), name=service.name)


async def _vault(service: Service, origin: Origin, stack: AsyncExitStack) -> Vault | None:
    if not service.vault:
        return None
    opened = open_vault(origin.stores.keys(), origin.settings.vault_folder)
    return await stack.enter_async_context(opened)


async def _files(service: Service, settings: Settings, stack: AsyncExitStack) -> FileStore:
    where = settings.files_folder, service.name, settings.files_key_file
    files = await asyncio.to_thread(open_store, *where)
    stack.callback(files.close)
    return files


def _fixed_routes(origin: Origin) -> list[BaseRoute]:
    assets = files("fastapi_swagger.resources")
    routes: list[BaseRoute] = [
        Route("/issuer/keys", _keys(origin)),
        Route("/banner", _banner(origin)),
        Route("/docs", _docs_index(origin)),
        Mount("/docs/assets", StaticFiles(directory=str(assets)), name="assets"),
        Route("/docs/{service}", _docs),
        Route("/problems/{name}", _problem),
        *lookup_routes(),
    ]
    pages = [service.pages for service in origin.services if service.pages is not None]
    routes += [
        Mount("/", Numbered(StaticFiles(directory=folder, html=True)), name="page")
        for folder in pages
    ]
    return routes


Endpoint = Callable[[Request], Awaitable[Response]]


def _keys(origin: Origin) -> Endpoint:
    async def keys(_: Request) -> Response:
        return JSONResponse(origin.identity.key_set)

    return keys


def _banner(origin: Origin) -> Endpoint:
    async def banner(_: Request) -> Response:
        return JSONResponse({"banner": origin.settings.banner})

    return banner


def _docs_index(origin: Origin) -> Endpoint:
    async def index(_: Request) -> Response:
        links = "".join(
            f'<li><a href="/docs/{service.name}">{service.title} {service.name}</a></li>'
            for service in origin.siblings
        )
        return HTMLResponse(
            '<!doctype html><html lang="zh"><meta charset="utf-8"><title>溯源 接口</title>'
            f"<h1>溯源 接口</h1><ul>{links}</ul>"
            '<p><a href="/asyncapi.json">事件与主题</a> <a href="/changelog">变更</a></p></html>'
        )

    return index


async def _docs(request: Request) -> Response:
    name = request.path_params["service"]
    return get_swagger_ui_html(
        openapi_url=f"/api/v1/{name}/openapi.json",
        title=f"溯源 {name}",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon-32x32.png",
        swagger_ui_parameters={"validatorUrl": None},
    )


async def _problem(request: Request) -> Response:
    """A problem type is a stable address; what it means stands in the answer that named it."""
    return JSONResponse({"type": f"/problems/{request.path_params['name']}"})


async def serve(origin: Origin) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs."""
    await require_migrated(origin.stores, origin.services)
    config = uvicorn.Config(
        origin_app(origin),
        host=origin.settings.host,
        port=origin.settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    async with exported("serve", origin.settings.otlp, origin.stores, origin.services):
        await uvicorn.Server(config).serve()
