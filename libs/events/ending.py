"""The end of tasks that otherwise go on for ever."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 5.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them and wait until each is done, whatever it ends with.

    Asked again every few seconds: asyncpg connects by a `wait_for` that, before Python 3.12, drops
    a cancel that meets the failure of what it waits for (CPython gh-86296), and whoever tries
    again after a failure would then try for ever.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN_S)
    for task in tasks:
        task.cancelled() or task.exception()  # looked at: nobody is told of it twice
