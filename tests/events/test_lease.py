"""A lease and the cursor that it guards: what is told when another has them, and how often."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from libs.events.cursor_row import CursorRow
from libs.events.errors import ReplacedError
from libs.events.lease import Lease
from tests.events.conftest import LogStore


async def test_a_lease_held_elsewhere_is_told_once_each_time_it_is_lost(store: LogStore) -> None:
    pool = (await store.log()).pool
    ours, theirs = Lease("relay:purses", pool), Lease("relay:purses", pool)
    with capture_logs() as told:
        for _ in range(2):
            await theirs.take()
            for _ in range(3):
                with pytest.raises(ReplacedError):
                    await ours.take()
            await theirs.release()
            await ours.take()
            await ours.release()
    assert [entry["event"] for entry in told if "elsewhere" in entry["event"]] == [
        "lease_held_elsewhere"
    ] * 2


async def test_a_cursor_that_a_later_holder_opened_is_told_though_the_lease_is_ours(
    store: LogStore,
) -> None:
    """As after somebody cleared es.leases by hand: tokens begin anew, the cursor's is higher."""
    pool = (await store.log()).pool
    row = CursorRow("known", "purses", pool)
    cursor = await row.open()
    await store.execute("UPDATE es.cursors SET token = 99")
    with capture_logs() as told:
        with pytest.raises(ReplacedError):
            await row.open()
        async with pool.acquire() as connection:
            with pytest.raises(ReplacedError):
                await row.move(connection, cursor, cursor)
    assert [entry["event"] for entry in told] == ["cursor_taken"] * 2
