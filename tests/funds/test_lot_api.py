"""Doors of funds: a lot registered, allocated and refused over HTTP, on the real store."""

from __future__ import annotations

from uuid import uuid4

from services.funds.service import service as funds
from tests.conftest import Installation


async def test_unknown_area_is_refused(installation: Installation) -> None:
    client = await installation.client(funds, "clerk")
    body = {
        "number": "济财农〔2020〕5号",
        "kind": "funding",
        "title": "x",
        "level": "province",
        "area": str(uuid4()),
        "issued_on": "2020-01-05",
        "occurred_on": "2020-01-06",
    }
    first = await client.post("/documents", json=body, headers={"idempotency-key": "a"})
    again = await client.post("/documents", json=body, headers={"idempotency-key": "a"})
    assert (first.status_code, first.json()["type"]) == (409, "/problems/UnknownArea")
    assert again.content == first.content
    assert again.headers["idempotent-replay"] == "true"
