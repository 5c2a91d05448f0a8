"""The direct feed as a reader waits on it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import asyncpg
import pytest

from libs.chassis.feeds import connector
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


@pytest.mark.parametrize("ask", ["read", "head", "at", "position_at"])
async def test_a_server_that_does_not_answer_is_given_up_and_asked_anew(
    installation: Installation, ask: str
) -> None:
    """A half-open connection would be asked for ever; each question drops it when it is late."""
    blocker = await asyncpg.connect(**installation.admin(f"{installation.stores.prefix}funds"))
    opened: list[asyncpg.Connection] = []

    async def connect() -> asyncpg.Connection:
        opened.append(await asyncpg.connect(**installation.stores.feed("funds"), command_timeout=1))
        return opened[-1]

    feed = DirectFeed("funds", connect)
    await feed.head()
    now = datetime.now(UTC)
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "read": partial(feed.read, 0, 10),
        "head": feed.head,
        "at": partial(feed.at, 1),
        "position_at": partial(feed.position_at, now),
    }
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE es.events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TimeoutError):
            await questions[ask]()
    await blocker.close()
    assert opened[0].is_closed()
    assert await questions[ask]()
    assert len(opened) == 2
    await feed.close()


async def test_the_workers_own_connections_give_up(installation: Installation) -> None:
    connection = await connector(installation.stores, "funds")()
    config = connection._config  # type: ignore[attr-defined]  # told nowhere else
    assert config.command_timeout == 60
    await connection.close()


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
