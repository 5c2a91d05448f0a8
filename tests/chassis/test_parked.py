"""The verb `parked`: what waits is seen, hurried, skipped."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from libs.chassis.cli import parked
from services.assets.service import service as assets
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.registry import decided_again

READER, KEY = "policy.expect_formation", UUID(int=7)


async def verb(installation: Installation, *words: str) -> int:
    parser = argparse.ArgumentParser()
    parked.configure(parser.add_subparsers())
    return await parked.perform(parser.parse_args(["parked", *words]), installation.stores)


@pytest.fixture
async def one(installation: Installation) -> Installation:
    """The first event of funds waits for assets until tomorrow."""
    await installation.log(funds)
    log, now = await installation.log(assets), datetime.now(UTC)
    await log.pool.execute(
        "INSERT INTO es.parked VALUES ($1, 'funds', $2, 1, 3, $3, 'StaleReference', $4)",
        READER,
        KEY,
        now + timedelta(days=1),
        now,
    )
    return installation


async def test_what_waits_is_listed_and_shown(
    one: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verb(one, "list", "assets") == 0
    told = capsys.readouterr().out
    assert f"{READER}  funds:1  key {KEY}" in told
    assert "tried 3" in told
    assert "StaleReference" in told
    assert await verb(one, "show", "assets", "--position", "1") == 0
    assert '"type":"EpochOpened"' in capsys.readouterr().out
    assert await verb(one, "list", "funds") == 0
    assert await verb(one, "show", "assets", "--position", "2") == 1


async def test_a_retry_makes_it_due(one: Installation) -> None:
    assert await verb(one, "retry", "assets", "--key", str(KEY)) == 0
    pool = (await one.log(assets)).pool
    assert await pool.fetchval("SELECT next_at <= clock_timestamp() FROM es.parked")


async def test_a_skip_is_kept_with_its_reason(one: Installation) -> None:
    skip = ("skip", "assets", "--position", "1", "--reason", "演练")
    assert await verb(one, *skip) == 0
    pool = (await one.log(assets)).pool
    assert await pool.fetchval("SELECT count(*) FROM es.parked") == 0
    kept = "SELECT payload->>'reason' FROM es.events WHERE type = 'ParkedSkipped'"
    assert await pool.fetchval(kept) == "演练"
    assert await verb(one, *skip) == 1
    assert await decided_again(one, assets) == 1


async def test_a_position_that_two_wait_for_is_not_skipped_for_both(one: Installation) -> None:
    pool = (await one.log(assets)).pool
    await pool.execute(
        "INSERT INTO es.parked SELECT 'policy.other', source, key, position, attempts, next_at,"
        " reason, parked_at FROM es.parked"
    )
    skip = ("skip", "assets", "--position", "1", "--reason", "演练")
    assert await verb(one, *skip) == 1
    assert await pool.fetchval("SELECT count(*) FROM es.parked") == 2
    assert await verb(one, *skip, "--reader", READER) == 0
    assert await pool.fetchval("SELECT reader FROM es.parked") == "policy.other"
