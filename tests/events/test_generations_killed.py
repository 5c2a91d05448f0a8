"""A build killed at any point: the serving tables are whole, nothing half-built is put in service,
and the next build begins anew. Fixed budget; the seed is printed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from time import monotonic

import pytest

from libs.chassis.read_model import opened
from libs.events.compare import digest
from libs.events.generations import GenerationError, generations
from services.__main__ import SERVICES
from services.reporting.service import service as reporting
from tests.conftest import Installation, Templates
from tests.reporting.planted import plant_all, plant_points

ROOT = Path(__file__).resolve().parents[2]
KILLS = 8
FUNDS = next(service for service in SERVICES if service.name == "funds")


async def build_and_kill(where: str, after_s: float | None) -> float:
    """Start a build and kill it so long after it began; seconds that it ran."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.builder", where, "reporting"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"begins\n"
        began = monotonic()
        if after_s is not None:
            await asyncio.sleep(after_s)
            if process.returncode is None:
                process.kill()
        await process.wait()
    return monotonic() - began


async def test_a_build_killed_at_any_point_leaves_nothing_that_can_serve(
    templates: Templates, installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed := int(os.environ.get("SUYUAN_TEST_SEED", "20260316")))
    server = templates.cluster.address("postgres")
    known = {**templates.passwords, "postgres": server.get("password", "")}
    told = {"host": server["host"], "port": server["port"], "prefix": installation.stores.prefix}
    where = json.dumps({**told, "passwords": known})
    await plant_all({service.name: await installation.log(service) for service in SERVICES})
    await installation.catch_up()
    async with opened(reporting, installation.stores) as model:
        takes_s = await build_and_kill(where, None)
        assert (await model.compared())[0].equal
        await model.drop()
        unfinished = 0
        for _ in range(KILLS):
            await build_and_kill(where, chance.uniform(0, takes_s) / 2)
            await plant_points(await installation.log(FUNDS))
            await installation.catch_up()
            served = await digest(model.connection)
            states = {one.state for one in await generations(model.connection)}
            if "fed" in states:  # it was done before it was killed
                assert (await model.compared())[0].equal
                await model.drop()
            else:
                unfinished += "building" in states
                with pytest.raises(GenerationError):
                    await model.swap(None, None)
            assert await digest(model.connection) == served
        await model.build()
        served = await digest(model.connection)
        assert (await model.compared())[0].equal
        await model.swap(None, None)
        assert await digest(model.connection) == served
    with capsys.disabled():
        print(f"\nseed {seed}: {unfinished} of {KILLS} builds killed unfinished")  # noqa: T201
    assert unfinished > 0
