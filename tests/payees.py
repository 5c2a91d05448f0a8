"""Invented people in their households, as a register has them, to be paid by a roster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from httpx import AsyncClient

from libs.chassis.errand_tokens import errand_key
from libs.events.types import Actor
from services.households.service import service as households
from tests.conftest import Installation
from tests.people import card, entered, listed
from tests.registry import County, post

CLERK = "officer"


async def person(
    clerk: AsyncClient, village: UUID, serial: int, on: str = "2020-01-01", **more: Any
) -> UUID:
    """With an account of its own."""
    account = {"number": card(serial), "bank": "测试银行"}
    row = entered(village, serial, account=account, **more)
    answer = await post(clerk, "/persons", listed(village, row, occurred_on=on))
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["persons"][0]["id"])


async def household(
    clerk: AsyncClient, village: UUID, key: str, members: Sequence[UUID], on: str = "2020-01-01"
) -> UUID:
    relations = ("head", *["other"] * (len(members) - 1))
    row = {
        "key": key,
        "area": str(village),
        "era": "linkage",
        "register_type": "monitored",
        "persons": len(members),
        "listed": [
            {"person": str(id_), "relation": how}
            for id_, how in zip(members, relations, strict=True)
        ],
        "registered_on": on,
        "synthetic": True,
    }
    answer = await post(clerk, "/households", {"area": str(village), "households": [row]})
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["ids"][key])


def token(installation: Installation, area: UUID, service: str = "funds", /, **more: Any) -> str:
    """As a service of the installation signs it for a clerk."""
    asker = Actor(id=CLERK, role="finance", unit="bureau", area=area)
    return errand_key(installation.services_key).token(service, "identify", asker, area, **more)


def asked(county: County, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body that asks who they are."""
    on = {"area": str(county.id), "on": "2020-12-31", "purpose": "发放花名册核对"}
    return {"occurred_on": "2020-03-16", **on, "rows": list(rows), **more}


async def identify(
    installation: Installation, bearer: str, body: dict[str, Any], key: str = ""
) -> Any:
    client = await installation.client(households)
    headers = {"authorization": f"Bearer {bearer}", "idempotency-key": key or uuid4().hex}
    return await client.post("/persons/identifications", json=body, headers=headers)
