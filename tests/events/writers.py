"""One of several processes that append at once and are killed meanwhile: see test_ordering.py.

    python -m tests.events.writers <dsn> <seed> <seconds> <connections>

Prints one JSON object: for each key that was answered, what was asked and what was said.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from libs.events.group_commit import UNKNOWN_OUTCOME
from libs.events.store import Appended, Outcome, Part, Ready, Request, prepare
from tests.events.planted import CONTRACTS, append, asking, part, spoiled

APPLICATION = "writers"
SHARED = [UUID(int=n) for n in range(1, 21)]
BROKEN_SHARE, HANG_UP_SHARE = 0.03, 0.03
RESEND_FOR_S = 20


class Writer:
    """One connection: groups of 1-4 requests x 1-3 parts x 1-3 events, half on shared streams."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.dsn = dsn
        self.chance = random.Random(seed)
        self.space = UUID(int=self.chance.getrandbits(128))
        self.asked = 0
        self.versions: dict[UUID, int] = {}
        self.connection: asyncpg.Connection | None = None
        self.told: dict[str, list[int]] = {}
        self.count: Counter[str] = Counter()

    async def run(self, until: float) -> None:
        while time.monotonic() < until:
            await self._send([self._request() for _ in range(self.chance.randint(1, 4))])
        if self.connection is not None:
            await self.connection.close()

    def _request(self) -> Ready:
        self.asked += 1
        streams = {self._stream(): None for _ in range(self.chance.randint(1, 3))}
        parts = [self._part(stream) for stream in streams]
        ready = prepare(asking(*parts, key=uuid5(self.space, str(self.asked))), CONTRACTS)
        return spoiled(ready) if self.chance.random() < BROKEN_SHARE else ready

    def _stream(self) -> UUID:
        if self.chance.random() < 0.5:
            return self.chance.choice(SHARED)
        return uuid5(self.space, f"own {self.chance.randrange(50)}")

    def _part(self, stream: UUID) -> Part:
        exact = self.chance.random() < 0.5
        expected = self.versions.get(stream, 0) if exact else None
        return part(stream, expected, *(["x"] * self.chance.randint(1, 3)))

    async def _send(self, group: list[Ready]) -> None:
        try:
            answers = await self._until_answered(group)
        except asyncpg.PostgresError as error:
            self.count[f"rolled back {error.sqlstate}"] += 1
            if len(group) > 1:
                for ready in group:
                    await self._send([ready])
            return
        for ready, told in zip(group, answers, strict=True):
            self._learn(ready.request, told)

    def _learn(self, request: Request, told: Appended) -> None:
        self.count[told.outcome.name.lower()] += 1
        first = request.parts[0].stream
        self.versions[first] = max(told.version, self.versions.get(first, 0))
        if told.outcome in (Outcome.APPENDED, Outcome.DUPLICATE):
            events = sum(len(p.events) for p in request.parts)
            self.told[str(request.id)] = [told.position, events]

    async def _until_answered(self, group: list[Ready]) -> list[Appended]:
        """The same group with the same keys until the database says what became of it."""
        give_up = time.monotonic() + RESEND_FOR_S
        while True:
            try:
                if self.connection is None or self.connection.is_closed():
                    self.connection = await asyncpg.connect(
                        self.dsn, server_settings={"application_name": APPLICATION}
                    )
                answering = asyncio.ensure_future(append(self.connection, *group))
                if self.chance.random() < HANG_UP_SHARE:  # committed perhaps, and nobody told
                    await asyncio.wait([answering], timeout=self.chance.random() * 0.01)
                    self.connection.terminate()
                return await answering
            except UNKNOWN_OUTCOME:
                self.count["connection lost"] += 1
                if self.connection is not None:
                    self.connection.terminate()
                if time.monotonic() > give_up:
                    raise


async def work(dsn: str, seed: int, seconds: float, connections: int) -> dict[str, Any]:
    writers = [Writer(dsn, seed * 1000 + n) for n in range(connections)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(writer.run(until) for writer in writers))
    told = {key: said for writer in writers for key, said in writer.told.items()}
    return {"told": told, "count": sum((writer.count for writer in writers), Counter())}


def main(dsn: str, seed: str, seconds: str, connections: str) -> None:
    done = asyncio.run(work(dsn, int(seed), float(seconds), int(connections)))
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
