"""A log with as many events as a question needs, appended as everything is."""

from __future__ import annotations

from itertools import islice

import asyncpg

from libs.events.store import APPEND, arguments

from .installation import Installation
from .requests import requests

GROUP = 500


async def fill(installation: Installation, events: int, service: str = "funds") -> int:
    """Append to a service's log; its last position."""
    connection = await asyncpg.connect(**installation.stores.app(service))
    made, last = requests(), 0
    while last < events:
        rows = await connection.fetch(APPEND, *arguments(1, list(islice(made, GROUP))))
        last = max(row["at_position"] for row in rows)
    await connection.close()
    return last
