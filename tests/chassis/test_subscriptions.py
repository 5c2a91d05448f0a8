"""The routes of subscriptions: who may be told what, and a secret that is told once."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest
from httpx import AsyncClient

from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, decided_again, post, register_county

URL = "https://receiver.example/hooks"


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households)
    return county


async def operator(installation: Installation, area: UUID | None = None) -> AsyncClient:
    return await installation.client(households, "operator", area=area, webhooks=[URL])


async def test_a_secret_is_told_once_and_kept_in_nothing_that_is_read(
    installation: Installation, county: County
) -> None:
    client = await operator(installation)
    first = await post(client, "/subscriptions", {"url": URL, "area": str(county.id)}, key="open")
    secret = first.json()["secret"]
    assert (first.status_code, secret[:6], len(secret)) == (201, "whsec_", 50)
    id_ = first.json()["id"]
    assert first.headers["location"] == f"/api/v1/households/subscriptions/{id_}"
    again = await post(client, "/subscriptions", {"url": URL, "area": str(county.id)}, key="open")
    assert (again.json()["id"], again.json()["secret"]) == (id_, None)
    rotated = (await post(client, f"/subscriptions/{id_}/secret-rotations", {})).json()["secret"]
    assert rotated not in (None, secret)
    await installation.catch_up(households)
    shown = (await client.get("/subscriptions")).text + (
        await client.get(f"/subscriptions/{id_}")
    ).text
    assert id_ in shown
    pool = (await installation.log(households)).pool
    kept = "SELECT string_agg(t::text, '') FROM (SELECT * FROM es.{}) t"
    stored = "".join([await pool.fetchval(kept.format(t)) for t in ("events", "requests")])
    for told in (secret, rotated):
        assert told.removeprefix("whsec_")[:20] not in shown + stored


async def test_what_was_opened_a_moment_ago_is_shown_whole(
    installation: Installation, county: County
) -> None:
    """The same before the reader has it in its tables and after."""
    client = await operator(installation)
    body = {"url": URL, "from_position": 2}
    at = f"/subscriptions/{(await post(client, '/subscriptions', body)).json()['id']}"
    before = (await client.get(at)).json()
    await installation.catch_up(households)
    assert before == (await client.get(at)).json()
    assert (before["delivered_to"], before["waiting"], before["attempts"]) == (1, 0, 0)


async def test_a_crash_before_the_secret_was_made_leaves_it_to_the_same_key(
    installation: Installation, county: County
) -> None:
    client = await operator(installation)
    body = {"url": URL, "area": str(county.id)}
    id_ = (await post(client, "/subscriptions", body, key="open")).json()["id"]
    pool = (await installation.log(households)).pool
    await pool.execute("DELETE FROM es.secrets")
    again = await post(client, "/subscriptions", body, key="open")
    assert (again.json()["id"], again.json()["secret"][:6]) == (id_, "whsec_")


async def test_secrets_before_the_last_two_are_gone(
    installation: Installation, county: County
) -> None:
    client = await operator(installation)
    id_ = (await post(client, "/subscriptions", {"url": URL})).json()["id"]
    for _ in range(3):
        await post(client, f"/subscriptions/{id_}/secret-rotations", {})
    pool = (await installation.log(households)).pool
    rows = await pool.fetch("SELECT number FROM es.secrets ORDER BY number")
    assert [row["number"] for row in rows] == [3, 4]


async def test_no_reader_of_the_log_reads_a_secret(installation: Installation) -> None:
    feed = await asyncpg.connect(**installation.stores.feed("households"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await feed.fetch("SELECT * FROM es.secrets")
    await feed.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8800/api", "https://receiver.example/other", "https://a.example/"]
)
async def test_an_address_that_is_not_listed_is_refused(
    installation: Installation, county: County, url: str
) -> None:
    answer = await post(await operator(installation), "/subscriptions", {"url": url})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/AddressNotListed")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("url", "ftp://receiver.example/hooks"),
        ("url", "https://receiver.example/hooks?token=secret"),
        ("url", "https://user:word@receiver.example/hooks"),
        ("types", []),
        ("types", ["no type"]),
        ("from_position", 0),
        ("secret", "mine"),
    ],
)
async def test_what_is_no_subscription_is_malformed(
    installation: Installation, county: County, member: str, value: object
) -> None:
    body = {"url": URL, member: value}
    answer = await post(await operator(installation), "/subscriptions", body)
    assert answer.status_code == 422


async def test_one_address_is_subscribed_once_in_an_area(
    installation: Installation, county: County
) -> None:
    client = await operator(installation)
    for area in (county.east, county.west):
        answer = await post(client, "/subscriptions", {"url": URL, "area": str(area)})
        assert answer.status_code == 201
    again = await post(client, "/subscriptions", {"url": URL, "area": str(county.east)})
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/SubscriptionAlreadyOpen"


async def test_whoever_has_an_area_subscribes_to_it_and_not_to_all(
    installation: Installation, county: County
) -> None:
    east = await operator(installation, county.east)
    for area, status in ((None, 403), (county.west, 403), (county.east_village, 201)):
        body = {"url": URL, "area": None if area is None else str(area)}
        assert (await post(east, "/subscriptions", body)).status_code == status
    whole = (await post(await operator(installation), "/subscriptions", {"url": URL})).json()["id"]
    await installation.catch_up(households)
    assert (await east.get(f"/subscriptions/{whole}")).status_code == 404
    assert len((await east.get("/subscriptions")).json()["items"]) == 1
    assert (await post(east, f"/subscriptions/{whole}/pauses", {})).status_code == 403


async def test_steps_that_are_not_due_are_refused(
    installation: Installation, county: County
) -> None:
    client = await operator(installation)
    at = f"/subscriptions/{(await post(client, '/subscriptions', {'url': URL})).json()['id']}"
    refused = []
    for act, body in (
        ("resumes", {}),
        ("pauses", {}),
        ("pauses", {}),
        ("redeliveries", {"from_position": 10**6}),
        ("redeliveries", {"from_position": 1}),
        ("resumes", {}),
    ):
        answer = await post(client, f"{at}/{act}", body)
        refused.append(answer.json().get("type", "").rsplit("/", 1)[-1])
    paused, ahead = "SubscriptionAlreadyPaused", "PositionAhead"
    assert refused == ["SubscriptionNotPaused", "", paused, ahead, "", ""]
    assert (await client.get(at)).headers["etag"] == '"4"'
    assert await decided_again(installation, households) > 6
