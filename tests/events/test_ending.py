"""What goes on for ever ends when told, although a library loses one cancel on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from libs.chassis import worker
from libs.events import ending
from libs.events.ending import end


class Deaf:
    """A reader whose library swallows the first cancel, as a connect that fails in that moment."""

    def __init__(self) -> None:
        self.cancels = 0

    async def run(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancels += 1
                if self.cancels > 1:
                    raise


async def failing() -> None:
    raise ValueError("its own end")


async def test_a_cancel_that_was_swallowed_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.05)
    deaf = Deaf()
    tasks = asyncio.create_task(deaf.run()), asyncio.create_task(failing())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(*tasks)
    assert deaf.cancels == 2
    assert tasks[0].cancelled()
    assert tasks[1].done()


@pytest.mark.parametrize("stopped", [True, False], ids=["by_its_stop", "by_a_failure"])
async def test_a_worker_ends_although_a_reader_lost_its_cancel(
    monkeypatch: pytest.MonkeyPatch, *, stopped: bool
) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.05)
    deaf, stop = Deaf(), asyncio.Event()

    async def run(one: Deaf | None) -> None:
        await (failing() if one is None else one.run())

    monkeypatch.setattr(worker, "_run", run)
    runs: list[Any] = [deaf] if stopped else [deaf, None]  # stand for readers
    following = asyncio.create_task(worker.follow(runs, stop))
    await asyncio.sleep(0.01)
    if stopped:
        stop.set()
    async with asyncio.timeout(5):
        await asyncio.wait([following])
    assert deaf.cancels == 2
    assert stopped == (following.exception() is None)
