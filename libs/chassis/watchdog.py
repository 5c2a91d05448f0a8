"""Does the event loop answer? A step that computes for long holds up everybody else of the process.

Design 14: the API loop has a 50 ms watchdog.
"""

from __future__ import annotations

import asyncio

import structlog

from .measures import LOOP_STALL

TICK_S = 0.02
STALL_S = 0.05
WARN_EVERY_S = 60

log = structlog.get_logger()


async def watch_loop() -> None:
    """Wake every 20 ms and measure by how much too late; so a stall is told up to a tick too short,
    and never one that was not. Above 50 ms it is logged, the longest of each minute."""
    clock = asyncio.get_running_loop().time
    longest_s, warn_at = 0.0, 0.0
    while True:
        due = clock() + TICK_S
        await asyncio.sleep(TICK_S)
        late_s = clock() - due
        LOOP_STALL.tell(late_s)
        longest_s = max(longest_s, late_s)
        if longest_s > STALL_S and clock() >= warn_at:
            log.warning("loop_stalled", longest_ms=round(longest_s * 1000))
            longest_s, warn_at = 0.0, clock() + WARN_EVERY_S
