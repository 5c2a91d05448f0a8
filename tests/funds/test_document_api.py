"""The door of documents: whoever may read one reads it, wherever it was registered."""

from __future__ import annotations

from uuid import uuid4

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import made, post, register_county


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


async def test_a_letter_of_an_impossible_day_is_malformed_and_kept_nowhere(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    clerk = await installation.client(funds, "clerk")
    letter = {"number": "测财农〔2020〕5号", "kind": "funding", "title": "下达", "level": "county"}
    for day in ("1899-12-31", "2201-01-01", "9999-12-31"):
        where = {"area": str(county.east), "issued_on": day}
        answer = await post(clerk, "/documents", {**letter, **where})
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["pointer"]) == (422, "/issued_on")
        assert fault["message"] == "须在 1900-01-01 至 2200-12-31 之间"
    for nth, day in enumerate(("1900-01-01", "2200-12-31")):
        more = {"number": f"测财农〔2020〕{nth}1号", "area": str(county.east), "issued_on": day}
        await made(clerk, "/documents", {**letter, **more})
