"""The road of one command: key, load, fold, learn, decide, append.

The key is asked three times: with the first load, by append under the lock, and again before a
conflict is answered; so a repeat always gets the first answer, refusals included. Every stream
that was read is fenced at its version, for refusals too: a stored answer was decided on exactly
the state at its position, and `redecide` can prove it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from . import measures, spans
from .canonical import canonical
from .clock import today
from .contracts.log import CommandRefused
from .decider import AnyDecider, Ask, Decision
from .errors import (
    BusyError,
    ChangedMeanwhileError,
    EventsError,
    KeyReusedError,
    NotFoundError,
    Refused,
)
from .external_ref import require_noun
from .loads import FirstAnswer, LiveStreams
from .log import Log
from .retry import jitter_s
from .ruling import ruled_by, ruling
from .store import Appended, Outcome, Part, Request
from .types import Actor, Event, Metadata, plain, stream_id

TRIES = 3
REFUSALS_KEPT = 200
"""Refusals of one unit and day kept one by one; beyond that they are counted."""


class Surroundings(msgspec.Struct, frozen=True):
    """What came with the command but is not part of it."""

    body_hash: bytes
    correlation: UUID
    traceparent: str | None = None
    if_match: int | None = None
    origin: str = "command"
    cause: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What the caller gets, now and for ever under this key. `body` is canonical JSON."""

    status: int
    body: bytes
    version: int
    position: int
    replay: bool

    @property
    def id(self) -> str | None:
        """The id of what was made, if the body names one."""
        made: str | None = msgspec.json.decode(self.body).get("id")
        return made


async def execute(log: Log, ask: Ask[Any], around: Surroundings, decider: AnyDecider) -> Answer:
    """Decide a command once, whatever happens to the connection, the caller or a rival.

    Raises: KeyReusedError, ChangedMeanwhileError (If-Match, as soon as another version is read),
    BusyError (three tries), and what reading raises (NotFoundError, StaleReferenceError). A refusal
    is an Answer.
    """
    with spans.span("execute", service=log.service, command=decider.name) as span:
        answer = await _once(log, replace(ask, today=today()), around, decider)
        span.set_attributes(
            {"position": answer.position, "status": answer.status, "replay": answer.replay}
        )
        return answer


async def _once(log: Log, ask: Ask[Any], around: Surroundings, decider: AnyDecider) -> Answer:
    contested: list[UUID] = []
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(jitter_s(attempt))
        async with log.turn(contested):
            try:
                request = await _decided(log, ask, around, decider)
            except EventsError:
                known = await first_answer(log, ask.request, around.body_hash)
                if known is not None:
                    return known
                raise
            if isinstance(request, FirstAnswer):
                return _replayed(request, around.body_hash)
            appended = await log.append(request)
            spans.event(appended.outcome.name.lower())
        if appended.outcome is not Outcome.CONFLICT:
            return answered(request, appended)
        contested = [part.stream for part in request.parts if part.expected is not None]
    raise BusyError()


async def first_answer(log: Log, request: UUID, body_hash: bytes) -> Answer | None:
    """The answer that this key got, or None. Raises: KeyReusedError for another request."""
    known = await log.loads.first_answer(request)
    return None if known is None else _replayed(known, body_hash)


async def _decided(
    log: Log, ask: Ask[Any], around: Surroundings, decider: AnyDecider
) -> Request | FirstAnswer:
    require_noun(ask.command, decider.noun)
    streams = LiveStreams(log.loads, ask.request)
    state = await decider.gather(streams, ask)
    known = await streams.first_answer()
    if known is not None:
        return known
    now = None if ask.target is None else streams.versions.get(ask.target)
    if now is not None and not streams.there[ask.subject]:
        raise NotFoundError()
    ruled = await ruled_by(streams, ask.command, decider)
    spans.event("gathered")
    facts = await decider.learned(log.known, state, ask)
    spans.event("learned")
    try:
        if around.if_match is not None:
            decider.require_scope(ask, facts)  # no version is told outside the scope
            _require_version(around.if_match, now)
        decision = ruling(decider, state, ask, facts, ruled)
    except Refused as refusal:
        unasked = Unasked(ask.request, ask.actor, decider.name, ask.target)
        request = _fenced(refused(log, unasked, around, refusal), streams.versions)
    else:
        request = _accepted(ask, around, decision, streams.versions)
    spans.event("decided")
    return replace(
        request,
        command=stored_command(decider.name, ask),
        facts=canonical(_surroundings(ask, facts)),
        keep=decider.keeps_key,
    )


def _surroundings(ask: Ask[Any], facts: Any) -> dict[str, Any]:
    """What is kept beside a command, so that it can be decided again."""
    asked = {"actor": plain(ask.actor), "behalf": ask.behalf, "today": ask.asked_on.isoformat()}
    return {**asked, "learned": plain(facts)}


def _require_version(given: int, now: int | None) -> None:
    if given != now:
        raise ChangedMeanwhileError(given=given, now=now)


def _accepted(
    ask: Ask[Any], around: Surroundings, decision: Decision, read: dict[UUID, int]
) -> Request:
    events = decision.events
    parts = [Part(stream, facts, read.get(stream)) for stream, facts in events.items()]
    parts += [Part(s, (), version) for s, version in read.items() if s not in events]
    days = decision.days or (ask.command.occurred_on, ask.command.counted_on)
    return Request(
        id=ask.request,
        body_hash=around.body_hash,
        answer=canonical({"body": decision.body, "status": decision.status}),
        parts=tuple(parts),
        metadata=_metadata(ask.actor, around, ask.request, days, decision.document),
    )


@dataclass(frozen=True, slots=True)
class Unasked:
    """What a refusal tells of the command: its request, who asked, its name and target."""

    request: UUID
    actor: Actor
    command: str
    target: UUID | None


def refused(log: Log, ask: Unasked, around: Surroundings, refusal: Refused) -> Request:
    """A refusal as a request: one event on the stream of the unit and day, or only counted."""
    measures.REFUSALS.add(1, {"service": log.service, "refusal": refusal.name})
    day = today()
    stream = stream_id("refusals", ask.actor.unit, ask.actor.unit, day.isoformat())
    event = CommandRefused(
        command=ask.command,
        refusal=refusal.name,
        status=refusal.status,
        area=ask.actor.area,
        target=ask.target,
        numbers=dict(refusal.numbers),
    )
    events: tuple[Event, ...] = (event,)
    if log.refusals_of(stream) >= REFUSALS_KEPT:
        events = log.count_refusal(stream)
    return Request(
        id=ask.request,
        body_hash=around.body_hash,
        answer=canonical({"body": problem(refusal), "status": refusal.status}),
        parts=(Part(stream, events, None),),
        metadata=_metadata(ask.actor, around, ask.request, (day, day)),
    )


def _fenced(request: Request, read: dict[UUID, int]) -> Request:
    fences = tuple(Part(stream, (), version) for stream, version in read.items())
    return replace(request, parts=request.parts + fences)


def problem(refusal: Refused) -> dict[str, Any]:
    """RFC 9457 problem details: Chinese title, the sentence, and its numbers."""
    return {
        "type": f"/problems/{refusal.name}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "numbers": dict(refusal.numbers),
    }


def _metadata(
    actor: Actor,
    around: Surroundings,
    request: UUID,
    days: tuple[date, date],
    document: str | None = None,
) -> Metadata:
    occurred_on, effective_on = days
    return Metadata(
        actor=actor,
        cause=around.cause,
        correlation=around.correlation,
        document=document,
        effective_on=effective_on,
        occurred_on=occurred_on,
        origin=around.origin,
        request=request,
        traceparent=around.traceparent,
    )


def stored_command(name: str, ask: Ask[Any]) -> bytes:
    """The command as kept beside its request, for replay."""
    target = None if ask.target is None else str(ask.target)
    return canonical({"body": plain(ask.command), "target": target, "type": name})


def answered(request: Request, appended: Appended) -> Answer:
    """What the outcome of an append answers. Raises: KeyReusedError."""
    match appended.outcome:
        case Outcome.APPENDED:
            return render(request.answer, appended.version, appended.position, replay=False)
        case Outcome.DUPLICATE if appended.answer is not None:
            return render(appended.answer, appended.version, appended.position, replay=True)
        case _:
            raise KeyReusedError("同一幂等键先前用于另一方法、路径或内容")


def _replayed(known: FirstAnswer, body_hash: bytes) -> Answer:
    if known.body_hash != body_hash:
        raise KeyReusedError("同一幂等键先前用于另一方法、路径或内容")
    return render(known.answer, known.version, known.position, replay=True)


class _Stored(msgspec.Struct):
    body: msgspec.Raw
    status: int


_stored = msgspec.json.Decoder(_Stored)


def render(stored: bytes, version: int, position: int, *, replay: bool) -> Answer:
    """A stored answer as it goes out; the same bytes each time."""
    answer = _stored.decode(stored)
    return Answer(answer.status, bytes(answer.body), version, position, replay)
