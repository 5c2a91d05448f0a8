"""The door of documents: whoever may read one reads it, wherever it was registered."""

from __future__ import annotations

from uuid import uuid4

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import made, register_county


async def test_a_document_is_read_from_anywhere_and_one_that_is_not_there_is_not_found(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    clerk = await installation.client(funds, "clerk")
    letter = {"number": "测财农〔2020〕5号", "kind": "funding", "title": "下达", "level": "county"}
    where = {"area": str(county.east), "issued_on": "2020-03-01"}
    document = await made(clerk, "/documents", {**letter, **where})
    shown = {**letter, **where, "id": str(document), "note": None}
    for area in (None, county.east, county.west):
        reader = await installation.client(funds, "auditor", area=area)
        answer = await reader.get(f"/documents/{document}")
        assert (answer.status_code, answer.json()) == (200, shown), area
        assert answer.headers["etag"] == '"1"'
        assert (await reader.get(f"/documents/{uuid4()}")).status_code == 404
