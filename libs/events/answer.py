"""What a caller is answered, now and for ever under a key: rendered from what was stored.

The bytes are those that were stored with the request, so a repeat gets the same ones.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from .canonical import canonical
from .decider import Decision
from .errors import KeyReusedError, Refused
from .loads import FirstAnswer
from .store import Appended, Outcome, Request

WAITS = 202
"""Others have to say yes first: nothing of the command has happened (approval.py)."""


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


def problem(refusal: Refused) -> dict[str, Any]:
    """RFC 9457 problem details: Chinese title, the sentence, and its numbers."""
    return {
        "type": f"/problems/{refusal.name}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "numbers": dict(refusal.numbers),
    }


def refusal_of(refusal: Refused) -> Answer:
    """A refusal that is kept nowhere."""
    return Answer(refusal.status, canonical(problem(refusal)), 0, 0, replay=False)


def rehearsal(decision: Decision) -> Answer:
    """What a decision would answer, and append, if the command were given now."""
    times = Counter(type(event).__name__ for facts in decision.events.values() for event in facts)
    told = {
        "answer": decision.body,
        "events": [{"count": count, "type": name} for name, count in sorted(times.items())],
        "replay": False,
        "status": decision.status,
        "streams": sorted(str(stream) for stream, facts in decision.events.items() if facts),
        "waits_for": decision.body["approval"]["needs"] if decision.status == WAITS else None,
    }
    return Answer(200, canonical(told), 0, 0, replay=False)


def rehearsal_of(first: Answer) -> Answer:
    """Of a key that was used already: the first answer would be given again, and no more."""
    if first.status >= 400:
        return first
    told = {"answer": msgspec.json.decode(first.body), "status": first.status, "replay": True}
    nothing: dict[str, Any] = {"events": [], "streams": [], "waits_for": None}
    return Answer(200, canonical(told | nothing), 0, 0, replay=True)


def answered(request: Request, appended: Appended) -> Answer:
    """What the outcome of an append answers. Raises: KeyReusedError."""
    match appended.outcome:
        case Outcome.APPENDED:
            return render(request.answer, appended.version, appended.position, replay=False)
        case Outcome.DUPLICATE if appended.answer is not None:
            return render(appended.answer, appended.version, appended.position, replay=True)
        case _:
            raise KeyReusedError("同一幂等键先前用于另一方法、路径或内容")


def replayed(known: FirstAnswer, body_hash: bytes) -> Answer:
    """The first answer to this very request. Raises: KeyReusedError for another."""
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
