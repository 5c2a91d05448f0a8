"""The published cases again, roles from the directory, rules from dated rows: same figures."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis.cases import read_case
from libs.chassis.loader import Door, Load
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.loaded import CASES, different, served
from tests.registry import decided_again

ROLES = ("clerk", "finance", "steward", "auditor", "operator")
MANY_FEN = 10**13
MONEY = ("RegisterLot", "AllocateFund", "ReserveBatch", "SendBatch", "OrderPayment")
_numbers = itertools.count(1)
_SINCE = {"valid_from": "2013-01-01"}


async def give(door: Door, path: str, role: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await door.ask(
        "POST",
        f"/api/v1/{path}",
        role,
        json={"occurred_on": "2013-01-01", **body},
        headers={"idempotency-key": f"by-data-{next(_numbers)}"},
    )
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def people(door: Door) -> dict[str, str]:
    """One user a role, holding it by its row of data; their ids by role."""
    ids = {}
    for role in ROLES:
        values = {"title": role, "duties": [role]}
        row = {"key": f"by_{role}", "values": values, **_SINCE}
        body = {"set": "role", "area": None, "row": row}
        await give(door, "households/reference/rows", "steward", body)
        user = {"subject": f"person-{role}", "unit": None, "post": role}
        ids[role] = id_ = (await give(door, "households/users", "security", user))["id"]
        grant = {"role": f"by_{role}", "area": None, **_SINCE}
        await give(door, f"households/users/{id_}/grants", "security", grant)
    return ids


async def rules(door: Door) -> None:
    """Bands above what the cases move, and a rule that only warns."""
    small = {"up_to_fen": MANY_FEN, "count": 0, "duties": []}
    bands = [small, {"up_to_fen": None, "count": 2, "duties": ["finance"]}]
    for command in MONEY:
        row = {"key": command, "values": {"bands": bands}, **_SINCE}
        body = {"set": "approval", "area": None, "row": row}
        await give(door, "funds/reference/rows", "steward", body)
    row = {"key": "StandardMismatch", "values": {"severity": "warn"}, **_SINCE}
    body = {"set": "severity", "area": None, "row": row}
    await give(door, "funds/reference/rows", "steward", body)


@pytest.mark.parametrize("name", ["004", "900"])
async def test_a_case_passes_unchanged_under_rules_by_data(
    installation: Installation, name: str
) -> None:
    case = read_case(CASES / name)
    async with served(installation) as door:
        ids = await people(door)
        await rules(door)
        by_directory = replace(door, token=lambda role: seatless(installation, role))
        done = Load(case, by_directory)
        await done.run()
        statement = await done.statement()
    assert different(case, statement) == []
    assert await actors(installation, "funds") <= set(ids.values())
    for service in SERVICES:
        await decided_again(installation, service)


async def actors(installation: Installation, name: str) -> set[str]:
    """Who gave the commands of a log, but for the rows of data."""
    service = next(one for one in SERVICES if one.name == name)
    rows = await (await installation.log(service)).pool.fetch(
        "SELECT DISTINCT metadata->'actor'->>'id' AS id FROM es.events"
        " WHERE metadata->>'origin' = 'command' AND type <> 'ReferenceSet'"
    )
    return {row["id"] for row in rows}


def seatless(installation: Installation, role: str) -> str:
    """A token that says who, and no role."""
    return installation.issuer.token(f"person-{role}", (), "", None, timedelta(hours=1))
