"""What `status` says of imports: how many jobs wait, what they wait for, how many were given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from libs.chassis.service import Service
from libs.chassis.stores import Stores

SILENT_S = 60
"""A job that waits so long while no worker is at any does not get on."""


@dataclass(frozen=True)
class Queue:
    """The import jobs of one service that have not ended. `working`: a worker is at one of them;
    `waits`: why the one that came first pauses; `failed`: given up within a week."""

    service: str
    waiting: int
    oldest_s: int
    working: bool
    waits: str | None
    failed: int

    @property
    def wrong(self) -> str | None:
        """A red line with what to do, if anything is."""
        if self.waits is not None:
            return f"{self.service}: imports pause: {self.waits}"
        if self.waiting and not self.working and self.oldest_s > SILENT_S:
            return (
                f"{self.service}: {self.waiting} imports wait for {self.oldest_s} s\n"
                f"  is the worker running? python -m services work {self.service}"
            )
        return None

    def __str__(self) -> str:
        return f"{self.service}: {self.waiting} imports wait, {self.failed} failed within 7 days"


async def queues(reached: Stores, services: Sequence[Service]) -> list[Queue]:
    """Those of services that take sheets."""
    found = []
    for service in services:
        if not service.importers:
            continue
        connection = await asyncpg.connect(**reached.app(service.name))
        try:
            row = await connection.fetchrow(_QUEUE)
        finally:
            await connection.close()
        found.append(Queue(service.name, **row))
    return found


_QUEUE = """
WITH waiting AS (
    SELECT j.number, j.error, j.asked_at, l.until > clock_timestamp() AS held
      FROM es.jobs j LEFT JOIN es.leases l ON l.name = 'job.' || j.id
     WHERE j.state IN ('queued', 'running'))
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM clock_timestamp() - min(asked_at)), 0)::bigint AS oldest_s,
       coalesce(bool_or(held), false) AS working,
       (SELECT error FROM waiting WHERE error IS NOT NULL ORDER BY number LIMIT 1) AS waits,
       (SELECT count(*) FROM es.jobs
         WHERE state = 'failed' AND ended_at > clock_timestamp() - interval '7 days') AS failed
  FROM waiting
"""
