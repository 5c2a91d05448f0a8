"""Doors of members: a change and a split, and what everyone else then counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.people import entered, listed
from tests.registry import County, decided_again, post, register_county


@pytest.fixture
async def county(installation: Installation) -> County:
    return await register_county(installation)


async def a_family(clerk: AsyncClient, county: County, relations: list[str]) -> tuple[str, Any]:
    """The household's id, and the ids of one person for each relation and one more."""
    people = [entered(county.east_village, serial) for serial in range(1, len(relations) + 2)]
    ids = [one["id"] for one in (await registered(clerk, county, people))]
    members = [{"person": id_, "relation": r} for id_, r in zip(ids, relations, strict=False)]
    row = {
        "key": "H-1",
        "area": str(county.east_village),
        "era": "alleviation",
        "register_type": "registered_poor",
        "persons": len(relations),
        "listed": members,
        "registered_on": "2015-12-31",
        "synthetic": True,
    }
    done = await post(clerk, "/households", {"area": str(county.id), "households": [row]})
    assert done.status_code == 201, done.text
    return done.json()["ids"]["H-1"], ids


async def registered(clerk: AsyncClient, county: County, people: list[Any]) -> list[Any]:
    done = await post(clerk, "/persons", listed(county.id, *people))
    assert done.status_code == 201, done.text
    told: list[Any] = done.json()["persons"]
    return told


async def figure(installation: Installation, measured: dict[str, Any]) -> str:
    await installation.catch_up(households, reporting)
    reader = await installation.client(reporting, "auditor")
    said = await reader.post("/figures/value", json={"definition": measured})
    assert said.status_code == 200, said.text
    text: str = said.json()["text"]
    return text


async def test_every_change_moves_the_persons_everywhere(
    installation: Installation, county: County
) -> None:
    clerk = await installation.client(households, "clerk")
    home, (head, spouse, son, born) = await a_family(clerk, county, ["head", "spouse", "son"])
    path = f"/households/{home}"
    birth = {"change": "birth", "person": born, "relation": "daughter"}
    assert (await post(clerk, f"{path}/member-changes", birth)).json()["persons"] == 4
    death = {"change": "death", "person": head}
    assert (await post(clerk, f"{path}/member-changes", death)).json()["persons"] == 3
    named = {"change": "relation", "person": spouse, "relation": "head"}
    assert (await post(clerk, f"{path}/member-changes", named)).status_code == 201
    apart = {"key": "H-2", "members": [{"person": son, "relation": "head"}]}
    split = await post(clerk, f"{path}/splits", apart)
    assert (split.status_code, split.json()["persons"]) == (201, 1), split.text
    shown = (await clerk.get(path)).json()
    assert (shown["persons"], shown["listed"], shown["split_from"]) == (2, 2, None)
    new = (await clerk.get(f"/households/{split.json()['id']}")).json()
    assert (new["persons"], new["split_from"]) == (1, home)
    assert await decided_again(installation, households) > 5
    await installation.catch_up(households, funds)
    pool = (await installation.log(households)).pool
    there = {
        (str(row["person"]), str(row["household"]))
        for row in await pool.fetch("SELECT * FROM view.members WHERE left_on IS NULL")
    }
    assert there == {(spouse, home), (born, home), (son, split.json()["id"])}
    persons = "SELECT id, persons FROM view.households ORDER BY persons"
    assert [row["persons"] for row in await pool.fetch(persons)] == [1, 2]
    copy = (await installation.log(funds)).pool
    members = await copy.fetchval("SELECT members FROM known.households WHERE id = $1", UUID(home))
    assert {str(one) for one in members} == {spouse, born}


async def test_a_refusal_names_the_next_step(installation: Installation, county: County) -> None:
    clerk = await installation.client(households, "clerk")
    home, (_, spouse, *_) = await a_family(clerk, county, ["head", "spouse"])
    second = {"change": "relation", "person": spouse, "relation": "head"}
    refused = await post(clerk, f"/households/{home}/member-changes", second)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/SecondHead")
    assert "请先改其与户主关系" in refused.json()["detail"]
    western = await installation.client(households, "clerk", area=county.west)
    outside = await post(western, f"/households/{home}/member-changes", second)
    assert (outside.status_code, outside.json()["type"]) == (403, "/problems/NotYourArea")
    typed = await post(clerk, f"/households/{home}/member-changes", {**second, "change": "death"})
    assert typed.status_code == 422
    lone = {"key": "H-2", "members": [{"person": spouse, "relation": "spouse"}]}
    headless = await post(clerk, f"/households/{home}/splits", lone)
    assert headless.json()["type"] == "/problems/OneHeadNeeded"
