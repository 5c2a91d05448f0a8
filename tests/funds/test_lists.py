"""Lists of funds over HTTP: pages by cursor, cut to the caller's area; foreign ids found again."""

from __future__ import annotations

from httpx import AsyncClient

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, made, post, register_county


async def lots(installation: Installation) -> tuple[County, AsyncClient]:
    """Three lots in the east, one in the west."""
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    clerk = await installation.client(funds, "clerk")
    for number, area in enumerate([county.east, county.east, county.east, county.west]):
        letter = {
            "number": f"测财农〔2020〕{number + 1}号",
            "kind": "funding",
            "title": "下达资金",
            "level": "county",
            "area": str(area),
            "issued_on": "2020-03-01",
        }
        amount = {"text": "1", "unit": "元"}
        lot = {
            "area": str(area),
            "level": "county",
            "year": 2020,
            "fund_name": "测试资金",
            "batch": str(number),
            "document": str(await made(clerk, "/documents", letter)),
            "amount": amount,
            "purposes": [{"purpose": "relief", "amount": amount}],
            "external_ref": {"system": "budget", "id": f"lot-{number}"},
        }
        await made(clerk, "/lots", lot)
    await installation.catch_up(households, funds)
    return county, clerk


async def test_a_list_comes_in_pages_and_ends(installation: Installation) -> None:
    _, clerk = await lots(installation)
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await clerk.get("/lots", params=asked)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert cursor is None
    assert len(found) == len(set(found)) == 4
    assert found == sorted(found)
    assert len((await clerk.get("/documents")).json()["items"]) == 4
    for empty in ("/projects", "/payments", "/batches"):
        assert (await clerk.get(empty)).json() == {"items": [], "next": None}


async def test_a_list_holds_only_what_lies_in_the_callers_area(installation: Installation) -> None:
    county, _ = await lots(installation)
    east = await installation.client(funds, "clerk", area=county.east)
    assert len((await east.get("/lots")).json()["items"]) == 3
    whole = await installation.client(funds, "clerk", area=county.id)
    west = (await whole.get("/lots", params={"area": str(county.west)})).json()["items"]
    assert [item["area"] for item in west] == [str(county.west)]
    beyond = await east.get("/lots", params={"area": str(county.west)})
    assert beyond.status_code == 404


async def test_a_foreign_id_names_one_lot_for_ever(installation: Installation) -> None:
    _, clerk = await lots(installation)
    bound = (await clerk.get("/external-refs/budget/lot-0")).json()
    lot = (await clerk.get(f"/lots/{bound['target']}")).json()
    assert (bound["noun"], lot["batch"]) == ("lot", "0")
    assert (await clerk.get("/external-refs/budget/lot-9")).status_code == 404
    again = {
        "number": "测财农〔2020〕9号",
        "kind": "funding",
        "title": "x",
        "level": "county",
        "area": lot["area"],
        "issued_on": "2020-03-01",
        "external_ref": {"system": "budget", "id": "lot-0"},
    }
    refused = await post(clerk, "/documents", again)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/ExternalRefTaken")
    assert refused.json()["numbers"]["target"] == bound["target"]
