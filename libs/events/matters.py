"""What of a service waits for a deadline, and when it is due: its own tables and its dated rows,
read anew at each look of the scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from .calendar_copy import calendars
from .dated_rows import reference_stream, references
from .deadline import LAPSED, LIVE, OVER, TERMS, Dates, Deadline, Found, Matter, found_due
from .loads import LiveStreams
from .log import Log

Waits = tuple[str, UUID]
"""A deadline by its name, and a subject that its tables name."""


async def look(
    store: Log, deadlines: Sequence[Deadline], today: date
) -> tuple[list[Found], dict[Waits, str]]:
    """What is due on some day; and of all that the tables name, why it would not be."""
    dates, found, gone = await _dates(store), list[Found](), dict[Waits, str]()
    for deadline in deadlines:
        matters = [_matter(row) for row in await store.pool.fetch(deadline.matters)]
        waiting = [matter for matter in matters if not deadline.over(matter, today)]
        gone |= {(deadline.name, matter.subject): OVER for matter in matters}
        gone |= {(deadline.name, matter.subject): LAPSED for matter in waiting}
        found += found_due(deadline, waiting, dates)
        await asyncio.sleep(0)  # the readers of this process go on in between
    return found, gone


async def _dates(store: Log) -> Dates:
    streams = [reference_stream(TERMS.name), reference_stream(LIVE.name)]
    terms, live = await LiveStreams(store.loads).load_many(references, streams)
    return Dates(terms, live, await calendars(store.pool))


def _matter(row: Any) -> Matter:
    numbers = msgspec.json.decode(row["numbers"])
    return Matter(**{**row, "numbers": numbers})
