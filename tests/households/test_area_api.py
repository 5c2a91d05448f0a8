"""Doors of areas and organisations: the tree by HTTP, scope, names found again by list."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import area, decided_again, made, post, register_county


async def test_only_the_whole_installation_founds_a_top_area(installation: Installation) -> None:
    county = await register_county(installation)
    scoped = await installation.client(households, "steward", area=county.id)
    refused = await post(scoped, "/areas", area("370113", "章丘区", "county", None))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")


async def test_a_steward_registers_below_the_own_area_only(installation: Installation) -> None:
    county = await register_county(installation)
    eastern = await installation.client(households, "steward", area=county.east)
    inside = await post(eastern, "/areas", area("370112100202", "南村", "village", county.east))
    assert inside.status_code == 201
    assert inside.headers["location"] == f"/api/v1/households/areas/{inside.json()['id']}"
    outside = await post(eastern, "/areas", area("370112101202", "北村", "village", county.west))
    assert (outside.status_code, outside.json()["type"]) == (403, "/problems/NotYourArea")
    assert outside.json()["numbers"] == {"area": str(county.west), "scope": str(county.east)}


async def test_an_unknown_parent_is_refused_for_ever(installation: Installation) -> None:
    steward = await installation.client(households, "steward")
    asked = area("370112100", "东镇", "township", uuid4())
    first = await post(steward, "/areas", asked, key="a")
    again = await post(steward, "/areas", asked, key="a")
    assert (first.status_code, first.json()["type"]) == (409, "/problems/UnknownParent")
    assert (again.content, again.headers["idempotent-replay"]) == (first.content, "true")


async def test_a_clerk_registers_no_area(installation: Installation) -> None:
    clerk = await installation.client(households, "clerk")
    refused = await post(clerk, "/areas", area("370112", "历城区", "county", None))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/RoleNotHeld")


async def test_an_area_is_shown_with_its_path_codes_and_aliases(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    await made(steward, f"/areas/{county.east}/aliases", {"alias": "东乡"})
    change = {"code": "370112001", "name": "东街道", "valid_from": "2021-01-01"}
    letter = {"document": "某政发〔2020〕12号"}
    await made(steward, f"/areas/{county.east}/codes", {**change, **letter})
    shown = await steward.get(f"/areas/{county.east}")
    assert shown.headers["etag"] == '"3"'
    old = {"code": "370112100", "name": "东镇", "valid_from": "2013-01-01"}
    assert shown.json() == {
        "id": str(county.east),
        "level": "township",
        "parent": str(county.id),
        "path": [str(county.id), str(county.east)],
        **change,
        "codes": [{**old, "document": None}, {**change, **letter}],
        "aliases": ["东乡"],
        "ended_on": None,
        "paths": [
            {
                "path": [str(county.id), str(county.east)],
                "valid_from": "2013-01-01",
                "document": None,
            }
        ],
        "predecessors": [],
        "successors": [],
    }


async def test_an_area_out_of_scope_is_as_unknown_as_none(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(households)
    eastern = await installation.client(households, "auditor", area=county.east)
    assert (await eastern.get(f"/areas/{county.east_village}")).status_code == 200
    assert (await eastern.get(f"/areas/{county.west_village}")).status_code == 404
    assert (await eastern.get(f"/areas/{uuid4()}")).status_code == 404
    listed = await eastern.get("/areas", params={"area": str(county.west)})
    assert listed.status_code == 404


async def test_the_stream_of_another_noun_is_no_area(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    bureau = {"name": "区农业农村局", "kind": "bureau", "area": str(county.id)}
    organisation = await made(steward, "/organisations", bureau)
    assert (await steward.get(f"/areas/{organisation}")).status_code == 404


async def test_areas_are_listed_page_by_page_within_scope(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(households)
    auditor = await installation.client(households, "auditor")
    found: list[str] = []
    cursor = None
    for _ in range(3):
        wanted = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = (await auditor.get("/areas", params=wanted)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert cursor is None
    everything = [county.id, county.east, county.east_village, county.west, county.west_village]
    assert found == sorted(map(str, everything))
    eastern = await installation.client(households, "auditor", area=county.east)
    seen = (await eastern.get("/areas", params={"limit": 2})).json()
    assert {item["id"] for item in seen["items"]} == {str(county.east), str(county.east_village)}
    assert seen["next"] is None


async def test_an_area_is_found_by_any_code_it_bore(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    change = {"code": "370112001", "name": "东街道", "valid_from": "2021-01-01"}
    await made(steward, f"/areas/{county.east}/codes", change)
    await installation.catch_up(households)
    expected = {
        "id": str(county.east),
        "level": "township",
        "path": [str(county.id), str(county.east)],
        "ended_on": None,
        **change,
    }
    for code in ("370112100", "370112001"):
        found = (await steward.get("/areas", params={"code": code})).json()
        assert found == {"items": [expected], "next": None}


async def test_a_code_is_borne_by_one_area_at_a_time(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    again = {**area("370112100", "又东镇", "township", county.id), "valid_from": "2021-01-01"}
    taken = await post(steward, "/areas", again)
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/CodeTaken")
    assert taken.json()["numbers"]["area"] == str(county.east)
    change = {"name": "东街道", "valid_from": "2021-01-01"}
    west = await post(steward, f"/areas/{county.west}/codes", {**change, "code": "370112100"})
    assert west.json()["type"] == "/problems/CodeTaken"
    await made(steward, f"/areas/{county.east}/codes", {**change, "code": "370112001"})
    assert (await post(steward, "/areas", again)).status_code == 201


async def test_what_no_code_or_name_is_made_of_is_malformed(installation: Installation) -> None:
    steward = await installation.client(households, "steward")
    for path in ("/areas?code=%01", "/organisations?name=%01", "/areas?code="):
        bad = await steward.get(path)
        assert (path, bad.status_code, bad.json()["type"]) == (path, 422, "/problems/Malformed")


def _bureau(area_: UUID, **changed: object) -> dict[str, object]:
    return {"name": "区农业农村局", "kind": "bureau", "area": str(area_), **changed}


async def test_one_name_names_one_organisation_in_an_area(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    bureau = _bureau(county.id, aliases=["农业局"])
    first = await made(steward, "/organisations", bureau)
    other = {"name": "林业局", "kind": "bureau", "area": str(county.id)}
    taken = await post(steward, "/organisations", {**other, "aliases": ["农业局"]})
    assert taken.json()["numbers"] == {"alias": "农业局", "organisation": str(first)}
    second = await made(steward, "/organisations", other)
    also = await post(steward, f"/organisations/{second}/aliases", {"alias": "区农业农村局"})
    assert (also.status_code, also.json()["type"]) == (409, "/problems/AliasTaken")
    elsewhere = await post(steward, "/organisations", {**other, "area": str(county.east)})
    assert elsewhere.status_code == 201


async def test_an_organisation_is_found_by_alias_and_shown(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    bureau = _bureau(county.east)
    id_ = str(await made(steward, "/organisations", bureau))
    await made(steward, f"/organisations/{id_}/aliases", {"alias": "农业局"})
    await installation.catch_up(households)
    found = (await steward.get("/organisations", params={"name": "农业局"})).json()
    assert found == {"items": [{"id": id_, **bureau}], "next": None}
    shown = await steward.get(f"/organisations/{id_}")
    assert shown.json() == {"id": id_, **bureau, "aliases": ["农业局"]}
    assert shown.headers["etag"] == '"2"'
    western = await installation.client(households, "auditor", area=county.west)
    assert (await western.get("/organisations")).json()["items"] == []
    assert (await western.get(f"/organisations/{id_}")).status_code == 404


@pytest.mark.parametrize("scope", ["east_village", "west"])
async def test_a_neighbour_registers_no_organisation(
    installation: Installation, scope: str
) -> None:
    county = await register_county(installation)
    scoped = await installation.client(households, "steward", area=getattr(county, scope))
    refused = await post(scoped, "/organisations", _bureau(county.east))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")


async def test_an_alias_of_an_unknown_organisation_is_not_found(
    installation: Installation,
) -> None:
    steward = await installation.client(households, "steward")
    for path in (f"/organisations/{uuid4()}/aliases", f"/areas/{uuid4()}/aliases"):
        assert (await post(steward, path, {"alias": "x"})).status_code == 404


async def test_every_stored_request_decides_again_to_what_is_stored(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    bureau = _bureau(county.id, aliases=["农业局"])
    await made(steward, "/organisations", bureau)
    assert (await post(steward, "/organisations", bureau)).status_code == 409
    await made(steward, f"/areas/{county.id}/aliases", {"alias": "历城县"})
    assert await decided_again(installation, households) == 8
