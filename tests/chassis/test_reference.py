"""Reference data over HTTP: sets and rows of a service, who may change them, signed packs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx import AsyncClient

from libs.chassis.pack_keys import read_pack_keys
from libs.chassis.settings import SettingError
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.packs import KEY, key_file, pack, signed
from tests.registry import County, decided_again, post, register_county


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


def line(area: UUID | None, since: str, fen: int, key: str = "monitoring") -> dict[str, Any]:
    return {
        "set": "income_line",
        "area": None if area is None else str(area),
        "row": {"key": key, "valid_from": since, "values": {"amount_fen": fen}},
        "document": "云农发〔2020〕1号",
    }


async def listed(client: AsyncClient, **wanted: Any) -> list[tuple[str, int]]:
    """The first day and the fen of each row that is listed."""
    answer = await client.get("/reference/income_line", params=wanted)
    assert answer.status_code == 200, answer.text
    shown = [(row["valid_from"], row["values"]["amount_fen"]) for row in answer.json()["items"]]
    return sorted(shown)


async def test_rows_are_set_looked_up_ended_and_withdrawn(
    installation: Installation, county: County
) -> None:
    steward = await installation.client(households, "steward")
    rows = [line(None, "2020-01-01", 400_000), line(county.east, "2021-01-01", 500_000)]
    for row in rows:
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    assert (await post(steward, "/reference/rows", rows[0])).status_code == 200
    other = await post(steward, "/reference/rows", line(None, "2020-01-01", 400_001))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/RowDiffers")
    assert await listed(steward) == [("2020-01-01", 400_000), ("2021-01-01", 500_000)]
    village = str(county.east_village)
    for on, expected in (("2020-12-31", 400_000), ("2021-01-01", 500_000)):
        assert [fen for _, fen in await listed(steward, area=village, on=on)] == [expected]
    assert await listed(steward, on="2019-12-31") == []
    row = {"set": "income_line", "area": str(county.east), "key": "monitoring"}
    row |= {"valid_from": "2021-01-01"}
    end = await post(steward, "/reference/ends", row | {"valid_until": "2021-06-30"})
    assert end.status_code == 201
    assert await listed(steward, area=village, on="2021-07-01") == [("2020-01-01", 400_000)]
    gone = await post(steward, "/reference/withdrawals", row | {"reason": "误登"})
    assert gone.status_code == 201
    assert await listed(steward, area=village, on="2021-06-01") == [("2020-01-01", 400_000)]
    assert await decided_again(installation, households) > 8


async def test_a_row_must_fit_its_set_and_the_set_its_service(
    installation: Installation, county: County
) -> None:
    steward = await installation.client(households, "steward")
    bad = line(county.id, "2020-01-01", 0)
    bad["row"]["values"] |= {"currency": "CNY"}
    malformed = await post(steward, "/reference/rows", bad)
    assert malformed.status_code == 422
    assert {fault["pointer"] for fault in malformed.json()["errors"]} == {
        "/row/values/amount_fen",
        "/row/values/currency",
    }
    strange = line(county.id, "2020-01-01", 1) | {"set": "standard"}
    assert (await post(steward, "/reference/rows", strange)).status_code == 404
    assert (await steward.get("/reference/standard")).status_code == 404
    sets = (await steward.get("/reference")).json()["items"]
    assert {"code", "income_line", "calendar", "severity"} <= {one["set"] for one in sets}
    assert all(one["values"]["type"] == "object" for one in sets)
    backwards = line(county.id, "2020-01-01", 1)
    backwards["row"]["valid_until"] = "2019-12-31"
    assert (await post(steward, "/reference/rows", backwards)).status_code == 422


async def test_a_row_of_lists_is_the_same_row_again(
    installation: Installation, county: County
) -> None:
    steward = await installation.client(households, "steward")
    values = {"holidays": ["2026-10-01", "2026-10-02"], "workdays": ["2026-10-10"]}
    row = {"key": "2026", "valid_from": "2026-01-01", "values": values}
    body = {"set": "calendar", "area": None, "row": row}
    assert (await post(steward, "/reference/rows", body)).status_code == 201
    assert (await post(steward, "/reference/rows", body)).status_code == 200
    (shown,) = (await steward.get("/reference/calendar")).json()["items"]
    assert shown["values"] == values
    both = row | {"values": values | {"workdays": ["2026-10-01"]}}
    assert (await post(steward, "/reference/rows", body | {"row": both})).status_code == 422


async def test_rows_are_changed_only_within_ones_area_and_role(
    installation: Installation, county: County
) -> None:
    of_east = await installation.client(households, "steward", area=county.east)
    for area in (None, county.id, county.west):
        refused = await post(of_east, "/reference/rows", line(area, "2020-01-01", 1))
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    own = await post(of_east, "/reference/rows", line(county.east_village, "2020-01-01", 1))
    assert own.status_code == 201
    clerk = await installation.client(households, "clerk")
    assert (await post(clerk, "/reference/rows", line(None, "2020-01-01", 1))).status_code == 403
    assert await listed(clerk) == [("2020-01-01", 1)]


async def test_a_long_set_is_read_page_by_page(installation: Installation, county: County) -> None:
    steward = await installation.client(households, "steward")
    for month in range(1, 8):
        row = line(county.id, f"2020-0{month}-01", month)
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    seen, cursor = [], None
    while True:
        wanted = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await steward.get("/reference/income_line", params=wanted)).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert (len(seen), len(set(seen))) == (7, 7)


def pack_row(fen: int, name: str = "income_line") -> dict[str, Any]:
    values = {"amount_fen": fen}
    if name == "standard":
        values |= {"per": "household"}  # type: ignore[dict-item]
    return {"set": name, "area": None, "key": "k", "valid_from": "2027-01-01", "values": values}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "packs.json"
    file.write_text(key_file())
    return file


async def a_steward(
    installation: Installation, service: Any, keys: Path, area: UUID | None = None
) -> AsyncClient:
    client = await installation.client(service, "steward", area=area)
    client._transport.app.state.pack_keys = read_pack_keys(keys)  # type: ignore[attr-defined]
    return client


async def test_a_signed_pack_gives_each_service_its_rows_and_leaves_local_ones(
    installation: Installation, county: County, keys: Path
) -> None:
    in_households = await a_steward(installation, households, keys)
    local = line(county.id, "2027-01-01", 7, key="k")
    assert (await post(in_households, "/reference/rows", local)).status_code == 201
    first = pack(pack_row(5), pack_row(9, "standard"))
    for service, fen in ((households, 5), (funds, 9)):
        steward = await a_steward(installation, service, keys)
        taken = await post(steward, "/reference/packs", signed(first))
        assert (taken.status_code, taken.json()["rows"]) == (201, 1)
        again = await post(steward, "/reference/packs", signed(first))
        assert (again.status_code, again.json()["rows"]) == (200, 0)
        name = "income_line" if service is households else "standard"
        rows = (await steward.get(f"/reference/{name}", params={"on": "2027-01-01"})).json()
        assert [row["values"]["amount_fen"] for row in rows["items"]] == [fen]
    east = str(county.east)
    assert await listed(in_households, area=east, on="2027-02-01") == [("2027-01-01", 7)]
    (conflict,) = (await in_households.get("/reference/conflicts")).json()["items"]
    assert (conflict["set"], conflict["local"]["area"]) == ("income_line", str(county.id))
    assert conflict["local"]["values"] == {"amount_fen": 7}
    assert (conflict["pack"]["area"], conflict["pack"]["origin"]) == (None, "pack")
    second = pack(pack_row(6), number=2, previous=first.digest())
    assert (await post(in_households, "/reference/packs", signed(second))).json()["rows"] == 1
    assert await listed(in_households, on="2027-02-01") == [("2027-01-01", 6)]
    assert await decided_again(installation, households) > 8


async def test_a_pack_that_nobody_trusted_signed_is_refused_and_told(
    installation: Installation, county: County, keys: Path
) -> None:
    steward = await a_steward(installation, households, keys)
    good = signed(pack(pack_row(5)))
    changed = json.loads(json.dumps(good))
    changed["pack"]["rows"][0]["values"]["amount_fen"] = 6
    stranger = signed(pack(pack_row(5)), Ed25519PrivateKey.generate())
    unknown = signed(pack(pack_row(5)), kid="k2")
    for bad in (changed, stranger, unknown):
        refused = await post(steward, "/reference/packs", bad)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/PackNotSigned")
    gap = signed(pack(pack_row(5), number=2, previous="0" * 64))
    assert (await post(steward, "/reference/packs", gap)).status_code == 409
    unfit = pack_row(5)
    unfit["values"] = {"amount": 5}
    assert (await post(steward, "/reference/packs", signed(pack(unfit)))).status_code == 422
    of_county = await a_steward(installation, households, keys, county.id)
    refused = await post(of_county, "/reference/packs", good)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    assert (await post(steward, "/reference/packs", good)).status_code == 201
    await installation.catch_up(households)
    told = (await steward.get("/refusals", params={"rule": "PackNotSigned"})).json()["items"]
    assert [one["numbers"]["issuer"] for one in told] == ["530000"] * 3


@pytest.mark.parametrize("text", ["{", '{"530000": {"keys": [{"kid": "k1", "kty": "oct"}]}}', "[]"])
def test_a_file_of_keys_that_holds_none_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "packs.json"
    file.write_text(text)
    with pytest.raises(SettingError, match="SUYUAN_PACK_ISSUERS"):
        read_pack_keys(file)
    assert read_pack_keys(None) == {}


def test_a_private_key_is_no_key_to_check_with(tmp_path: Path) -> None:
    file = tmp_path / "packs.json"
    file.write_text(key_file(KEY))
    with pytest.raises(SettingError, match="SUYUAN_PACK_ISSUERS"):
        read_pack_keys(file)
