"""What a caller may do whose token says who but not what: the directory's grants, of today."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Response

from libs.events.clock import today
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.office import Office, open_office, refusal
from tests.registry import decided_again, made, post, register_county

TODAY = today()
_numbers = itertools.count(1)


@pytest.fixture
async def office(installation: Installation) -> Office:
    return await open_office(installation, await register_county(installation))


async def flag(client: AsyncClient, area: UUID) -> Response:
    """Some command of a clerk, in an area."""
    body = {
        "area": str(area),
        "year": 2020,
        "name": f"项目 {next(_numbers)}",
        "kind": "relief",
        "purpose": "relief",
    }
    return await post(client, "/projects", body)


async def test_a_user_may_what_is_granted_where_it_is_granted(office: Office) -> None:
    user = await office.user("s1")
    await office.grant("s1", "clerk", office.county.east)
    await office.told()
    clerk = await office.as_("s1")
    done = await flag(clerk, office.county.east_village)
    assert done.status_code == 201
    assert refusal(await flag(clerk, office.county.west)) == (403, "NotYourArea")
    policy = {"area": str(office.county.east), "in_force_from": "2020-01-01", "levels": ["county"]}
    assert refusal(await post(clerk, "/draw-policies", policy)) == (403, "RoleNotHeld")
    auditor = await office.installation.client(funds, "auditor")
    (proposed,) = (await auditor.get("/events", params={"types": "ProjectProposed"})).json()[
        "events"
    ]
    assert proposed["metadata"]["actor"] == {
        "id": str(user),
        "role": "clerk",
        "unit": str(office.unit),
        "area": str(office.county.east),
    }
    assert refusal(await flag(await office.as_("nobody"), office.county.east)) == (
        403,
        "RoleNotHeld",
    )


async def test_a_grant_holds_on_its_days_and_none_after_it_ended(office: Office) -> None:
    yesterday, tomorrow = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
    await office.user("s1")
    await office.grant("s1", "clerk", None, valid_from="2020-01-01", valid_until=str(yesterday))
    await office.grant("s1", "finance", None, valid_from=str(tomorrow))
    lasting = await office.grant("s1", "auditor", None, valid_from="2020-01-02")
    await office.told()
    user = await office.as_("s1")
    assert refusal(await flag(user, office.county.east)) == (403, "RoleNotHeld")
    assert (await user.get("/events")).status_code == 200
    end = {"grant": str(lasting), "valid_until": str(yesterday), "reason": "调离"}
    ended = await post(office.security, f"/users/{office.ids['s1']}/grant-ends", end)
    assert ended.status_code == 201
    await office.told()
    assert (await user.get("/events")).status_code == 403


async def test_a_retry_is_a_retry_though_the_directory_came_to_know_who_asks(
    office: Office,
) -> None:
    stating = await office.installation.client(funds, "clerk", subject="s1")
    body = {"area": str(office.county.east), "year": 2020, "name": "项目", "kind": "relief"}
    body |= {"purpose": "relief"}
    first = await post(stating, "/projects", body, key="once")
    await office.user("s1")
    await office.told()
    await asyncio.sleep(1.1)  # who somebody is, is remembered for a second
    again = await post(stating, "/projects", body, key="once")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replay"] == "true"


async def test_an_old_copy_of_the_directory_seats_nobody(office: Office) -> None:
    """Who was disabled meanwhile could not be told from who was not."""
    await office.user("s1")
    await office.grant("s1", "clerk", None)
    await office.told()
    clerk = await office.as_("s1")
    await office.installation.plant(
        funds, "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '6 min'"
    )
    await asyncio.sleep(1.1)  # freshness is remembered for a second
    assert refusal(await flag(clerk, office.county.east)) == (503, "StaleReference")


async def lend(office: Office, of: UUID, **days: Any) -> Response:
    span = {"valid_from": str(TODAY - timedelta(days=7)), "valid_until": str(TODAY), **days}
    body = {"grant": str(of), "to": str(office.ids["deputy"]), "document": "委字1号", **span}
    return await post(office.security, f"/users/{office.ids['chief']}/delegations", body)


async def test_a_delegate_acts_in_the_week_of_the_letter_and_falls_with_the_giver(
    office: Office,
) -> None:
    for subject in ("chief", "deputy"):
        await office.user(subject)
    grant = await office.grant("chief", "clerk", office.county.east)
    over = await lend(
        office,
        grant,
        valid_from=str(TODAY - timedelta(days=14)),
        valid_until=str(TODAY - timedelta(days=8)),
    )
    assert over.status_code == 201
    await office.told()
    deputy = await office.as_("deputy")
    assert refusal(await flag(deputy, office.county.east)) == (403, "RoleNotHeld")
    assert (await lend(office, grant)).status_code == 201
    await office.told()
    assert (await flag(deputy, office.county.east)).status_code == 201
    assert refusal(await flag(deputy, office.county.west)) == (403, "NotYourArea")
    await post(office.security, f"/users/{office.ids['chief']}/disablings", {"reason": "换届"})
    await office.told()
    assert refusal(await flag(deputy, office.county.east)) == (403, "RoleNotHeld")
    chief = await office.as_("chief")
    assert refusal(await flag(chief, office.county.east)) == (403, "RoleNotHeld")
    stored = "SELECT count(*) FROM es.requests WHERE facts->>'behalf' = $1"
    pool = (await office.installation.log(funds)).pool
    assert await pool.fetchval(stored, str(office.ids["chief"])) == 2  # done, and not your area
    assert await decided_again(office.installation, households) > 8
    assert await decided_again(office.installation, funds) > 0


async def test_of_several_grants_the_widest_is_taken_or_one_is_named(office: Office) -> None:
    await office.user("s1")
    east = await office.grant("s1", "clerk", office.county.east)
    west = await office.grant("s1", "clerk", office.county.west)
    await office.told()
    user = await office.as_("s1")
    asked = await flag(user, office.county.east)
    assert refusal(asked) == (403, "ChooseGrant")
    assert str(east) in asked.json()["detail"]
    by_east = await office.as_("s1", **{"acting-as": str(east)})
    assert (await flag(by_east, office.county.east)).status_code == 201
    assert refusal(await flag(by_east, office.county.west)) == (403, "NotYourArea")
    by_west = await office.as_("s1", **{"acting-as": str(west)})
    assert (await flag(by_west, office.county.west)).status_code == 201
    bad = await office.as_("s1", **{"acting-as": "east"})
    assert (await flag(bad, office.county.east)).status_code == 400
    strange = await office.as_("s1", **{"acting-as": str(office.unit)})
    assert refusal(await flag(strange, office.county.east)) == (403, "RoleNotHeld")
    await office.grant("s1", "clerk", office.county.id, valid_from="2020-01-03")
    await office.told()
    assert (await flag(user, office.county.west)).status_code == 201


async def test_what_was_done_keeps_the_post_of_then(office: Office) -> None:
    user = await office.user("s1")
    await office.grant("s1", "clerk", None)
    await office.told()
    clerk = await office.as_("s1")
    assert (await flag(clerk, office.county.east)).status_code == 201
    steward = await office.installation.client(households, "steward")
    other = {"name": "农业农村局", "kind": "bureau", "area": str(office.county.id)}
    unit = await made(steward, "/organisations", other)
    moved = await post(office.security, f"/users/{user}/posts", {"unit": str(unit), "post": "会计"})
    assert moved.status_code == 201
    await office.told()
    assert (await flag(clerk, office.county.west)).status_code == 201
    auditor = await office.installation.client(funds, "auditor")
    found = (await auditor.get("/events", params={"types": "ProjectProposed"})).json()["events"]
    assert [one["metadata"]["actor"]["unit"] for one in found] == [str(office.unit), str(unit)]


async def test_users_are_listed_and_shown(office: Office) -> None:
    for subject in ("s1", "s2"):
        await office.user(subject)
    await office.grant("s1", "clerk", office.county.east)
    handed = {"to": str(office.ids["s2"]), "document": "交接1号"}
    path = f"/users/{office.ids['s1']}"
    assert (
        await post(office.security, f"{path}/disablings", {"reason": "调离"})
    ).status_code == 201
    assert (await post(office.security, f"{path}/handovers", handed)).status_code == 201
    await office.told()
    rows = (await office.security.get("/users")).json()["items"]
    told = {row["subject"]: (row["disabled"], row["successor"]) for row in rows}
    assert told == {"s1": (True, str(office.ids["s2"])), "s2": (False, None)}
    one = (await office.security.get("/users", params={"subject": "s1"})).json()["items"]
    assert [row["id"] for row in one] == [str(office.ids["s1"])]
    shown = (await office.security.get(path)).json()
    assert (shown["disabled"], shown["grants"][0]["duties"]) == (True, ["clerk"])
    of_east = await office.installation.client(households, "security", area=office.county.east)
    assert (await of_east.get(path)).status_code == 404
    assert refusal(await post(of_east, f"{path}/disablings", {"reason": "x"})) == (
        403,
        "NotYourArea",
    )
