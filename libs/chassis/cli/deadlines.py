"""What `status` says of the schedulers: how far each looked, what it could not do yet, what is
overdue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from libs.chassis.service import Service
from libs.chassis.stores import Stores

SILENT_S = 300
"""A scheduler that has looked at nothing for so long does not run."""


@dataclass(frozen=True)
class Clock:
    """The scheduler of one service. `late`: deadlines that it could not act on; `overdue`: tasks
    past their day, which is for those whom they wait for."""

    service: str
    swept_to: date | None
    silent_s: int | None
    late: int
    waits: str | None
    stopped: str | None
    overdue: int

    @property
    def wrong(self) -> str | None:
        """A red line with what to do, if anything is."""
        if self.stopped is not None:
            return f"{self.service}: deadlines STOPPED {self.stopped}"
        if self.waits is not None:
            return f"{self.service}: the scheduler waits: {self.waits}"
        if self.silent_s is None or self.silent_s > SILENT_S:
            return (
                f"{self.service}: deadlines not looked at for {self.silent_s or 0} s\n"
                f"  is the worker running? python -m services work {self.service}"
            )
        if self.late:
            return f"{self.service}: {self.late} deadlines are late, they wait for a fact or object"
        return None

    def __str__(self) -> str:
        return (
            f"{self.service}: deadlines to {self.swept_to}, {self.late} late,"
            f" {self.overdue} overdue tasks"
        )


async def clocks(reached: Stores, services: Sequence[Service]) -> list[Clock]:
    """Those of schedulers that have ever run."""
    found = []
    for service in services:
        connection = await asyncpg.connect(**reached.app(service.name))
        try:
            row = await connection.fetchrow(_CLOCK)
        finally:
            await connection.close()
        if row is not None:
            found.append(Clock(service.name, **row))
    return found


_CLOCK = """
SELECT swept_to, extract(epoch FROM clock_timestamp() - swept_at)::bigint AS silent_s,
       late, waits, stopped,
       (SELECT count(*) FROM es.tasks t
         WHERE t.due_on < k.swept_to
           AND NOT EXISTS (SELECT FROM es.closed_tasks c WHERE c.task = t.id)) AS overdue
  FROM es.clocks k
"""
