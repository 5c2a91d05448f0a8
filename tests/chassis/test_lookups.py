"""What the origin tells a reader without a token: schemas where events say they are, the topics,
the changes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from libs.chassis.changelog import FILE
from libs.chassis.lookups import lookup_routes
from libs.events.schemas import by_folder, event_schema


@pytest.fixture
async def reader() -> AsyncIterator[AsyncClient]:
    app = ASGITransport(Starlette(routes=lookup_routes()))
    async with AsyncClient(transport=app, base_url="http://origin") as client:
        yield client


async def test_the_dataschema_of_every_event_resolves_to_its_schema(reader: AsyncClient) -> None:
    for kinds in by_folder().values():
        for kind in kinds:
            answer = await reader.get(f"/events/{kind.__name__}/{kind.version()}")
            assert answer.status_code == 200, kind
            assert answer.headers["content-type"] == "application/schema+json"
            assert answer.json() == event_schema(kind)
            assert answer.json()["$id"] == f"/events/{kind.__name__}/{kind.version()}"


@pytest.mark.parametrize(
    "path",
    [
        *("/events/FundAllocated/2", "/events/Unheard/1", "/events/FundAllocated/x"),
        *("/events/..%2F..%2FREADME/1", "/events/../../pyproject.toml", "/events/%2e%2e/LICENSE"),
    ],
)
async def test_nothing_else_is_found(reader: AsyncClient, path: str) -> None:
    assert (await reader.get(path)).status_code == 404


async def test_references_of_the_asyncapi_document_resolve_below_the_origin(
    reader: AsyncClient,
) -> None:
    document = (await reader.get("/asyncapi.json")).json()
    for message in document["components"]["messages"].values():
        address = "/" + message["payload"]["schema"]["$ref"]
        assert (await reader.get(address)).status_code == 200, address
    assert (await reader.get("/events/headers.json")).status_code == 200


async def test_changes_are_data_or_the_file_itself_by_what_is_accepted(reader: AsyncClient) -> None:
    told = (await reader.get("/changelog")).json()
    assert told["releases"][0]["version"] == "Unreleased"
    assert told["deprecated"] == []
    markdown = await reader.get("/changelog", headers={"accept": "text/markdown"})
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert markdown.text == FILE.read_text()
