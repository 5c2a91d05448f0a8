"""A small registry for tests: one county, two townships, a village in each, made over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from httpx import AsyncClient, Response

from libs.chassis.service import Service
from libs.events.redecide import redecide
from services.households.service import service as households
from tests.conftest import Installation

_keys = itertools.count(1)
DAY = "2020-03-16"


async def post(
    client: AsyncClient, path: str, body: Mapping[str, Any], key: str | None = None
) -> Response:
    """A command of one day, under a key of its own unless one is given."""
    headers = {"idempotency-key": key or f"k{next(_keys)}"}
    return await client.post(path, json={"occurred_on": DAY, **body}, headers=headers)


async def made(client: AsyncClient, path: str, body: Mapping[str, Any]) -> UUID:
    """The id of what an accepted command made."""
    response = await post(client, path, body)
    assert response.status_code == 201, response.text
    return UUID(response.json()["id"])


def area(code: str, name: str, level: str, parent: UUID | None) -> dict[str, Any]:
    """The body that registers an area."""
    return {
        "code": code,
        "name": name,
        "level": level,
        "parent": None if parent is None else str(parent),
        "valid_from": "2013-01-01",
    }


@dataclass(frozen=True)
class County:
    id: UUID
    east: UUID
    east_village: UUID
    west: UUID
    west_village: UUID


async def register_county(installation: Installation) -> County:
    """Registered by a steward of the whole installation."""
    steward = await installation.client(households, "steward", subject="steward")
    top = await made(steward, "/areas", area("370112", "历城区", "county", None))
    east = await made(steward, "/areas", area("370112100", "东镇", "township", top))
    west = await made(steward, "/areas", area("370112101", "西镇", "township", top))
    return County(
        top,
        east,
        await made(steward, "/areas", area("370112100201", "东村", "village", east)),
        west,
        await made(steward, "/areas", area("370112101201", "西村", "village", west)),
    )


async def decided_again(installation: Installation, service: Service) -> int:
    """The stored requests of a service, each decided again to the same events and answer."""
    connection = await asyncpg.connect(**installation.stores.app(service.name))
    found = [
        again async for again in redecide(connection, service.contracts, service.every_decider)
    ]
    await connection.close()
    assert [difference for difference in found if difference is not None] == []
    return len(found)
