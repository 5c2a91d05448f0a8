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


async def test_what_one_reader_has_read_does_not_put_another_to_sleep(
    installation: Installation,
) -> None:
    feed, told, read_again = installation.feed("funds"), asyncio.Event(), asyncio.Event()

    async def first() -> float:
        await feed.read(0, 10)
        await read_again.wait()
        began = time.monotonic()
        await feed.wait(5)
        return time.monotonic() - began

    async def second() -> None:
        await feed.read(0, 10)
        await told.wait()
        await feed.read(0, 10)
        read_again.set()

    waited = asyncio.gather(first(), second())
    await asyncio.sleep(0.2)
    await _notify(installation)
    told.set()
    assert (await waited)[0] < 1


async def _notify(installation: Installation) -> None:
    """As an append does, and time enough for it to be heard."""
    connection = await asyncpg.connect(**installation.stores.app("funds"))
    await connection.execute("NOTIFY es_appended")
    await connection.close()
    await asyncio.sleep(0.2)
