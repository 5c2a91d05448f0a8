"""The direct feed as a reader waits on it."""

import asyncio

import asyncpg
import pytest

from libs.events.feed import DirectFeed
from tests.conftest import Installation


async def nowhere() -> asyncpg.Connection:
    raise ConnectionRefusedError


async def test_a_reader_that_is_ended_while_it_is_woken_ends() -> None:
    """The worker's stop and an append may come in one instant; wait_for of Python 3.11 then loses
    the cancellation, and the process would wait for a reader that reads on."""
    feed = DirectFeed("funds", nowhere)
    waiting = asyncio.create_task(feed.wait(60))
    for _ in range(3):
        await asyncio.sleep(0)
    feed._appended()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_reader_that_is_ended_while_it_connects_leaves_no_connection(
    installation: Installation,
) -> None:
    connection: asyncpg.Connection = await asyncpg.connect(**installation.stores.feed("funds"))
    connected = asyncio.Event()

    async def connect() -> asyncpg.Connection:
        connected.set()
        return connection

    feed = DirectFeed("funds", connect)
    reading = asyncio.create_task(feed.read(0, 10))
    await connected.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert connection.is_closed()
