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
from .answer import WAITS, Answer, answered, problem, refusal_of, rehearsal, rehearsal_of, replayed
from .canonical import canonical
from .clock import today
from .contracts.log import CommandRefused
from .decider import AnyDecider, Ask, Decision
from .errors import (
    BusyError,
    ChangedMeanwhileError,
    EventsError,
    NotFoundError,
    Refused,
)
from .external_ref import require_noun
from .loads import FirstAnswer, LiveStreams
from .log import Log
from .meanwhile import meanwhile
from .retry import jitter_s
from .ruling import ruled_by, ruling
from .store import Outcome, Part, Request, prepare
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
                found = await decided(log, ask, decider, _own(log, ask), around.if_match)
            except EventsError:
                known = await first_answer(log, ask.request, around.body_hash)
                if known is not None:
                    return known
                raise
            if isinstance(found, FirstAnswer):
                return replayed(found, around.body_hash)
            request = _request(log, ask, around, decider, found)
            appended = await log.append(request)
            spans.event(appended.outcome.name.lower())
        if appended.outcome is not Outcome.CONFLICT:
            return answered(request, appended)
        contested = [part.stream for part in request.parts if part.expected is not None]
    raise BusyError()


async def first_answer(log: Log, request: UUID, body_hash: bytes) -> Answer | None:
    """The answer that this key got, or None. Raises: KeyReusedError for another request."""
    known = await log.loads.first_answer(request)
    return None if known is None else replayed(known, body_hash)


def _own(log: Log, ask: Ask[Any]) -> LiveStreams:
    """The key is looked up with the first of them."""
    return LiveStreams(log.loads, ask.request)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a command comes to as things are: its decision or a refusal, on what was read."""

    outcome: Decision | Refused
    facts: Any
    versions: dict[UUID, int]


async def rehearsed(log: Log, ask: Ask[Any], around: Surroundings, decider: AnyDecider) -> Answer:
    """What `execute` would answer and append now, with nothing kept of it: no event, no key, no
    refusal. A refusal is an Answer. Raises: as execute."""
    ask = replace(ask, today=today())
    with spans.span("rehearse", service=log.service, command=decider.name):
        found = await decided(log, ask, decider, _own(log, ask), around.if_match)
        if isinstance(found, FirstAnswer):
            return rehearsal_of(replayed(found, around.body_hash))
        if isinstance(found.outcome, Refused):
            return refusal_of(found.outcome)
        prepare(_accepted(ask, around, found.outcome, found.versions), log.contracts)
        return rehearsal(found.outcome)


async def decided(
    log: Log,
    ask: Ask[Any],
    decider: AnyDecider,
    streams: LiveStreams,
    if_match: int | None = None,
) -> Decided | FirstAnswer:
    """The road up to the decision, over these streams."""
    require_noun(ask.command, decider.noun)
    state = await decider.gather(streams, ask)
    known = await streams.first_answer()
    if known is not None:
        return known
    now = None if ask.target is None else streams.versions.get(ask.target)
    if now is not None and not streams.there[ask.subject]:
        raise NotFoundError()
    ruled = await ruled_by(streams, ask, decider)
    spans.event("gathered")
    facts = await decider.learned(log.known, state, ask)
    spans.event("learned")
    outcome: Decision | Refused
    try:
        if if_match is not None:
            decider.require_scope(ask, facts)  # no version is told outside the scope
            await _require_version(log, ask, if_match, now)
        outcome = ruling(decider, state, ask, facts, ruled)
    except Refused as refusal:
        outcome = refusal
    spans.event("decided")
    return Decided(outcome, facts, streams.versions)


def _request(
    log: Log, ask: Ask[Any], around: Surroundings, decider: AnyDecider, decided: Decided
) -> Request:
    """All that is appended of it, fenced at what was read."""
    if isinstance(decided.outcome, Refused):
        unasked = Unasked(ask.request, ask.actor, decider.name, ask.target)
        request = _fenced(refused(log, unasked, around, decided.outcome), decided.versions)
    else:
        request = _accepted(ask, around, decided.outcome, decided.versions)
    return replace(
        request,
        command=stored_command(decider.name, ask),
        facts=canonical(_surroundings(ask, decided)),
        keep=decider.keeps_key,
    )


def _surroundings(ask: Ask[Any], decided: Decided) -> dict[str, Any]:
    """What is kept beside a command, so that it can be decided again. Of a device nothing is,
    unless others have to say yes."""
    asked = {"actor": plain(ask.actor), "behalf": ask.behalf, "today": ask.asked_on.isoformat()}
    if isinstance(decided.outcome, Decision) and decided.outcome.status == WAITS:
        asked["device"] = ask.device
    return {**asked, "learned": plain(decided.facts)}


async def _require_version(log: Log, ask: Ask[Any], given: int, now: int | None) -> None:
    """Raises: ChangedMeanwhileError with what was changed, by whom and when."""
    if given != now:
        told = await meanwhile(log, ask, given, now)
        raise ChangedMeanwhileError(given=given, now=now, **told)


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
