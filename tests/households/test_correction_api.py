"""Corrections in households over HTTP: both texts of a person sealed, two people at one household,
names and codes that stay one thing's, and a stored correction decided again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx import AsyncClient, Response

from services.households.service import service as households
from tests.conftest import Installation
from tests.people import entered, id_number, listed, phone, reference_rows
from tests.registry import DAY, County, decided_again, made, post, register_county

WHY = {"reason": "录入时看错一行"}


@pytest.fixture
async def county(installation: Installation) -> County:
    steward = await installation.client(households, "steward", subject="steward")
    for row in reference_rows():
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    return await register_county(installation)


async def correct(client: AsyncClient, path: str, dry: bool = False, **changes: Any) -> Response:
    asked = f"{path}/corrections" + ("?dry_run=true" if dry else "")
    return await post(client, asked, {**WHY, "changes": changes})


def named(answer: Response) -> str:
    kind: str = answer.json()["type"]
    return kind.removeprefix("/problems/")


async def a_household(clerk: AsyncClient, county: County, **more: Any) -> str:
    row = {
        "key": "H-1",
        "area": str(county.east_village),
        "era": "alleviation",
        "register_type": "registered_poor",
        "persons": 3,
        "registered_on": "2015-12-31",
        "synthetic": True,
    }
    said = await post(clerk, "/households", {"area": str(county.id), "households": [row | more]})
    assert said.status_code == 201, said.text
    id_: str = said.json()["ids"]["H-1"]
    return id_


async def test_fault_15_two_people_edit_one_household_and_the_later_is_told_field_by_field(
    installation: Installation, county: County
) -> None:
    """Product 7, fault 15: 412 with the field, both values, who and when; nothing typed is lost,
    and what the first one did not touch goes through on the newer version."""
    first = await installation.client(households, "clerk", subject="first")
    later = await installation.client(households, "clerk", subject="later")
    path = f"/households/{await a_household(first, county)}"
    seen = (await first.get(path)).headers["etag"]
    done = await correct(first, path, persons=4, register_type="lifted")
    assert done.status_code == 201, done.text
    body = {"occurred_on": DAY, **WHY, "changes": {"persons": 5, "era": "linkage"}}
    headers = {"if-match": seen, "idempotency-key": "later"}
    refused = await later.post(f"{path}/corrections", json=body, headers=headers)
    assert (refused.status_code, named(refused)) == (412, "ChangedMeanwhile")
    told = refused.json()
    assert told["conflicts"] == [{"field": "persons", "yours": 5, "theirs": 4}]
    (one,) = told["meanwhile"]
    assert (one["version"], one["event"]) == (2, "HouseholdCorrected")
    assert one["by"] == {"id": "first", "role": "clerk", "unit": "bureau"}
    assert one["at"].startswith("20")
    assert one["changes"] == [
        {"field": "persons", "was": 3, "now": 4},
        {"field": "register_type", "was": "registered_poor", "now": "lifted"},
    ]
    again = {**body, "changes": {"era": "linkage"}}
    merged = await later.post(
        f"{path}/corrections",
        json=again,
        headers={"if-match": done.headers["etag"], "idempotency-key": "merged"},
    )
    assert merged.status_code == 201, merged.text
    shown = (await later.get(path)).json()
    assert (shown["persons"], shown["era"], shown["register_type"]) == (4, "linkage", "lifted")
    assert await decided_again(installation, households) > 0


async def test_what_else_happened_meanwhile_is_told_by_its_fields(
    installation: Installation, county: County
) -> None:
    clerk = await installation.client(households, "clerk")
    path = f"/households/{await a_household(clerk, county)}"
    flag = {"risks": ["health"], "source": "survey", "clue": "测试名单"}
    assert (await post(clerk, f"{path}/flags", flag)).status_code == 201
    stale = {"if-match": '"1"', "idempotency-key": "stale"}
    body = {"occurred_on": DAY, **WHY, "changes": {"persons": 5}}
    refused = (await clerk.post(f"{path}/corrections", json=body, headers=stale)).json()
    (one,) = refused["meanwhile"]
    changed = {change["field"]: (change["was"], change["now"]) for change in one["changes"]}
    assert (one["event"], refused["conflicts"]) == ("HouseholdFlagged", [])
    assert changed["clue"] == (None, "测试名单")
    assert "household" not in changed
    assert "area" not in changed


async def test_listed_members_say_how_many_persons_there_are(
    installation: Installation, county: County
) -> None:
    """H2."""
    clerk = await installation.client(households, "clerk")
    path = f"/households/{await a_household(clerk, county, members=['1', '2', '3'])}"
    assert named(await correct(clerk, path, persons=4)) == "MembersAreThePersons"
    assert named(await correct(clerk, path, area=str(county.west_village))) == "NotCorrectable"
    shown = await correct(clerk, path, dry=True, era="linkage")
    assert {one["what"]: one["count"] for one in shown.json()["dependants"]} == {
        "members": 3,
        "flags": 0,
    }


async def test_a_persons_texts_are_corrected_and_neither_stands_anywhere_in_clear(
    installation: Installation, county: County
) -> None:
    clerk = await installation.client(households, "clerk")
    village = county.east_village
    row = entered(village, phone=phone(7))
    said = await post(clerk, "/persons", listed(village, row, occurred_on="1990-01-02"))
    path = f"/persons/{said.json()['persons'][0]['id']}"
    rehearsed = await correct(clerk, path, dry=True, name="试验乙")
    assert rehearsed.json()["answer"]["changes"] == [{"field": "name", "was": None, "now": None}]
    done = await correct(clerk, path, name="试验乙", phone=phone(8))
    assert (done.status_code, done.json()) == (
        201,
        {
            "id": path.removeprefix("/persons/"),
            "changes": [
                {"field": "name", "was": None, "now": None},
                {"field": "phone", "was": None, "now": None},
            ],
            "derived": [],
            "warnings": [],
        },
    )
    asked = {"fields": ["name", "phone"], "purpose": "测试核对", "profile": "full"}
    seen = await post(clerk, f"{path}/reveals", asked)
    assert seen.json()["values"] == {"name": "试验乙", "phone": phone(8)}
    look = {"area": str(village), "purpose": "测试核对"}
    found = await post(clerk, "/persons/names", {**look, "name": "试验乙"})
    assert found.json()["found"] == [[path.removeprefix("/persons/")]]
    told = (await clerk.get(f"{path}/corrections")).json()["corrections"]
    assert told[0]["changes"] == done.json()["changes"]
    assert named(await correct(clerk, path, name="试验乙")) == "NothingToCorrect"
    pool = (await installation.log(households)).pool
    stored = await pool.fetchval(
        "SELECT string_agg(payload::text, '') || (SELECT string_agg(command::text, '')"
        " FROM es.requests) FROM es.events"
    )
    for text in (row["name"], "试验乙", phone(7), phone(8)):
        assert text not in stored
        assert json.dumps(text).strip('"') not in stored
    assert await decided_again(installation, households) > 0


async def test_a_refused_correction_of_a_person_leaves_its_texts_nowhere(
    installation: Installation, county: County
) -> None:
    """Neither an older version nor a rule that says no makes anyone findable by what was typed."""
    clerk = await installation.client(households, "clerk")
    village = county.east_village
    both = listed(village, entered(village, 1), entered(village, 2), occurred_on="1990-01-02")
    one, _ = (await post(clerk, "/persons", both)).json()["persons"]
    path = f"/persons/{one['id']}"
    assert (await correct(clerk, path, phone=phone(5))).status_code == 201
    wrong: dict[str, Any] = {"name": "试验丙", "phone": phone(9)}
    body = {"occurred_on": DAY, **WHY, "changes": wrong}
    stale = {"if-match": '"1"', "idempotency-key": "stale"}
    assert (await clerk.post(f"{path}/corrections", json=body, headers=stale)).status_code == 412
    anothers = {**wrong, "id_number": id_number(2)}
    shown = {**body, "document": "测民〔2020〕9号", "changes": anothers}
    said = await post(clerk, f"{path}/corrections", shown)
    assert named(said) == "NumberIsAnothers"
    look = {"area": str(village), "purpose": "测试核对"}
    by_name = await post(clerk, "/persons/names", {**look, "name": "试验丙"})
    by_phone = await post(clerk, "/persons/matches", {**look, "phones": [phone(9)]})
    assert (by_name.json()["found"], by_phone.json()["found"]) == ([[]], [[]])
    assert (await correct(clerk, path, **wrong)).status_code == 201
    by_name = await post(clerk, "/persons/names", {**look, "name": "试验丙"})
    assert by_name.json()["found"] == [[path.removeprefix("/persons/")]]


async def test_a_corrected_name_is_one_organisations_and_the_typed_one_stays_an_alias(
    installation: Installation, county: County
) -> None:
    steward = await installation.client(households, "steward", subject="steward")
    body = {"kind": "bureau", "area": str(county.id)}
    one = await made(steward, "/organisations", {**body, "name": "农业农村菊"})
    await made(steward, "/organisations", {**body, "name": "财政局"})
    path = f"/organisations/{one}"
    assert named(await correct(steward, path, name="财政局")) == "AliasTaken"
    assert (await correct(steward, path, name="农业农村局")).status_code == 201
    shown = (await steward.get(path)).json()
    assert (shown["name"], shown["aliases"]) == ("农业农村局", ["农业农村菊"])
    again = await post(steward, "/organisations", {**body, "name": "农业农村局"})
    assert named(again) == "AliasTaken"
    back = await correct(steward, path, name="农业农村菊")
    assert back.status_code == 201, back.text
    await installation.catch_up(households)
    rows = (await steward.get("/organisations", params={"name": "农业农村局"})).json()["items"]
    assert [(row["id"], row["name"]) for row in rows] == [(str(one), "农业农村菊")]


async def test_a_corrected_code_is_one_areas_from_the_same_day(
    installation: Installation, county: County
) -> None:
    steward = await installation.client(households, "steward", subject="steward")
    path = f"/areas/{county.east}"
    assert named(await correct(steward, path, code="370112101")) == "CodeTaken"
    assert named(await correct(steward, path, parent=str(county.west))) == "NotCorrectable"
    done = await correct(steward, path, code="370112109", name="东镇街道")
    assert done.status_code == 201, done.text
    shown = (await steward.get(path)).json()
    assert [(one["code"], one["name"], one["valid_from"]) for one in shown["codes"]] == [
        ("370112109", "东镇街道", "2013-01-01")
    ]
    await installation.catch_up(households)
    found = await steward.get("/areas", params={"code": "370112109"})
    assert [row["id"] for row in found.json()["items"]] == [str(county.east)]
    assert await decided_again(installation, households) > 0


async def test_a_fact_is_corrected_from_the_day_on_from_which_it_counts(
    installation: Installation, county: County
) -> None:
    """Whenever it is noticed: no figure of a day in between says what was never so."""
    clerk = await installation.client(households, "clerk")
    path = f"/households/{await a_household(clerk, county)}"
    counted = {"area": str(county.id), "population": "monitored", "persons": 366}
    count = f"/populations/{await made(clerk, '/populations', counted)}"
    for one in (path, count):
        for day in ("1999-12-31", "2026-01-01"):
            body = {**WHY, "effective_on": day, "changes": {"persons": 5}}
            said = await post(clerk, f"{one}/corrections", body)
            assert named(said) == "CountsWithItsThing"
        for day, persons in (("2026-01-01", 5), (DAY, 6)):
            body = {**WHY, "occurred_on": day, "changes": {"persons": persons}}
            said = await post(clerk, f"{one}/corrections", body)
            assert said.status_code == 201, said.text
        told = (await clerk.get(f"{one}/corrections")).json()["corrections"]
        assert [each["occurred_on"] for each in told] == ["2026-01-01", DAY]
        assert [each["effective_on"] for each in told] == [DAY, DAY]
    assert await decided_again(installation, households) > 0


async def test_a_count_keeps_at_least_one_side(installation: Installation, county: County) -> None:
    clerk = await installation.client(households, "clerk")
    counted = {"area": str(county.id), "population": "monitored", "persons": 366}
    path = f"/populations/{await made(clerk, '/populations', counted)}"
    assert named(await correct(clerk, path, persons=None)) == "NothingCounted"
    assert (await correct(clerk, path, persons=365)).status_code == 201
    assert (await clerk.get(path)).json()["persons"] == 365
