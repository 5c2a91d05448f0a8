"""What a reader of events or of the interface looks up at the origin; open to anyone, like /docs.

`/events/<Type>/<version>` is the `dataschema` of every event. The files are those of the
repository: earlier versions of a fact live on there only. Nothing is deprecated now; when something
is, /changelog says so first; its answers carry `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from . import changelog
from .published import DOCS

SCHEMA = "application/schema+json"


def lookup_routes() -> list[BaseRoute]:
    return [
        Route("/events/{name}/{version:int}", _schema),
        Mount("/events", StaticFiles(directory=DOCS / "events"), name="schemas"),
        Route("/asyncapi.json", _asyncapi),
        Route("/changelog", _changelog),
    ]


async def _schema(request: Request) -> Response:
    """The payload schema of one version of a fact, whichever service tells it."""
    name, version = request.path_params["name"], request.path_params["version"]
    file = f"{name}.{version}.json"
    folder = _folders().get(file)
    if folder is None:
        raise HTTPException(404)
    return FileResponse(DOCS / "events" / folder / file, media_type=SCHEMA)


@cache
def _folders() -> dict[str, str]:
    """Folder by file: names are looked up and never joined to a path."""
    return {file.name: file.parent.name for file in (DOCS / "events").glob("*/*.json")}


async def _asyncapi(_: Request) -> Response:
    return FileResponse(DOCS / "asyncapi.json", media_type="application/json")


async def _changelog(request: Request) -> Response:
    """The changes as data, newest first; the file itself for who accepts text/markdown."""
    if "text/markdown" in request.headers.get("accept", ""):
        return PlainTextResponse(changelog.FILE.read_text(), media_type="text/markdown")
    return JSONResponse({"releases": _releases(), "deprecated": []})


@cache
def _releases() -> list[dict[str, Any]]:
    return [release.told() for release in changelog.releases(changelog.FILE.read_text())]
