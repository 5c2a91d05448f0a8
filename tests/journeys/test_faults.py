"""Faults that a user meets: a database gone, a copy too old, a reader stopped, a tree orphaned."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.chassis.feeds import open_feeds
from libs.chassis.worker import follow, open_readings, sources_of
from libs.events.contracts.funds import DocumentRegistered
from libs.events.errors import TooLargeError
from libs.events.store import Part, Request, prepare
from libs.events.types import Actor, Metadata
from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting
from services.reporting.views.cursors import Applied, applied
from tests.conftest import Installation
from tests.journeys.tree import CHILDREN, running
from tests.registry import County, made, post, register_county


def letter(county: County, number: int = 1) -> dict[str, str]:
    return {
        "number": f"测财农〔2020〕{number}号",
        "kind": "funding",
        "title": "下达资金",
        "level": "county",
        "area": str(county.id),
        "issued_on": "2020-03-01",
    }


def a_lot(county: County, document: UUID) -> dict[str, object]:
    amount = {"text": "1", "unit": "元"}
    return {
        "area": str(county.id),
        "level": "county",
        "year": 2020,
        "fund_name": "测试资金",
        "batch": "1",
        "document": str(document),
        "amount": amount,
        "purposes": [{"purpose": "relief", "amount": amount}],
    }


async def test_a_database_that_is_gone_is_503_whoever_asks(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(funds)
    clerk = await installation.client(funds, "clerk")
    admin = await asyncpg.connect(**installation.admin("postgres"))
    name = installation.stores.prefix + "funds"
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    of_it = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await admin.execute(of_it, name)
    try:
        answers = [await clerk.get("/health"), await clerk.get("/lots")]
        answers.append(await post(clerk, "/documents", letter(county)))
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert (await post(clerk, "/documents", letter(county))).status_code == 201


@pytest.mark.parametrize(
    "spoiled", ["confirmed_at = clock_timestamp() - interval '301 s'", "stopped = 'a hole'"]
)
async def test_money_does_not_move_on_a_copy_that_is_old_or_stopped(
    installation: Installation, spoiled: str
) -> None:
    """Design 4: 503 StaleReference, nothing stored; the same key succeeds on a fresh copy."""
    county = await register_county(installation)
    await installation.catch_up(funds)
    clerk = await installation.client(funds, "clerk")
    document = await made(clerk, "/documents", letter(county))
    pool = (await installation.log(funds)).pool
    await pool.execute(f"UPDATE es.cursors SET {spoiled} WHERE reader = 'known'")  # noqa: S608 - of this test
    head = await pool.fetchval("SELECT max(position) FROM es.events")
    stale = await post(clerk, "/lots", a_lot(county, document), key="lot")
    assert (stale.status_code, stale.json()["type"]) == (503, "/problems/StaleReference")
    assert stale.json()["position"] > 0
    assert await pool.fetchval("SELECT max(position) FROM es.events") == head
    await pool.execute(
        "UPDATE es.cursors SET stopped = NULL, confirmed_at = clock_timestamp()"
        " WHERE reader = 'known'"
    )
    await asyncio.sleep(1.1)  # freshness is remembered for a second
    assert (await post(clerk, "/lots", a_lot(county, document), key="lot")).status_code == 201


async def test_a_relay_that_stands_still_holds_up_no_list_and_no_figure(
    installation: Installation,
) -> None:
    """Its cursor stands beside those of the read models, and is none: a write can be read, and
    reporting is complete to where it has read."""
    county = await register_county(installation)
    await installation.catch_up(funds, reporting)
    clerk = await installation.client(funds, "clerk")
    written = await post(clerk, "/documents", letter(county))
    await installation.catch_up(funds)
    behind = (
        "INSERT INTO es.cursors (reader, source, epoch, position, stopped)"
        " VALUES ('relay', $1, 1, 0, 'Kafka')"
    )
    pools = {one.name: (await installation.log(one)).pool for one in (funds, reporting)}
    for name, pool in pools.items():
        await pool.execute(behind, name)
    seen = await clerk.get("/lots", headers={"min-position": written.headers["position"]})
    assert seen.status_code == 200, seen.text
    assert (await applied(pools["reporting"]))["reporting"] == Applied(position=1)


async def test_one_stopped_reader_leaves_the_others_running(installation: Installation) -> None:
    """A poisoned event of funds stops reporting's copy of funds, and nothing else."""
    await register_county(installation)
    await installation.plant(
        funds,
        "INSERT INTO es.events SELECT position + 1, $1, 1, recorded_at, epoch, 1, 'FundAllocated',"
        " seen, salt, '{}', metadata FROM es.events ORDER BY position DESC LIMIT 1",
        uuid4(),
    )
    head = await (await installation.log(households)).pool.fetchval(
        "SELECT max(position) FROM es.events"
    )
    async with AsyncExitStack() as stack:
        owners = open_feeds(sources_of([reporting]), installation.stores, stack)
        readings = await open_readings([reporting], installation.stores, owners, stack)
        stop = asyncio.Event()
        following = asyncio.create_task(follow(readings, stop))
        cursors = (await installation.log(reporting)).pool
        settled = (
            "SELECT count(*) FROM es.cursors WHERE source = 'funds' AND stopped IS NOT NULL"
            " OR source = 'households' AND position = $1"
        )
        async with asyncio.timeout(20):
            while await cursors.fetchval(settled, head) < 2:  # noqa: ASYNC110 - other connections
                await asyncio.sleep(0.1)
        found = await cursors.fetch("SELECT source, position, stopped FROM es.cursors")
        rows = {row["source"]: row for row in found}
        stop.set()
        await following
    assert "FundAllocated" in rows["funds"]["stopped"]
    assert rows["households"]["stopped"] is None


async def test_a_lost_wake_up_is_made_good_by_polling(installation: Installation) -> None:
    """An event that came without any NOTIFY is read within the longest pause of the feed."""
    log = await installation.log(funds)
    reading = await installation.reading(funds, funds.readers[1])
    task = asyncio.create_task(reading.run())
    await asyncio.sleep(1)
    await installation.plant(
        funds,
        "INSERT INTO es.events SELECT position + 1, $1, 1, recorded_at, epoch, 1, 'Unheard', seen,"
        " salt, '{}', metadata FROM es.events ORDER BY position DESC LIMIT 1",
        uuid4(),
    )
    began = time.monotonic()
    reached = "SELECT position FROM es.cursors WHERE reader = 'view' AND source = 'funds'"
    async with asyncio.timeout(5):
        while await log.pool.fetchval(reached) != 2:  # noqa: ASYNC110 - another connection
            await asyncio.sleep(0.05)
    assert time.monotonic() - began < 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_an_event_beyond_256_kib_is_told_and_not_stored() -> None:
    day, area = date(2020, 3, 16), UUID(int=1)
    event = DocumentRegistered(
        document=area,
        number="测财农〔2020〕1号",
        number_text="测财农〔2020〕1号",
        issuer="测财农",
        year=2020,
        serial=1,
        kind="funding",
        title="长" * 90_000,
        level="county",
        area=area,
        issued_on=day,
        note=None,
    )
    metadata = Metadata(
        actor=Actor(id="u", role="clerk", unit="b", area=None),
        cause=None,
        correlation=area,
        document=None,
        effective_on=day,
        occurred_on=day,
        origin="command",
        request=area,
        traceparent=None,
    )
    request = Request(area, b"x", b"{}", (Part(area, (event,), 0),), metadata)
    with pytest.raises(TooLargeError, match="256 KiB") as told:
        prepare(request, funds.contracts)
    assert told.value.status == 413


def alive(pid: int | None) -> bool:
    """Runs still. A zombie does not: an orphan stays one where the first process reaps nobody, as
    in many a container."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return words != b""


async def test_nothing_outlives_a_killed_supervisor() -> None:
    """SIGKILL of the parent: API, worker and server end too; the next start finds a free home."""
    with tempfile.TemporaryDirectory(prefix="suyuan-orphan-") as name:
        async with running(Path(name)) as tree:
            pids = [tree.child(child) for child in CHILDREN]
            tree.process.send_signal(signal.SIGKILL)
            await tree.process.wait()
            async with asyncio.timeout(30):
                while any(map(alive, pids)):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)
        assert all(pids)
        async with running(Path(name)) as again:
            assert again.child("serve") is not None
