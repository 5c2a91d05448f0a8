"""Doors of assets: from a funded project to an asset handed over, on the real stores."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from httpx import AsyncClient, Response

from services.assets.service import service as assets
from services.funds.service import service as funds
from tests.assets.conftest import Funded
from tests.chassis.test_approvals import bands
from tests.conftest import Installation
from tests.registry import decided_again, made, post


async def _hand_over(clerk: AsyncClient, funded: Funded) -> UUID:
    """An asset through all its steps."""
    id_ = await made(clerk, "/assets", funded.road())
    await made(clerk, f"/assets/{id_}/classifications", {"category": "public_welfare"})
    await made(clerk, f"/assets/{id_}/ledger-entries", funded.entry("total"))
    await made(clerk, f"/assets/{id_}/ledger-entries", funded.entry("part"))
    right = {"owner": str(funded.village), "document": "确权〔2021〕1号"}
    await made(clerk, f"/assets/{id_}/rights", right)
    organisations = {
        "from_organisation": str(funded.bureau),
        "to_organisation": str(funded.village),
    }
    await made(clerk, f"/assets/{id_}/transfers", {**organisations, "list_number": "YJ-1"})
    return id_


async def test_an_asset_goes_its_whole_way(installation: Installation, funded: Funded) -> None:
    clerk = await installation.client(assets, "clerk", area=funded.county.east)
    id_ = await _hand_over(clerk, funded)
    shown = await clerk.get(f"/assets/{id_}")
    kept = {"keeper": str(funded.bureau), "value_fen": 200_0000_00}
    assert shown.headers["etag"] == '"6"'
    assert shown.json() == {
        "id": str(id_),
        "area": str(funded.county.east_village),
        "project": str(funded.project),
        "name": "村组道路",
        "kind": "road",
        "value_fen": 200_0000_00,
        "other_fen": 0,
        "sources": [{"lot": str(funded.lot), "amount_fen": 200_0000_00}],
        "formed_on": "2020-11-30",
        "quantity": None,
        "category": "public_welfare",
        "codes": {"total": "ZC-1", "part": "ZC-1"},
        "entries": dict.fromkeys(("total", "part"), kept),
        "owner": str(funded.village),
        "keeper": str(funded.village),
    }


async def test_the_same_money_forms_no_second_asset(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    first = await post(clerk, "/assets", funded.road(), key="road")
    again = await post(clerk, "/assets", funded.road(), key="road")
    assert (again.content, again.headers["idempotent-replay"]) == (first.content, "true")
    pipes = await post(clerk, "/assets", funded.road(name="水管"))
    assert (pipes.status_code, pipes.json()["type"]) == (409, "/problems/SourceExceedsFunding")
    assert pipes.json()["numbers"] == {
        "lot": str(funded.lot),
        "funded_fen": 350_0000_00,
        "used_fen": 200_0000_00,
        "asked_fen": 200_0000_00,
    }
    twice = await post(clerk, "/assets", funded.road())
    assert twice.json()["type"] == "/problems/AssetAlreadyFormed"


async def _when_fresh(clerk: AsyncClient, body: dict[str, Any], key: str) -> Response:
    """The answer once the age of a copy, which is remembered for a second, is asked again."""
    answer = await post(clerk, "/assets", body, key=key)
    for _ in range(40):
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.1)
        answer = await post(clerk, "/assets", body, key=key)
    return answer


async def test_a_copy_that_was_never_read_is_stale_and_binds_no_key(
    installation: Installation,
) -> None:
    clerk = await installation.client(assets, "clerk")
    asked = {
        "area": str(uuid4()),
        "project": str(uuid4()),
        "name": "村组道路",
        "kind": "road",
        "value": None,
        "formed_on": "2020-11-30",
    }
    stale = await post(clerk, "/assets", asked, key="k")
    assert (stale.status_code, stale.json()["type"]) == (503, "/problems/StaleReference")
    assert stale.headers["retry-after"] == "1"
    await installation.catch_up(assets)
    fresh = await _when_fresh(clerk, asked, "k")
    assert (fresh.status_code, fresh.json()["type"]) == (409, "/problems/UnknownArea")


async def test_what_a_fresh_copy_does_not_hold_is_refused(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    stranger = str(uuid4())
    unknown = await post(clerk, "/assets", funded.road(project=stranger))
    assert (unknown.status_code, unknown.json()["type"]) == (409, "/problems/UnknownProject")
    assert unknown.json()["numbers"]["project"] == stranger
    id_ = await made(clerk, "/assets", funded.road())
    await made(clerk, f"/assets/{id_}/classifications", {"category": "operating"})
    entry = funded.entry("total", keeper=stranger)
    refused = await post(clerk, f"/assets/{id_}/ledger-entries", entry)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/UnknownOrganisation")
    assert refused.json()["numbers"]["organisation"] == stranger


async def test_a_neighbour_neither_forms_nor_classifies_nor_sees(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    id_ = await made(clerk, "/assets", funded.road())
    western = await installation.client(assets, "clerk", area=funded.county.west)
    formed = await post(western, "/assets", funded.road(name="水管"))
    kind = {"category": "public_welfare"}
    classified = await post(western, f"/assets/{id_}/classifications", kind)
    for refused in (formed, classified):
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    assert (await western.get(f"/assets/{id_}")).status_code == 404
    assert (await post(western, f"/assets/{uuid4()}/classifications", kind)).status_code == 404
    nowhere = await post(clerk, "/assets", funded.road(area=str(uuid4())))
    assert (nowhere.status_code, nowhere.json()["type"]) == (409, "/problems/UnknownArea")


async def test_an_auditor_reads_and_a_finance_clerk_forms_nothing(
    installation: Installation, funded: Funded
) -> None:
    finance = await installation.client(assets, "finance", "auditor")
    refused = await post(finance, "/assets", funded.road())
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/RoleNotHeld")
    assert (await finance.get("/assets")).json() == {"items": [], "next": None}


async def test_a_foreign_id_names_one_asset_for_ever(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    ref = {"external_ref": {"system": "zichan", "id": "7"}}
    id_ = await made(clerk, "/assets", funded.road(**ref))
    small: dict[str, Any] = {"value": None, "sources": [], "name": "水管"}
    taken = await post(clerk, "/assets", funded.road(**small, **ref))
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/ExternalRefTaken")
    assert taken.json()["numbers"]["target"] == str(id_)


async def test_assets_are_listed_by_scope_project_and_page(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    bare: dict[str, Any] = {"value": None, "sources": []}
    east = await made(clerk, "/assets", funded.road())
    west_village = str(funded.county.west_village)
    west = await made(clerk, "/assets", funded.road(name="水管", area=west_village, **bare))
    await made(clerk, f"/assets/{east}/classifications", {"category": "public_welfare"})
    await installation.catch_up(assets)
    first = (await clerk.get("/assets", params={"limit": 1})).json()
    rest = (await clerk.get("/assets", params={"limit": 1, "cursor": first["next"]})).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert ids == sorted(map(str, (east, west)))
    assert rest["next"] is None
    eastern = await installation.client(assets, "auditor", area=funded.county.east)
    assert (await eastern.get("/assets")).json()["items"] == [
        {
            "id": str(east),
            "area": str(funded.county.east_village),
            "project": str(funded.project),
            "name": "村组道路",
            "kind": "road",
            "value_fen": 200_0000_00,
            "formed_on": "2020-11-30",
            "quantity": None,
            "category": "public_welfare",
        }
    ]
    other = await clerk.get("/assets", params={"project": str(uuid4())})
    assert other.json()["items"] == []
    outside = await eastern.get("/assets", params={"area": str(funded.county.west)})
    assert outside.status_code == 404


async def test_every_stored_request_decides_again_to_what_is_stored(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    id_ = await _hand_over(clerk, funded)
    assert (await post(clerk, "/assets", funded.road(name="水管"))).status_code == 409
    assert (
        await post(clerk, f"/assets/{id_}/ledger-entries", funded.entry("part"))
    ).status_code == 409
    assert await decided_again(installation, assets) == 8


async def test_sources_are_corrected_after_their_effect_was_shown_and_set_money_free(
    installation: Installation, funded: Funded
) -> None:
    """What the road has no more, another asset of the project may have; never both at once."""
    clerk = await installation.client(assets, "clerk")
    road = await made(clerk, "/assets", funded.road())
    pipes = funded.road(name="水管", value={"text": "170"})
    pipes["sources"] = [{"lot": str(funded.lot), "amount": {"text": "170"}}]
    assert (await post(clerk, "/assets", pipes)).status_code == 409
    share = {"lot": str(funded.lot), "amount": {"text": "180"}}
    body = {
        "reason": "分摊录错",
        "document": "测财农〔2021〕9号",
        "changes": {"sources": [share], "value": {"text": "180"}},
    }
    path = f"/assets/{road}/corrections"
    shown = await post(clerk, f"{path}?dry_run=true", body)
    assert shown.status_code == 200, shown.text
    rests = {one["what"]: (one["count"], one["amount_fen"]) for one in shown.json()["dependants"]}
    assert rests == {"ledger_entries": (0, 0), "lots": (1, 200_0000_00)}
    assert (await post(clerk, "/assets", pipes)).status_code == 409
    done = await post(clerk, path, body)
    assert (done.status_code, done.json()) == (201, shown.json()["answer"])
    field = f"sources.{funded.lot}"
    assert done.json()["changes"][0] == {
        "field": field,
        "was": 200_0000_00,
        "now": 180_0000_00,
    }
    assert (await post(clerk, "/assets", pipes)).status_code == 201
    more = {"sources": [share | {"amount": {"text": "181"}}], "value": {"text": "181"}}
    beyond = await post(clerk, path, {**body, "changes": more})
    assert (beyond.status_code, beyond.json()["type"]) == (409, "/problems/SourceExceedsFunding")
    [told] = (await clerk.get(path)).json()["corrections"]
    assert [one["field"] for one in told["changes"]] == [field, "value"]
    assert await decided_again(installation, assets) == 6


async def test_an_asset_and_its_record_are_corrected_from_the_days_on_from_which_they_count(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    id_ = await made(clerk, "/assets", funded.road(effective_on="2021-01-01"))
    await made(clerk, f"/assets/{id_}/classifications", {"category": "operating"})
    entry = funded.entry("total") | {"effective_on": "2021-02-01"}
    await made(clerk, f"/assets/{id_}/ledger-entries", entry)
    why = {"reason": "看错一行", "document": "测财农〔2021〕9号", "occurred_on": "2022-01-01"}
    asset = {**why, "changes": {"kind": "bridge"}}
    assert (await post(clerk, f"/assets/{id_}/corrections", asset)).status_code == 201
    book = {**why, "ledger": "total", "changes": {"value": {"text": "1"}}}
    assert (await post(clerk, f"/assets/{id_}/ledger-corrections", book)).status_code == 201
    told = (await clerk.get(f"/assets/{id_}/corrections")).json()["corrections"]
    assert [one["effective_on"] for one in told] == ["2021-01-01", "2021-02-01"]
    later = {**asset, "effective_on": "2022-01-01", "changes": {"kind": "road"}}
    refused = await post(clerk, f"/assets/{id_}/corrections", later)
    assert refused.json()["type"] == "/problems/CountsWithItsThing"
    assert await decided_again(installation, assets) > 4


async def test_a_correction_is_no_way_around_the_approval_of_an_asset_and_its_record(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    steward = await installation.client(assets, "steward")
    id_ = await made(clerk, "/assets", funded.road())
    await made(clerk, f"/assets/{id_}/classifications", {"category": "operating"})
    await made(clerk, f"/assets/{id_}/ledger-entries", funded.entry("total"))
    auditor: Any = [{"up_to_fen": None, "count": 1, "duties": ["auditor"]}]
    for command in ("FormAsset", "RecordAsset"):
        assert (await bands(steward, command, auditor)).status_code == 201
    why = {"reason": "看错一行", "document": "测财农〔2021〕9号"}
    asset = {**why, "changes": {"kind": "bridge"}}
    assert (await post(clerk, f"/assets/{id_}/corrections", asset)).status_code == 202
    entry = {**why, "ledger": "total", "changes": {"value": {"text": "1"}}}
    assert (await post(clerk, f"/assets/{id_}/ledger-corrections", entry)).status_code == 202


async def test_what_a_corrected_allocation_took_back_forms_no_asset(
    installation: Installation, funded: Funded
) -> None:
    finance = await installation.client(funds, "finance")
    body = {
        "reason": "多安排了",
        "document": "测财农〔2021〕9号",
        "allocation": 1,
        "changes": {"amount": {"text": "149"}},
    }
    done = await post(finance, f"/lots/{funded.lot}/allocation-corrections", body)
    assert done.status_code == 201, done.text
    await installation.catch_up(assets)
    clerk = await installation.client(assets, "clerk")
    road = await post(clerk, "/assets", funded.road())
    assert (road.status_code, road.json()["type"]) == (409, "/problems/SourceExceedsFunding")
    assert road.json()["numbers"]["funded_fen"] == 199_0000_00
