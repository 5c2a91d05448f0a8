"""Doors of households and populations: lists all or nothing, scope, replay, flags."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import DAY, County, decided_again, made, post, register_county


def _rows(village: UUID, *keys: str) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "area": str(village),
            "era": "alleviation",
            "register_type": "registered_poor",
            "persons": 3,
            "registered_on": "2015-12-31",
            "synthetic": True,
        }
        for key in keys
    ]


def _list(county: County, rows: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    return {"area": str(county.id), "households": rows, **changed}


async def test_a_thousand_households_are_registered_at_once(installation: Installation) -> None:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk", area=county.id)
    keys = [f"H-{number:04}" for number in range(1, 1001)]
    rows = _rows(county.east_village, *keys[:500]) + _rows(county.west_village, *keys[500:])
    done = await post(clerk, "/households", _list(county, rows), key="list")
    assert (done.status_code, done.json()["count"]) == (201, 1000)
    assert set(done.json()["ids"]) == set(keys)
    again = await post(clerk, "/households", _list(county, rows), key="list")
    assert (again.content, again.headers["idempotent-replay"]) == (done.content, "true")
    too_many = rows + _rows(county.east_village, "H-1001")
    assert (await post(clerk, "/households", _list(county, too_many))).status_code == 422


async def test_a_known_household_refuses_its_whole_list(installation: Installation) -> None:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk")
    first = _list(county, _rows(county.east_village, "1", "2"))
    assert (await post(clerk, "/households", first)).status_code == 201
    mixed = _list(county, _rows(county.east_village, "3", "2", "1"))
    refused = await post(clerk, "/households", mixed)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "/problems/HouseholdAlreadyRegistered",
    )
    assert refused.json()["numbers"] == {"row": 2, "key": "2", "count": 2}
    moved = _list(county, _rows(county.west_village, "1"), area=str(county.west))
    assert (await post(clerk, "/households", moved)).json()["numbers"]["key"] == "1"
    alone = _list(county, _rows(county.east_village, "3"))
    assert (await post(clerk, "/households", alone)).status_code == 201


async def test_a_list_stays_within_its_area_and_its_caller(installation: Installation) -> None:
    county = await register_county(installation)
    eastern = await installation.client(households, "clerk", area=county.east)
    own = _list(county, _rows(county.east_village, "1"), area=str(county.east))
    assert (await post(eastern, "/households", own)).status_code == 201
    wider = await post(eastern, "/households", _list(county, _rows(county.east_village, "2")))
    assert (wider.status_code, wider.json()["type"]) == (403, "/problems/NotYourArea")
    smuggled = _list(county, _rows(county.west_village, "3"), area=str(county.east))
    refused = await post(eastern, "/households", smuggled)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/HouseholdOutsideArea")
    unknown = _list(county, _rows(county.west_village, "3"), area=str(uuid4()))
    clerk = await installation.client(households, "clerk")
    assert (await post(clerk, "/households", unknown)).json()["type"] == "/problems/UnknownArea"


async def test_a_malformed_row_is_named_by_its_place(installation: Installation) -> None:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk")
    rows = _rows(county.east_village, "1", "11010519491231002X")
    refused = await post(clerk, "/households", _list(county, rows))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/households/1/key"]
    assert "11010519491231002X" not in refused.text


async def test_a_household_is_flagged_and_shown(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(households)
    clerk = await installation.client(households, "clerk", area=county.east)
    own = _list(county, _rows(county.east_village, "1"), area=str(county.east))
    id_ = (await post(clerk, "/households", own)).json()["ids"]["1"]
    flag = {"risks": ["health", "income"], "source": "survey", "clue": "大额自付名单"}
    flagged = await post(clerk, f"/households/{id_}/flags", flag)
    assert (flagged.status_code, flagged.headers["etag"]) == (201, '"2"')
    shown = await clerk.get(f"/households/{id_}")
    assert shown.json() == {
        "id": id_,
        "area": str(county.east_village),
        "era": "alleviation",
        "register_type": "registered_poor",
        "persons": 3,
        "registered_on": "2015-12-31",
        "synthetic": True,
        "listed": 0,
        "split_from": None,
        "flags": 1,
        "risks": ["health", "income"],
        "flagged_on": DAY,
    }


async def test_a_neighbour_neither_flags_nor_sees(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(households)
    clerk = await installation.client(households, "clerk")
    body = _list(county, _rows(county.east_village, "1"))
    id_ = (await post(clerk, "/households", body)).json()["ids"]["1"]
    flag = {"risks": ["health"], "source": "survey", "clue": "x"}
    western = await installation.client(households, "clerk", area=county.west)
    refused = await post(western, f"/households/{id_}/flags", flag)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    assert (await western.get(f"/households/{id_}")).status_code == 404
    assert (await post(western, f"/households/{uuid4()}/flags", flag)).status_code == 404


async def test_a_foreign_id_names_one_count_for_ever(installation: Installation) -> None:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk", area=county.id)
    ref = {"external_ref": {"system": "yibao", "id": "2020-814"}}
    count = {"area": str(county.id), "population": "insured", "households": 814}
    id_ = await made(clerk, "/populations", {**count, **ref})
    taken = await post(clerk, "/populations", {**count, "population": "lifted", **ref})
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/ExternalRefTaken")
    assert taken.json()["numbers"]["target"] == str(id_)
    again = await post(clerk, "/populations", count)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/AlreadyCounted")
    shown = (
        await (await installation.client(households, "auditor")).get(f"/populations/{id_}")
    ).json()
    assert (shown["id"], shown["households"], shown["counted_on"]) == (str(id_), 814, DAY)


async def test_every_stored_request_decides_again_to_what_is_stored(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk")
    body = _list(county, _rows(county.east_village, "1", "2"))
    ids = (await post(clerk, "/households", body)).json()["ids"]
    assert (await post(clerk, "/households", body)).status_code == 409
    flag = {"risks": ["health"], "source": "survey", "clue": "x"}
    await made(clerk, f"/households/{ids['1']}/flags", flag)
    await made(clerk, "/populations", {"area": str(county.id), "population": "x", "persons": 5})
    assert await decided_again(installation, households) == 9
