"""The two pure functions of a noun, and the value that ties a command to them.

    evolve(state, event) -> state          fold: what a stream says now
    decide(state, command, facts) -> Decision, or raises a Refused

No clock, no I/O, no random: what a rule needs is in the state (streams), the command (the caller)
or the facts (what was known of other services, kept with the request). So `decide` can be run again
on any stored request and must give the stored events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from .errors import AreaEnded, NotYourArea, Refused, UnknownArea
from .types import Actor, Command, Event, Reliance

S = TypeVar("S")
C = TypeVar("C", bound=Command)
C_co = TypeVar("C_co", bound=Command, covariant=True)
F = TypeVar("F", bound="Facts")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fold(Generic[S]):
    """How the events of one stream become a state, beginning with `initial` (no events yet)."""

    category: str
    initial: S
    evolve: Callable[[S, Event], S]

    def over(self, events: Iterable[Event], state: S | None = None) -> S:
        """Fold events in order, from `initial` or from an earlier state."""
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded


class Streams(Protocol):
    """Reads the store's own streams; remembers at which version each was read."""

    async def load(self, fold: Fold[T], stream: UUID) -> T: ...
    async def load_many(self, fold: Fold[T], streams: Iterable[UUID]) -> list[T]: ...


class Knowing(Protocol):
    """Foreign facts in this store (`known.*`): copies, with their age."""

    @property
    def pool(self) -> Any: ...
    async def path(self, area: UUID) -> tuple[UUID, ...]: ...
    async def ended(self, area: UUID) -> date | None: ...
    async def home(self, area: UUID) -> UUID: ...
    async def dated(self, facts: F, day: date) -> F: ...
    async def fresh(self, source: str, within: timedelta = ...) -> Reliance: ...


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the rule had to know from elsewhere. `path`: the area concerned and its ancestors from
    the top as of today, empty when the area is not known here. `then`: the same on the day that
    counts, where it was another. `ended`: of a command that brings something new into the area, the
    day from which that area is no more. `since`: of a correction, the day from which what it
    corrects counts. `waived`: rules whose objection passes this time (severity.py)."""

    path: tuple[UUID, ...]
    then: tuple[UUID, ...] = ()
    ended: date | None = None
    since: date | None = None
    waived: tuple[str, ...] = ()

    @property
    def path_then(self) -> tuple[UUID, ...]:
        """By it dated rules are found: those of the areas as they were on the day that counts."""
        return self.then or self.path

    def object(self, refusal: Refused | None) -> None:
        """Of a rule that may bend: raise what it objects to, unless that is waived."""
        if refusal is not None and refusal.name not in self.waived:
            raise refusal


@dataclass(frozen=True, slots=True)
class Ask(Generic[C_co]):
    """A command with what surrounds it: the resource in the path, the caller, the request.
    `behalf`: the user whose grant the caller uses, when it is delegated. `today`: the business day
    on which it is asked, whatever day the command names; stored with it. `device`: the mark that
    its browser or device would have in an approval of it, if one was told (same_device.py)."""

    request: UUID
    target: UUID | None
    command: C_co
    actor: Actor
    behalf: str | None = None
    today: date | None = None
    device: str | None = None

    @property
    def asked_on(self) -> date:
        """What nobody can backdate."""
        return self.today or self.command.counted_on

    @property
    def subject(self) -> UUID:
        """The resource in the path, of a command whose route has one."""
        if self.target is None:
            raise TypeError(f"{type(self.command).__name__} has no target")
        return self.target


@dataclass(frozen=True, slots=True)
class Decision:
    """Events by stream (all or none), the body of the answer, and 文号 if a document decided.
    `days`: when it happened and from when it counts, when the command itself does not say."""

    events: Mapping[UUID, tuple[Event, ...]]
    body: dict[str, Any] = field(default_factory=dict)
    document: str | None = None
    status: int = 201
    days: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a policy asks of its own service because of a foreign fact.

    Reactions of one `key` keep their order. A refusal becomes a task in `area` that waits for the
    role `task_for`.
    """

    command: Command
    key: UUID
    area: UUID | None
    target: UUID | None = None
    task_for: str = "clerk"


@dataclass(frozen=True, slots=True)
class Decider(Generic[S, C, F]):
    """One command's road: read the streams, learn the facts, decide.

    `keeps_key`: the command moves money, so its key is never pruned. `founds_areas`: what it makes
    may lie in no area: the first area, or a thing of the whole installation. `noun`: what the
    command makes one of, if it does; only then may it carry another system's own id. `bends`: the
    refusals that reference data may soften for it. `amount`: the fen by which reference data may
    require approval; `approvable`: whether they may at all; `approved_as`: by the rows of another
    command, of which it would be the way around.
    """

    command: type[C]
    facts: type[F]
    gather: Callable[[Streams, Ask[C]], Awaitable[S]]
    learn: Callable[[Knowing, S, Ask[C]], Awaitable[F]]
    decide: Callable[[S, C, F], Decision]
    keeps_key: bool = False
    founds_areas: bool = False
    noun: str = ""
    bends: tuple[type[Refused], ...] = ()
    amount: Callable[[S, C], int | None] | None = None
    approvable: bool = True
    approved_as: str = ""

    @property
    def name(self) -> str:
        return self.command.__name__

    async def learned(self, known: Knowing, state: S, ask: Ask[C]) -> F:
        """What it learns, and where its area stood on the day that counts."""
        return await known.dated(await self.learn(known, state, ask), ask.command.counted_on)

    def require_scope(self, ask: Ask[C], facts: F) -> None:
        """Before any rule is asked. Raises: NotYourArea, UnknownArea, AreaEnded."""
        within(ask.actor, facts.path)
        if not facts.path and not self.founds_areas:
            raise UnknownArea()
        if facts.ended is not None:
            lasting(facts.path[-1], facts.ended, ask.command.counted_on)


AnyDecider = Decider[Any, Any, Any]


async def where(known: Knowing, area: UUID | None) -> Facts:
    """Nothing but where a thing lies; None: in the whole installation."""
    return Facts(path=() if area is None else await known.path(area))


def within(actor: Actor, path: tuple[UUID, ...]) -> None:
    """Refuse when the actor's area is not among the area concerned and its ancestors."""
    if actor.area is not None and actor.area not in path:
        raise NotYourArea(area=str(path[-1]) if path else "未知", scope=str(actor.area))


def lasting(area: UUID, ended: date, counted_on: date) -> None:
    """Refuse what is counted in an area from the day on from which it is no more."""
    if counted_on >= ended:
        raise AreaEnded(
            area=str(area), ended_on=ended.isoformat(), counted_on=counted_on.isoformat()
        )
