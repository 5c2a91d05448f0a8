"""A reactor: a foreign fact becomes a command to the reactor's own service.

A policy is pure and says what to ask; its request id follows from the policy and the event, so the
command has one effect however often it is asked. It ends done, already done, not yet (parked, in
order by key) or refused, which opens a task. A reactor starts at the head when it is installed,
passes over imported history unless it says otherwise, and is no part of any rebuild. Design 4,
ADR 0011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from asyncpg import Connection, Pool

from . import tasks
from .acting import NOT_NOW, Acting, Clock, Deed, Sources, utc_now
from .answer import Answer
from .clock import CHINA
from .codec import Contracts, decode_metadata
from .decider import Decider, Reaction
from .errors import (
    EpochError,
    NotFoundError,
    ReplacedError,
    StaleReferenceError,
)
from .group_commit import unavailable
from .leaf import leaf
from .log import Log
from .reader import Reader
from .tasks import OpenTask
from .types import Event, Metadata, Recorded
from .unattended import Machine, commanded

IMPORTED = "import"
NOT_YET = (StaleReferenceError, NotFoundError)
"""A fact or an object is not here yet."""

React = Callable[[Recorded, Event, Metadata], Reaction | None]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reactor:
    """A policy by a name that never changes (its request ids hang on it), and whose facts it
    reacts to. `imports`: of what an import did too, where that is no history but asks somebody."""

    name: str
    source: str
    react: React
    imports: bool = False

    @property
    def reader(self) -> Reader:
        return Reader(f"policy.{self.name}", self.source, lambda *_: ())


@dataclass(frozen=True, slots=True)
class Chosen:
    reaction: Reaction
    metadata: Metadata


class Reacting(Acting[Chosen]):
    """One reactor at work on its service's log."""

    def __init__(
        self,
        reactor: Reactor,
        sources: Sources,
        store: Log,
        contracts: Contracts,
        deciders: Iterable[Decider[Any, Any, Any]],
        *,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(reactor.reader, sources, store, contracts, clock)
        self.reactor = reactor
        self.machine = Machine(f"reactor:{reactor.name}")
        self.deciders = {decider.command: decider for decider in deciders}
        self.outcomes: Counter[str] = Counter()

    async def deed(self, event: Recorded) -> Deed[Chosen] | None:
        try:
            fact = self.contracts.decode(event.type, event.schema_version, event.payload)
            metadata = decode_metadata(event.metadata)
            if fact is None or (metadata.origin == IMPORTED and not self.reactor.imports):
                return None
            reaction = self.reactor.react(event, fact, metadata)
        except Exception as error:
            raise self.poison(event, error) from error
        return None if reaction is None else Deed(event, reaction.key, Chosen(reaction, metadata))

    async def act(self, deed: Deed[Chosen]) -> str | None:
        try:
            answer = await self._commanded(deed)
            if answer.status >= 400:
                await self._open_task(deed, answer)
        except NOT_YET as error:
            self.outcomes["not yet"] += 1
            return type(error).__name__.removesuffix("Error")
        except (EpochError, ReplacedError, *NOT_NOW):
            raise
        except Exception as error:
            if unavailable(error):
                raise
            raise self.poison(deed.event, error) from error
        self._count(deed, answer)
        return None

    async def _commanded(self, deed: Deed[Chosen]) -> Answer:
        reaction, metadata = deed.what.reaction, deed.what.metadata
        return await commanded(
            self.store,
            self.machine,
            self._cause(deed),
            self.deciders[type(reaction.command)],
            reaction.command,
            target=reaction.target,
            cause=self._cause(deed),
            correlation=metadata.correlation,
            traceparent=metadata.traceparent,
        )

    async def _open_task(self, deed: Deed[Chosen], answer: Answer) -> None:
        reaction, said = deed.what.reaction, msgspec.json.decode(answer.body)
        task = OpenTask(
            occurred_on=deed.event.recorded_at.astimezone(CHINA).date(),
            area=reaction.area,
            kind="reaction_refused",
            title="后续事项被拒",
            waits_for=reaction.task_for,
            target=reaction.target,
            about=self._cause(deed),
            reason=said["type"].rsplit("/", 1)[-1],
            numbers=said["numbers"],
        )
        await commanded(
            self.store,
            self.machine,
            f"{self._cause(deed)}/task",
            tasks.OPEN,
            task,
            cause=self._cause(deed),
            correlation=deed.what.metadata.correlation,
        )

    def _cause(self, deed: Deed[Chosen]) -> str:
        """The foreign event's identity: also the key under which it is reacted to."""
        return f"{self.reactor.source}/{deed.event.identity}"

    def _count(self, deed: Deed[Chosen], answer: Answer) -> None:
        nothing_new = answer.replay or answer.status == 200
        outcome = "refused" if answer.status >= 400 else "already done" if nothing_new else "done"
        self.outcomes[outcome] += 1
        log.info("reacted", reader=self.reader.lease, position=deed.event.position, outcome=outcome)

    async def prepare(self) -> None:
        """A reactor that was never here begins at the head: what happened before is not its."""
        head = await self.owner.head()
        last = None if head is None else await self.owner.at(head.position)
        if last is not None:
            await install(self.pool, self.reader, last)


async def install(own: Pool | Connection, reader: Reader, last: Recorded) -> None:
    """Its cursor at an event, with that event's own epoch: the store may have opened a newer one.
    A cursor that is there already stays."""
    where = (last.epoch, last.position, leaf(last))
    await own.execute(_INSTALL, reader.name, reader.source, *where)


_INSTALL = """
INSERT INTO es.cursors (reader, source, epoch, position, leaf) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
