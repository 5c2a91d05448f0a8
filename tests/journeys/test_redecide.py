"""Audit replay: the rules run again on every stored request give the stored events, or name it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import asyncpg

from libs.chassis.service import Service
from libs.events.decider import AnyDecider, Decision
from libs.events.redecide import Difference, redecide
from services.__main__ import SERVICES
from services.funds.api.lot import ALLOCATE
from services.funds.domain import lot
from services.funds.domain.lot import PurposeNotAllowed
from services.funds.service import service as funds
from tests.conftest import Installation


async def again(
    installation: Installation, service: Service, deciders: Iterable[AnyDecider] | None = None
) -> list[Difference | None]:
    connection = await asyncpg.connect(**installation.stores.app(service.name))
    results = redecide(connection, service.contracts, deciders or service.every_decider)
    found = [result async for result in results]
    await connection.close()
    return found


async def stored(installation: Installation, service: Service) -> int:
    pool = (await installation.log(service)).pool
    count: int = await pool.fetchval("SELECT count(*) FROM es.requests WHERE command IS NOT NULL")
    return count


async def test_every_request_is_decided_as_it_was_and_a_changed_rule_is_named(
    kept: Installation,
) -> None:
    """n of n equal, refusals among them; then one rule is changed, and only its requests differ."""
    for service in SERVICES:
        found = await again(kept, service)
        assert (len(found), [one for one in found if one]) == (await stored(kept, service), [])
    refused = "SELECT count(*) FROM es.requests WHERE (answer->>'status')::int = 409"
    assert await (await kept.log(funds)).pool.fetchval(refused) > 0

    changed = [
        one if one is not ALLOCATE else replace(ALLOCATE, decide=stricter) for one in funds.deciders
    ]
    differences = [one for one in await again(kept, funds, changed) if one is not None]
    allocations = "SELECT count(*) FROM es.events WHERE type = 'FundAllocated'"
    assert {one.command for one in differences} == {"AllocateFund"}
    assert len(differences) == await (await kept.log(funds)).pool.fetchval(allocations)
    assert "FundAllocated" in differences[0].stored
    assert "PurposeNotAllowed" in differences[0].again


def stricter(state: Any, command: Any, facts: Any) -> Decision:
    """As if the rule had forbidden what was allowed."""
    lot.allocate(state, command, facts)
    raise PurposeNotAllowed(purpose=command.purpose, needed="无")
