"""A security administrator of a county, and users whose tokens say who and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from httpx import AsyncClient, Response

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, made

ALWAYS = {"valid_from": "2020-01-01"}


class Office:
    """A county, its security administrator, and users without any role in their tokens."""

    def __init__(self, installation: Installation, county: County, security: AsyncClient) -> None:
        self.installation, self.county, self.security = installation, county, security
        self.unit = county.id
        self.ids: dict[str, UUID] = {}

    async def user(self, subject: str) -> UUID:
        body = {"subject": subject, "unit": str(self.unit), "post": "股长"}
        self.ids[subject] = await made(self.security, "/users", body)
        return self.ids[subject]

    async def grant(self, subject: str, role: str, area: UUID | None, **days: Any) -> UUID:
        body = {"role": role, "area": None if area is None else str(area), **(days or ALWAYS)}
        return await made(self.security, f"/users/{self.ids[subject]}/grants", body)

    async def delegate(self, giver: str, grant: UUID, to: str, **days: str) -> None:
        body = {"grant": str(grant), "to": str(self.ids[to]), "document": "委字1号", **days}
        await made(self.security, f"/users/{self.ids[giver]}/delegations", body)

    async def told(self) -> None:
        await self.installation.catch_up(households, funds)

    async def as_(self, subject: str, service: Any = funds, **headers: str) -> AsyncClient:
        client = await self.installation.client(service)
        token = self.installation.issuer.token(subject, (), "", None, timedelta(hours=1))
        client.headers.update({"authorization": f"Bearer {token}", **headers})
        return client


async def open_office(installation: Installation, county: County) -> Office:
    steward = await installation.client(households, "steward")
    office = Office(installation, county, await installation.client(households, "security"))
    unit = {"name": "财政局", "kind": "bureau", "area": str(county.id)}
    office.unit = await made(steward, "/organisations", unit)
    await office.told()
    return office


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")
