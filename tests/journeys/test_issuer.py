"""A whole installation behind an issuer that is not its own: started without it, healed by it, with
the key set read where the issuer says."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import jwt
import pytest

from services.__main__ import SERVICES
from tests.journeys.tree import Tree, running
from tests.oidc_provider import CLAIMS, Provider, made_key, provider
from tests.signer import registered

KEYS = (made_key("EdDSA", "first"), made_key("ES256", "second"))


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[tuple[Tree, Provider]]:
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(provider(tmp_path))
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-issuer-"))
        opened = running(Path(name), SUYUAN_ISSUER=issuer.issuer)
        yield await stack.enter_async_context(opened), issuer


async def test_an_installation_without_its_issuer_says_so_and_believes_it_when_it_is_there(
    installed: tuple[Tree, Provider],
) -> None:
    tree, issuer = installed
    own = tree.token("auditor")  # by the key of the built-in issuer, which nobody believes here
    token = as_issued(issuer)  # an issuer that ran even for a moment would be asked
    async with httpx.AsyncClient(base_url=tree.settings.origin) as client:
        away = await asked(client, "funds", token)
        assert (away.status_code, away.json()["type"]) == (503, "/problems/KeysAway")
        await issuer.start(KEYS)
        give_up = time.monotonic() + 60
        while (await asked(client, "funds", token)).status_code != 200:
            assert time.monotonic() < give_up
            await asyncio.sleep(0.2)
        token = await issuer.token("urn:suyuan:ES256", "bureau")
        for service in SERVICES:
            assert (await asked(client, service.name, token)).status_code == 200
        assert (await asked(client, "funds", own)).status_code == 401
        told = (await client.get("/issuer/keys")).json()["keys"]
        assert {key["kid"] for key in told} == {"first", "second"}
        assert not any("d" in key for key in told)
        await a_system_calls(client, token)
    for file in (tree.settings.home / "logs").rglob("*"):
        assert not file.is_file() or token.split(".")[2] not in file.read_text()


def as_issued(issuer: Provider) -> str:
    """What the issuer will sign once it is there, by its own key."""
    now = int(time.time())
    of_it = {"iss": issuer.issuer, "aud": "suyuan", "sub": "bureau", "iat": now, "exp": now + 300}
    key = jwt.PyJWK(KEYS[0], algorithm="EdDSA").key
    headers = {"kid": "first", "typ": "at+jwt"}
    return jwt.encode({**of_it, **CLAIMS["bureau"]}, key, algorithm="EdDSA", headers=headers)


async def a_system_calls(client: httpx.AsyncClient, token: str) -> None:
    """Registered by the people of the issuer, believed by another service a moment later."""
    households = client.base_url.join("/api/v1/households")
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=households, headers=headers) as steward:
        signer = await registered(steward)
    give_up = time.monotonic() + 30
    while (answer := await asked(client, "funds", signer.assertion())).status_code != 200:
        assert time.monotonic() < give_up, answer.text
        await asyncio.sleep(0.2)


async def asked(client: httpx.AsyncClient, service: str, token: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return await client.get(f"/api/v1/{service}/events?limit=1", headers=headers)
