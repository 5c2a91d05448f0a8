"""A notification between a reader's read and its wait wakes it: it is not left to the next poll."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from tests.conftest import Installation


async def test_what_is_appended_between_reading_and_waiting_wakes_the_reader(
    installation: Installation,
) -> None:
    feed = installation.feed("funds")
    await feed.read(0, 10)
    await _notify(installation)
    began = time.monotonic()
    await feed.wait(5)
    assert time.monotonic() - began < 1


async def test_a_reader_that_has_read_again_waits_for_the_next_append(
    installation: Installation,
) -> None:
    feed = installation.feed("funds")
    await feed.read(0, 10)
    await _notify(installation)
    await feed.read(0, 10)
    began = time.monotonic()
    await feed.wait(0.2)
    assert time.monotonic() - began >= 0.2


async def test_each_reader_of_one_feed_has_its_own_wake_up_call(installation: Installation) -> None:
    feed = installation.feed("funds")

    async def read_then_wait(reads: int) -> float:
        for _ in range(reads):
            await feed.read(0, 10)
        await told.wait()
        if reads > 1:
            await feed.read(0, 10)
        began = time.monotonic()
        await feed.wait(0.5)
        return time.monotonic() - began

    told = asyncio.Event()
    waiting = [asyncio.create_task(read_then_wait(reads)) for reads in (1, 2)]
    await asyncio.sleep(0.1)
    await _notify(installation)
    told.set()
    early, late = await asyncio.gather(*waiting)
    assert early < 0.4
    assert late >= 0.5


async def _notify(installation: Installation) -> None:
    """As an append does, and time enough for it to be heard."""
    connection = await asyncpg.connect(**installation.stores.app("funds"))
    await connection.execute("NOTIFY es_appended")
    await connection.close()
    await asyncio.sleep(0.2)
