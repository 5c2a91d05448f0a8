"""A1 seen from the money: a project that was paid for, of a kind that leaves something, is due."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from libs.events.contracts.assets import FormationExpected, FormationNotExpected
from libs.events.contracts.funds import FundPaid, FundSent
from libs.events.contracts.money import Movement
from libs.events.log import Log
from libs.events.types import Metadata, Recorded, Reliance
from services.assets.domain.expectation import (
    FORMING_KINDS,
    ExpectationFacts,
    ExpectFormation,
    expect,
    expectation_stream,
    expectations,
)
from services.assets.policies import expect_formation
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from tests.assets.conftest import Funded
from tests.conftest import Installation
from tests.events_of import CLERK, plant
from tests.registry import decided_again, made, post
from tests.spec import when

PROJECT, COUNTY, LOT = UUID(int=1), UUID(int=2), UUID(int=3)
FUNDS = Reliance(source="funds", epoch=1, position=9)
DAY = date(2020, 3, 16)
COMMAND = ExpectFormation(occurred_on=DAY, project=PROJECT)


def facts(kind: str) -> ExpectationFacts:
    return ExpectationFacts(path=(COUNTY,), funds=FUNDS, kind=kind)


@pytest.mark.parametrize("kind", sorted(FORMING_KINDS))
def test_the_first_payment_of_a_forming_kind_makes_an_asset_due(kind: str) -> None:
    when(expect, False, COMMAND, facts(kind)).then(
        FormationExpected(area=COUNTY, project=PROJECT, kind=kind, relies_on=(FUNDS,))
    )


def test_a_second_payment_says_nothing_new() -> None:
    assert when(expect, True, COMMAND, facts("infrastructure")).then().status == 200


def test_a_kind_that_leaves_nothing_expects_nothing() -> None:
    assert when(expect, False, COMMAND, facts("insurance")).then().status == 200


def paid(kind: type[FundPaid] | type[FundSent], project: UUID | None) -> Any:
    movement = Movement(
        lot=LOT,
        purpose="infrastructure",
        project=project,
        from_account="in_flight",
        to_account="paid",
        from_place="bank",
        to_place="payee:x",
        amount_fen=1,
        area=COUNTY,
        lines=None,
    )
    return kind(area=COUNTY, lot=LOT, payment=UUID(int=4), batch=None, movements=(movement,))


def reacted(fact: Any) -> Any:
    metadata = Metadata(
        actor=CLERK,
        cause=None,
        correlation=UUID(int=5),
        document=None,
        effective_on=date(2020, 4, 1),
        occurred_on=DAY,
        origin="command",
        request=UUID(int=5),
        traceparent=None,
    )
    recorded: Recorded | None = None
    return expect_formation(recorded, fact, metadata)  # type: ignore[arg-type]  # it looks at the fact alone


def test_the_policy_asks_when_money_was_paid_for_a_project() -> None:
    reaction = reacted(paid(FundPaid, PROJECT))
    assert reaction.command == ExpectFormation(
        occurred_on=DAY, effective_on=date(2020, 4, 1), project=PROJECT
    )
    assert (reaction.key, reaction.area) == (expectation_stream(PROJECT), COUNTY)


def test_the_policy_asks_nothing_while_money_is_under_way_or_for_no_project() -> None:
    assert reacted(paid(FundSent, PROJECT)) is None
    assert reacted(paid(FundPaid, None)) is None


async def pay(log: Log, project: UUID, on: date = DAY) -> int:
    return await plant(log, (LOT, paid(FundPaid, project)), on=on)


async def unformed(installation: Installation, area: UUID | None = None) -> list[Any]:
    await installation.catch_up(assets)
    client = await installation.client(assets, "auditor", area=area)
    items: list[Any] = (await client.get("/expected-formations")).json()["items"]
    return items


async def test_a_project_that_was_paid_is_listed_until_its_asset_is_formed(
    installation: Installation, funded: Funded
) -> None:
    log = await installation.log(funds)
    await pay(log, funded.project)
    await pay(log, funded.project)
    await installation.catch_up(assets)
    await installation.react(assets)
    (listed,) = await unformed(installation)
    assert (listed["id"], listed["name"]) == (str(funded.project), "道路")
    assert (listed["kind"], listed["expected_on"]) == ("infrastructure", "2020-03-16")
    assert await unformed(installation, funded.county.west) == []
    clerk = await installation.client(assets, "clerk")
    await made(clerk, "/assets", funded.road())
    assert await unformed(installation) == []
    store = await installation.log(assets)
    kinds = "SELECT count(*) FROM es.events WHERE type = 'FormationExpected'"
    assert await store.pool.fetchval(kinds) == 1
    assert await decided_again(installation, assets) == 3


def test_a_corrected_kind_makes_an_asset_due_or_no_longer_where_money_was_paid() -> None:
    command = COMMAND.model_copy(update={"corrected": True})
    known: Any = {"area": COUNTY, "project": PROJECT, "relies_on": (FUNDS,)}
    no_more = FormationNotExpected(**known, kind="relief")
    when(expect, True, command, facts("relief")).then(no_more)
    when(expect, False, command, facts("habitat")).then(FormationExpected(**known, kind="habitat"))
    unpaid = msgspec.structs.replace(facts("habitat"), paid=False)
    for state, told in ((False, unpaid), (True, facts("habitat")), (False, facts("relief"))):
        assert when(expect, state, command, told).then().status == 200
    assert expectations.over([no_more], state=True) is False


async def test_a_corrected_kind_of_project_is_followed_after_its_payments(
    installation: Installation, funded: Funded
) -> None:
    finance = await installation.client(funds, "finance")
    await pay(await installation.log(funds), funded.project)

    async def corrected(kind: str) -> list[Any]:
        body = {"reason": "看错一行", "changes": {"kind": kind}}
        said = await post(finance, f"/projects/{funded.project}/corrections", body)
        assert said.status_code == 201, said.text
        await installation.catch_up(assets)
        await installation.react(assets)
        return [one["kind"] for one in await unformed(installation)]

    await installation.catch_up(assets)
    await installation.react(assets)
    assert len(await unformed(installation)) == 1
    assert await corrected("relief") == []
    assert await corrected("housing") == ["housing"]
    assert await corrected("habitat") == ["habitat"]
    assert await decided_again(installation, assets) > 3


async def test_a_payment_for_a_project_that_is_not_here_yet_waits_for_it(
    installation: Installation, funded: Funded
) -> None:
    """The copy holds the payment and not the project: as after a release that first copies
    kinds, until the copy is built again."""
    await pay(await installation.log(funds), funded.project)
    await installation.catch_up(assets)
    pool = (await installation.log(assets)).pool
    await pool.execute("UPDATE known.projects SET kind = NULL")
    await installation.react(assets)
    assert await pool.fetchval("SELECT reason FROM es.parked") == "StaleReference"
    assert await unformed(installation) == []
    await pool.execute("UPDATE known.projects SET kind = 'infrastructure'")
    await pool.execute("UPDATE es.parked SET next_at = now()")
    await installation.react(assets)
    assert len(await unformed(installation)) == 1
    assert await pool.fetchval("SELECT count(*) FROM es.parked") == 0


async def test_building_the_copies_again_asks_nothing_again(
    installation: Installation, funded: Funded
) -> None:
    await pay(await installation.log(funds), funded.project)
    await installation.catch_up(assets)
    await installation.react(assets)
    log = await installation.log(assets)
    counted = "SELECT (SELECT count(*) FROM es.events), (SELECT count(*) FROM es.requests)"
    before = tuple(await log.pool.fetchrow(counted))  # type: ignore[arg-type]  # one row
    admin = installation.admin(installation.stores.prefix + "assets")
    await wiped(admin)
    await installation.catch_up(households, assets)
    await installation.react(assets)
    assert tuple(await log.pool.fetchrow(counted)) == before  # type: ignore[arg-type]  # one row
    assert len(await unformed(installation)) == 1


async def wiped(admin: dict[str, Any]) -> None:
    """The read tables and their cursors as on the first day; the policy's stands."""
    connection = await asyncpg.connect(**admin)
    tables = "known.areas, known.organisations, known.projects, known.funded"
    await connection.execute(f"TRUNCATE {tables}, view.assets, view.expected_formations")
    await connection.execute(
        "UPDATE es.cursors SET epoch = 0, position = 0, leaf = NULL"
        " WHERE reader IN ('known', 'view', 'common')"
    )
    await connection.close()
