"""Reading before deciding: request keys and stream tails, gathered across callers in one query.

Folded states are kept per process. That is safe because every stream that a decision read is part
of its append as an exact version: a state that has aged gives a conflict, never a wrong event.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

import asyncpg
import msgspec

from .codec import Contracts
from .decider import Fold
from .errors import BusyError
from .group_commit import STOPPING, UNKNOWN_OUTCOME, Connect, unavailable

T = TypeVar("T")
LARGEST_GROUP = 200
STATES_KEPT = 20_000

_QUERY = """
SELECT 0 AS kind, s.no::int AS no, e.version, e.schema_version, e.type, e.payload::text AS body,
       NULL::bytea AS body_hash, NULL::bigint AS position
  FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY s(id, after, no)
 CROSS JOIN LATERAL (SELECT version, schema_version, type, payload FROM es.events
                      WHERE stream_id = s.id AND version > s.after ORDER BY version) e
UNION ALL
SELECT 1, k.no::int, r.version, 0::smallint, '', r.answer::text, r.body_hash, r.position
  FROM unnest($3::uuid[]) WITH ORDINALITY k(id, no)
 CROSS JOIN LATERAL (SELECT version, answer, body_hash, position FROM es.requests
                      WHERE request_id = k.id LIMIT 1) r
 ORDER BY 1, 2, 3
"""
PLANNER = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
"""Session settings of the loading connection: the same trap as in es.append (ADR 0002)."""


class FirstAnswer(msgspec.Struct, frozen=True):
    """What the key was answered at first."""

    body_hash: bytes
    version: int
    position: int
    answer: bytes


@dataclass(slots=True)
class _Question:
    keys: Sequence[UUID]
    tails: Sequence[tuple[UUID, int]]
    answer: asyncio.Future[_Found]


class _Found(NamedTuple):
    """In the order in which the question named them."""

    answers: Sequence[FirstAnswer | None]
    tails: Sequence[list[Any]]


class Loads:
    """One loading connection of one store in this process, shared by all tasks."""

    def __init__(self, connect: Connect, contracts: Contracts) -> None:
        self._connect = connect
        self.contracts = contracts
        self._queue: asyncio.Queue[_Question] = asyncio.Queue()
        self._connection: asyncpg.Connection | None = None
        self._states: OrderedDict[tuple[str, UUID], tuple[int, Any]] = OrderedDict()
        self._stopped = False

    async def first_answer(self, key: UUID) -> FirstAnswer | None:
        return (await self._ask([key], [])).answers[0]

    async def states(self, fold: Fold[T], streams: Sequence[UUID]) -> list[tuple[int, T]]:
        """(version, state) of each stream, in the order asked; version 0 where there is none."""
        return (await self.states_and_answer(fold, streams, None))[0]

    async def states_and_answer(
        self, fold: Fold[T], streams: Sequence[UUID], key: UUID | None
    ) -> tuple[list[tuple[int, T]], FirstAnswer | None]:
        """The states, and what the key was answered at first: one query, one moment."""
        kept = [self._states.get((fold.category, stream), (0, fold.initial)) for stream in streams]
        tails = [(stream, version) for stream, (version, _) in zip(streams, kept, strict=True)]
        found = await self._ask([] if key is None else [key], tails)
        states = [
            self._advance(fold, stream, version, state, tail)
            for stream, (version, state), tail in zip(streams, kept, found.tails, strict=True)
        ]
        return states, None if key is None else found.answers[0]

    def _advance(
        self, fold: Fold[T], stream: UUID, version: int, state: T, rows: Iterable[Any]
    ) -> tuple[int, T]:
        for row in rows:
            event = self.contracts.decode(row["type"], row["schema_version"], row["body"].encode())
            state = state if event is None else fold.evolve(state, event)
            version = row["version"]
        key = (fold.category, stream)
        if self._states.get(key, (0, None))[0] <= version > 0:
            self._states[key] = (version, state)
            self._states.move_to_end(key)
            if len(self._states) > STATES_KEPT:
                self._states.popitem(last=False)
        return version, state

    async def _ask(self, keys: Sequence[UUID], tails: Sequence[tuple[UUID, int]]) -> _Found:
        if self._stopped:
            raise BusyError(STOPPING)
        answer: asyncio.Future[_Found] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Question(keys, tails, answer))
        return await answer

    async def run(self) -> None:
        """Answer questions until cancelled; whoever still waits then is told."""
        group: list[_Question] = []
        try:
            while True:
                group = [await self._queue.get()]
                while len(group) < LARGEST_GROUP and not self._queue.empty():
                    group.append(self._queue.get_nowait())
                await self._answer(group)
        finally:
            self._stopped = True
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            _fail(group, BusyError(STOPPING))
            if self._connection is not None:
                with suppress(*UNKNOWN_OUTCOME):
                    await self._connection.close(timeout=2)

    async def _answer(self, group: Sequence[_Question]) -> None:
        tails = [tail for question in group for tail in question.tails]
        keys = [key for question in group for key in question.keys]
        try:
            rows = await self._fetch(tails, keys)
        except Exception as error:  # whatever it is, the next group is asked for again
            self._forget_connection()
            busy = BusyError(f"数据库暂不可用：{type(error).__name__}")
            _fail(group, busy if unavailable(error) else error)
            return
        found = _sorted_out(rows, [stream for stream, _ in tails], keys)
        for question, of_question in zip(group, _split(group, found), strict=True):
            if not question.answer.done():
                question.answer.set_result(of_question)

    async def _fetch(self, tails: Sequence[tuple[UUID, int]], keys: Sequence[UUID]) -> list[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        streams = [stream for stream, _ in tails]
        return cast(
            "list[Any]",
            await self._connection.fetch(_QUERY, streams, [after for _, after in tails], keys),
        )

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _fail(group: Iterable[_Question], error: Exception) -> None:
    for question in group:
        if not question.answer.done():
            question.answer.set_exception(error)


def _sorted_out(
    rows: Iterable[Any], streams: Sequence[UUID], keys: Sequence[UUID]
) -> tuple[list[list[Any]], list[FirstAnswer | None]]:
    tails: list[list[Any]] = [[] for _ in streams]
    answers: list[FirstAnswer | None] = [None for _ in keys]
    for row in rows:
        if row["kind"] == 0:
            tails[row["no"] - 1].append(row)
        else:
            answers[row["no"] - 1] = FirstAnswer(
                row["body_hash"],
                row["version"],
                row["position"],
                row["body"].encode(),
            )
    return tails, answers


def _split(
    group: Sequence[_Question], found: tuple[list[list[Any]], list[FirstAnswer | None]]
) -> Iterable[_Found]:
    tails, answers = iter(found[0]), iter(found[1])
    for question in group:
        yield _Found(
            list(islice(answers, len(question.keys))), list(islice(tails, len(question.tails)))
        )


class LiveStreams:
    """The streams of one decision, each with the version at which it was read.

    The key of its request, if it has one, is looked up with the first of them.
    """

    def __init__(self, loads: Loads, key: UUID | None = None) -> None:
        self._loads = loads
        self._key = key
        self._answer: FirstAnswer | None = None
        self.versions: dict[UUID, int] = {}
        self.there: dict[UUID, bool] = {}
        """Whether the fold that first read a stream knew an event of it; else there is none, or it
        is another noun's."""

    async def load(self, fold: Fold[T], stream: UUID) -> T:
        return (await self.load_many(fold, [stream]))[0]

    async def load_many(self, fold: Fold[T], streams: Iterable[UUID]) -> list[T]:
        wanted = list(streams)
        if not wanted:
            return []
        key, self._key = self._key, None
        found, answer = await self._loads.states_and_answer(fold, wanted, key)
        self._answer = self._answer or answer
        for stream, (version, state) in zip(wanted, found, strict=True):
            self.there.setdefault(stream, state is not fold.initial)
            # Read again, it may have moved meanwhile: the older reading must still be fenced.
            self.versions[stream] = min(version, self.versions.get(stream, version))
        return [state for _, state in found]

    async def first_answer(self) -> FirstAnswer | None:
        """What the key was answered at first, if it was used before."""
        if self._key is None:
            return self._answer
        return await self._loads.first_answer(self._key)
