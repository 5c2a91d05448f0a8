"""Doors of reforms: areas move, are merged and split by HTTP; old codes and ids still answer."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, area, decided_again, made, post, register_county

LETTER = "某政发〔2020〕12号"
SINCE = "2021-01-01"


async def reform(client: AsyncClient, area_: UUID, act: str, since: str = SINCE, **of: Any) -> None:
    await made(client, f"/areas/{area_}/{act}", {"valid_from": since, "document": LETTER, **of})


async def merged(installation: Installation) -> tuple[County, AsyncClient]:
    """The east merged into the west."""
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    await reform(steward, county.east, "mergers", successor=str(county.west))
    await installation.catch_up(households)
    return county, steward


async def test_a_merged_area_shows_what_it_became_and_every_path(
    installation: Installation,
) -> None:
    county, steward = await merged(installation)
    into = {"how": "merged", "valid_from": SINCE, "document": LETTER}
    east = (await steward.get(f"/areas/{county.east}")).json()
    was, now = [str(county.id), str(county.east)], [str(county.id), str(county.west)]
    assert east["paths"] == [
        {"path": was, "valid_from": "2013-01-01", "document": None},
        {"path": [*now, str(county.east)], "valid_from": SINCE, "document": LETTER},
    ]
    assert (east["path"], east["parent"]) == ([*now, str(county.east)], str(county.west))
    assert (east["ended_on"], east["successors"]) == (SINCE, [{"area": str(county.west), **into}])
    west = (await steward.get(f"/areas/{county.west}")).json()
    assert (west["ended_on"], west["predecessors"]) == (None, [{"area": str(county.east), **into}])
    village = (await steward.get(f"/areas/{county.east_village}")).json()
    assert village["parent"] == str(county.west)
    assert [path["document"] for path in village["paths"]] == [None, None]


async def test_old_codes_names_and_ids_are_found_after_a_merger(
    installation: Installation,
) -> None:
    county, steward = await merged(installation)
    for asked in ({"code": "370112100"}, {"name": "东镇"}):
        (found,) = (await steward.get("/areas", params=asked)).json()["items"]
        assert (found["id"], found["ended_on"]) == (str(county.east), SINCE)
        assert found["path"][1] == str(county.west)
    assert (await steward.get("/areas", params={"name": "东"})).json()["items"] == []


async def test_scope_follows_from_the_day_of_the_merger(installation: Installation) -> None:
    """The township that took it in sees and commands what lay in it; its own officer commands no
    more, but still finds it."""
    county, _ = await merged(installation)
    west = await installation.client(households, "clerk", "steward", area=county.west)
    east = await installation.client(households, "clerk", "steward", area=county.east)
    listed = (await west.get("/areas")).json()["items"]
    everything = {county.west, county.west_village, county.east, county.east_village}
    assert {UUID(item["id"]) for item in listed} == everything
    assert (await east.get(f"/areas/{county.east_village}")).status_code == 404
    assert (await east.get(f"/areas/{county.east}")).status_code == 200
    alias = {"alias": "东乡"}
    assert (await post(west, f"/areas/{county.east_village}/aliases", alias)).status_code == 201
    refused = await post(east, f"/areas/{county.east}/aliases", {"alias": "东集"})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/ScopeEnded")
    assert refused.json()["numbers"] == {"scope": str(county.east), "ended_on": SINCE}


async def test_a_reform_that_is_yet_to_come_moves_no_scope(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    later = {"since": "2199-01-01", "successor": str(county.west)}
    await reform(steward, county.east, "mergers", **later)
    await installation.catch_up(households)
    east = await installation.client(households, "steward", area=county.east)
    assert (await east.get(f"/areas/{county.east_village}")).status_code == 200
    seen = {item["id"] for item in (await east.get("/areas")).json()["items"]}
    assert seen == {str(county.east), str(county.east_village)}
    assert (
        await post(east, f"/areas/{county.east_village}/aliases", {"alias": "东乡"})
    ).status_code == 201


async def test_what_is_counted_after_the_end_is_refused_and_what_was_before_is_not(
    installation: Installation,
) -> None:
    county, _ = await merged(installation)
    clerk = await installation.client(households, "clerk", "steward")
    count = {"area": str(county.east), "population": "insured", "persons": 3}
    late = await post(clerk, "/populations", {**count, "occurred_on": SINCE})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/AreaEnded")
    numbers = {"area": str(county.east), "ended_on": SINCE, "counted_on": SINCE}
    assert late.json()["numbers"] == numbers
    assert (
        await post(clerk, "/populations", {**count, "occurred_on": "2020-12-31"})
    ).status_code == 201
    bureau = {"name": "东镇财政所", "kind": "bureau", "area": str(county.east)}
    refused = await post(clerk, "/organisations", {**bureau, "occurred_on": SINCE})
    assert refused.json()["type"] == "/problems/AreaEnded"


async def test_whoever_decides_a_reform_is_entitled_to_all_sides(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    body = {"parent": str(county.west), "valid_from": SINCE, "document": LETTER}
    east = await installation.client(households, "steward", area=county.east)
    refused = await post(east, f"/areas/{county.east_village}/moves", body)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    whole = await installation.client(households, "steward", area=county.id)
    assert (await post(whole, f"/areas/{county.east_village}/moves", body)).status_code == 201


async def test_a_split_area_opens_beside_its_successors(installation: Installation) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    south = await made(steward, "/areas", area("370112102", "南镇", "township", county.id))
    parts = [
        {"area": str(south), "takes": [str(county.east_village)]},
        {"area": str(county.west)},
    ]
    await reform(steward, county.east, "splits", parts=parts, ends=True)
    shown = (await steward.get(f"/areas/{county.east}")).json()
    assert [one["area"] for one in shown["successors"]] == [str(south), str(county.west)]
    assert (shown["ended_on"], shown["path"]) == (SINCE, [str(county.id), str(county.east)])
    village = (await steward.get(f"/areas/{county.east_village}")).json()
    assert village["path"] == [str(county.id), str(south), str(county.east_village)]
    taken = {"code": "370112100", "name": "南镇", "valid_from": SINCE}
    await made(steward, f"/areas/{south}/codes", taken)
    await installation.catch_up(households)
    found = (await steward.get("/areas", params={"code": "370112100"})).json()["items"]
    assert {one["id"] for one in found} == {str(county.east), str(south)}


async def test_an_area_registered_while_its_parent_moves_stands_where_that_stands(
    installation: Installation,
) -> None:
    """Both are decided at once, again and again: no order loses the child, nor one of before."""
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    other = await made(steward, "/areas", area("370113", "章丘区", "county", None))
    children = [county.east_village]
    for n in range(8):
        to = (other, county.id)[n % 2]
        move = {"parent": str(to), "valid_from": f"20{14 + n}-01-01", "document": LETTER}
        asked = [
            ("/areas", area(f"37011210030{n}{m}", "村", "village", county.east)) for m in "abc"
        ]
        asked.insert(n % 4, (f"/areas/{county.east}/moves", move))
        answers = await asyncio.gather(*(post(steward, path, body) for path, body in asked))
        assert {answer.status_code for answer in answers} == {201}, [a.text for a in answers]
        children += {UUID(answer.json()["id"]) for answer in answers} - {county.east}
        for child in children:
            shown = (await steward.get(f"/areas/{child}")).json()
            assert shown["path"] == [str(to), str(county.east), str(child)]


@pytest.mark.parametrize("act", ["moves", "mergers", "splits"])
async def test_a_reform_names_its_document(installation: Installation, act: str) -> None:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    body = {"parent": str(county.west), "successor": str(county.west), "valid_from": SINCE}
    refused = await post(steward, f"/areas/{county.east}/{act}", body)
    assert refused.status_code == 422
    assert "/document" in {error["pointer"] for error in refused.json()["errors"]}


async def test_every_reform_decides_again_to_what_is_stored(installation: Installation) -> None:
    county, steward = await merged(installation)
    south = await made(steward, "/areas", area("370112102", "南镇", "township", county.id))
    takes = [str(county.east_village)]
    parts = [{"area": str(south), "takes": takes}]
    await reform(steward, county.west, "splits", "2022-01-01", parts=parts, ends=False)
    await reform(steward, county.east_village, "moves", "2023-01-01", parent=str(county.west))
    assert await decided_again(installation, households) >= 9
