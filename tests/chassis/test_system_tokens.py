"""What systems sign themselves: believed by registered keys alone, in every service, until these
are retired."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from libs.chassis.observe import beside
from libs.chassis.service import Service
from services.__main__ import SERVICES
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.oidc_provider import made_key
from tests.registry import County, post, register_county
from tests.signer import Signer, add, registered, retire, signed

WITHIN_S = 5.0
"""After this a retired key is refused everywhere."""


ASKED = "/events?limit=1"
"""What a system may ask of every service."""


@pytest.fixture
async def county(installation: Installation) -> County:
    return await register_county(installation)


@pytest.fixture
async def steward(installation: Installation) -> AsyncClient:
    return await installation.client(households, "steward")


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "RSA"])
async def test_a_system_is_known_by_its_own_signature_in_every_service(
    installation: Installation, steward: AsyncClient, county: County, kind: str
) -> None:
    signer = await registered(steward, county.id, kind)
    await installation.catch_up()
    for service in SERVICES:
        client = await installation.client(service)
        asked = f"{ASKED}&area={county.id}"
        answer = await client.get(asked, headers=signer.bearer())
        assert answer.status_code == 200, (service.name, answer.text)


async def test_a_system_stays_in_its_area_its_unit_and_its_one_role(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    signer = await registered(steward, county.east)
    await installation.catch_up()
    client = await installation.client(households)
    far = await client.get(f"{ASKED}&area={county.west}", headers=signer.bearer())
    assert far.status_code == 404
    claimed = signer.bearer(roles=["steward"], area=None, unit="other")
    refused = await post_as(client, claimed)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/RoleNotHeld")
    log = await installation.log(households)
    actor = await log.pool.fetchval(
        "SELECT metadata->'actor' FROM es.events ORDER BY position DESC LIMIT 1"
    )
    for part in (signer.name, "civil", str(county.east)):
        assert part in actor


async def post_as(client: AsyncClient, headers: dict[str, str]) -> Any:
    body = {"occurred_on": "2024-05-06", "alias": "x"}
    asked = {**headers, "idempotency-key": uuid4().hex}
    return await client.post(f"/areas/{uuid4()}/aliases", json=body, headers=asked)


def wrong_assertions(signer: Signer, other: Signer) -> dict[str, str]:
    """By what is wrong with each."""
    now, kid, key = int(time.time()), signer.signs_with, signer.keys[signer.signs_with]
    good, theirs = signer.claims(), other.keys[other.signs_with]
    mine = {"iss": other.name, "sub": other.name}
    return {
        "ended": signer.assertion(iat=now - 301, exp=now - 1),
        "too long": signer.assertion(exp=now + 301),
        "in the future": signer.assertion(iat=now + 90, exp=now + 120),
        "for another": signer.assertion(aud="other"),
        "without an id": signer.assertion(jti=None),
        "without an end": signer.assertion(exp=None),
        "without a beginning": signer.assertion(iat=None),
        "for someone else": signer.assertion(sub=other.name),
        "a key of this system for another": signed(key, kid, good | mine),
        "a key of another for this system": signed(theirs, other.signs_with, good),
        "no system": signed(key, kid, good | {"iss": "system:", "sub": "system:"}),
        "another key under the same id": signed(made_key("EdDSA", "own"), kid, good),
        "another kind of token": signed(key, kid, good, typ="at+jwt"),
        "ends as a text": signer.assertion(exp=str(now + 100_000)),
    }


async def test_an_assertion_that_must_not_be_believed_is_refused(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    signer = await registered(steward, county.id)
    other = await registered(steward, county.id, code="other")
    await installation.catch_up()
    client = await installation.client(households)
    asked = f"{ASKED}&area={county.id}"
    with capture_logs() as said:
        for wrong, token in wrong_assertions(signer, other).items():
            answer = await client.get(asked, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (wrong, answer.text)
            assert answer.json()["detail"].startswith("令牌"), wrong
            assert token not in answer.text + str(said), wrong
    assert (await client.get(asked, headers=signer.bearer())).status_code == 200


@pytest.mark.parametrize(("begins", "ends"), [(1, 2), (-2, -1)])
async def test_a_key_outside_its_days_is_not_believed(
    installation: Installation, steward: AsyncClient, county: County, begins: int, ends: int
) -> None:
    signer, now = await registered(steward, county.id), datetime.now(UTC)
    days = {"valid_from": now + timedelta(days=begins), "valid_until": now + timedelta(days=ends)}
    kid = await add(steward, signer, **{name: at.isoformat() for name, at in days.items()})
    await installation.catch_up()
    client = await installation.client(households)
    assert (await client.get(ASKED, headers=signer.bearer(kid))).status_code == 401


async def test_a_private_key_is_refused_and_nothing_of_it_stored(
    installation: Installation, steward: AsyncClient
) -> None:
    signer = await registered(steward)
    key = made_key("EdDSA", "own")
    kept = {name: value for name, value in key.items() if name not in ("kid", "use")}
    days = {"valid_from": "2024-01-01T00:00:00Z", "valid_until": "2034-01-01T00:00:00Z"}
    path = f"/systems/{signer.name.removeprefix('system:')}/keys"
    with capture_logs() as said:
        refused = await post(steward, path, {"key": kept, **days})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/Malformed")
    assert "私钥" in refused.text
    log = await installation.log(households)
    stored = await log.pool.fetchval(
        "SELECT (SELECT string_agg(payload::text, '') FROM es.events)"
        " || (SELECT string_agg(coalesce(command::text, ''), '') FROM es.requests)"
    )
    assert key["x"] not in stored
    assert key["d"] not in stored + refused.text + str(said)


async def test_only_the_whole_installation_says_who_may_call(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    signer = await registered(steward, county.east)
    await installation.catch_up(households)
    eastern = await installation.client(households, "steward", area=county.east)
    path = f"/systems/{signer.name.removeprefix('system:')}"
    body = {"code": "own", "organisation": "民政局", "unit": "civil", "area": str(county.east)}
    for asked, said in (
        ("/systems", body),
        (f"{path}/key-retirements", {"kid": signer.signs_with, "reason": "换钥"}),
    ):
        refused = await post(eastern, asked, said)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/NotYourArea")
    assert (await eastern.get(path)).status_code == 200


async def test_systems_are_listed_within_scope_with_their_keys(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    signer = await registered(steward, county.east)
    everywhere = await registered(steward, None, code="everywhere")
    await retire(steward, signer, signer.signs_with)
    await installation.catch_up(households)
    listed = (await steward.get("/systems")).json()["items"]
    assert {row["code"] for row in listed} == {"dibao", "everywhere"}
    western = await installation.client(households, "auditor", area=county.west)
    assert (await western.get("/systems")).json()["items"] == []
    for one in (signer, everywhere):
        path = f"/systems/{one.name.removeprefix('system:')}"
        assert (await western.get(path)).status_code == 404
    shown = (await steward.get(f"/systems/{signer.name.removeprefix('system:')}")).json()
    assert [(key["kid"], key["retired"]) for key in shown["keys"]] == [(signer.signs_with, True)]


class Load:
    """A system that never stops calling, each time with an assertion of its own."""

    def __init__(self, signer: Signer, client: AsyncClient, asked: str) -> None:
        self.signer, self.client, self.asked = signer, client, asked
        self.answers: list[tuple[float, str, int]] = []

    async def ask(self, kid: str = "") -> None:
        """With this key, whatever becomes of it, or with the one in use."""
        while True:
            began, used = time.monotonic(), kid or self.signer.signs_with
            answer = await self.client.get(self.asked, headers=self.signer.bearer(used))
            self.answers.append((began, used, answer.status_code))
            await asyncio.sleep(0.005)


@asynccontextmanager
async def readers(installation: Installation, *services: Service) -> AsyncIterator[None]:
    """Their readers, running as a worker runs them."""
    async with AsyncExitStack() as stack:
        for service in services:
            for reader in service.every_reader:
                reading = await installation.reading(service, reader)
                await stack.enter_async_context(beside(reading.run()))
        yield


async def test_no_call_fails_while_a_system_changes_its_key_and_none_passes_with_the_old_one(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    """In households, whose own key it is, and in funds, which copies it."""
    doors = [await installation.client(service) for service in (households, funds)]
    async with readers(installation, households, funds), AsyncExitStack() as stack:
        signer = await registered(steward, county.id)
        old, asked = signer.signs_with, f"{ASKED}&area={county.id}"
        for client in doors:
            await _answers(client, asked, signer)
        loads = [Load(signer, client, asked) for client in doors]
        stubborn = [Load(signer, client, asked) for client in doors]
        for load in loads:
            await stack.enter_async_context(beside(load.ask()))
        for load in stubborn:
            await stack.enter_async_context(beside(load.ask(old)))
        await asyncio.sleep(0.5)
        new = await add(steward, signer)
        signer.signs_with = old
        await asyncio.sleep(2)  # a system goes on with the old one until the new is known
        signer.signs_with = new
        await asyncio.sleep(0.5)
        await retire(steward, signer, old)
        retired_at = time.monotonic()
        await asyncio.sleep(WITHIN_S + 1)
    for load in loads:
        assert {status for _, _, status in load.answers} == {200}
        assert {kid for _, kid, _ in load.answers} == {old, new}
        assert len(load.answers) > 100
    for load in stubborn:
        before = {status for began, _, status in load.answers if began < retired_at}
        after = {status for began, _, status in load.answers if began > retired_at + WITHIN_S}
        assert (before, after) == ({200}, {401})


async def _answers(client: AsyncClient, asked: str, signer: Signer) -> None:
    """Once the service knows the system, its area and its key."""
    give_up = time.monotonic() + 30
    while (answer := await client.get(asked, headers=signer.bearer())).status_code != 200:
        assert time.monotonic() < give_up, answer.text
        await asyncio.sleep(0.05)


async def test_where_no_reader_confirms_the_keys_no_system_is_believed(
    installation: Installation, steward: AsyncClient, county: County
) -> None:
    """A key might have been retired meanwhile; people go on."""
    signer = await registered(steward, county.id)
    await installation.catch_up()
    client = await installation.client(funds)
    asked = f"{ASKED}&area={county.id}"
    assert (await client.get(asked, headers=signer.bearer())).status_code == 200
    old = "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '61 s'"
    await installation.plant(funds, f"{old} WHERE reader = 'known'")
    await asyncio.sleep(2.1)
    refused = await client.get(asked, headers=signer.bearer())
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/KeysAway")
    auditor = await installation.client(funds, "auditor")
    assert (await auditor.get(asked)).status_code == 200
