"""The planted district with reporting caught up, and clients that may ask for a known_at."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient, Response

from libs.chassis.auth import OwnTokens, Verifier
from libs.chassis.http import application
from libs.events.log import Log
from services.__main__ import SERVICES
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.reporting import planted

_keys = itertools.count(1)


@dataclass
class District:
    """Reporting over the planted logs, and its clients."""

    installation: Installation
    logs: dict[str, Log]
    stack: AsyncExitStack

    async def client(self, *held: str, area: UUID | None = None, feeds: bool = True) -> AsyncClient:
        issuer = self.installation.issuer
        app = application(
            reporting, self.logs["reporting"], Verifier(OwnTokens(issuer.key_set, issuer.url))
        )
        if feeds:
            app.state.feeds = {s.name: self.installation.feed(s.name) for s in SERVICES}
        token = issuer.token("u1", held, "bureau", area, timedelta(hours=1))
        client = AsyncClient(
            transport=ASGITransport(app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {token}"},
        )
        return await self.stack.enter_async_context(client)

    async def catch_up(self) -> None:
        await self.installation.catch_up(reporting)

    async def declare(self, client: AsyncClient, **figures: dict[str, Any]) -> None:
        """Figures of the county by code (`__` for a dot), in order, visible when this returns."""
        for name, definition in figures.items():
            made = await self.post(
                client, "/figures", **figure(name.replace("__", "."), definition)
            )
            assert made.status_code == 201, made.text
        await self.catch_up()

    async def post(self, client: AsyncClient, path: str, **body: Any) -> Response:
        key = {"idempotency-key": f"k{next(_keys)}"}
        return await client.post(path, json={"occurred_on": "2021-08-12", **body}, headers=key)


def figure(code: str, definition: dict[str, Any], area: UUID = planted.COUNTY) -> dict[str, Any]:
    return {"figure": code, "title": f"指标 {code}", "area": str(area), "definition": definition}


@pytest.fixture
async def district(installation: Installation) -> AsyncIterator[District]:
    logs = {service.name: await installation.log(service) for service in SERVICES}
    await planted.plant_all(logs)
    async with AsyncExitStack() as stack:
        found = District(installation, logs, stack)
        await found.catch_up()
        yield found
