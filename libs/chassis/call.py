"""One HTTP call, seen by a route: who calls, in which role, and how a command is executed.

A route states the role it needs as a dependency and gets a `Call`; scope is the rule's (the area
is a fact). Headers: Idempotency-Key, If-Match, Min-Position, traceparent (product 3).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from fastapi import Request, Response

from libs.events import spans
from libs.events.answer import WAITS, Answer, answered, refusal_of, rehearsal_of
from libs.events.approval import approval_stream
from libs.events.clock import today
from libs.events.cuts import parse_cut
from libs.events.decider import Ask, Decider
from libs.events.errors import (
    EventsError,
    NotFoundError,
    NotYetVisibleError,
    Refused,
    RoleNotHeld,
    ScopeEnded,
)
from libs.events.execute import (
    Surroundings,
    Unasked,
    execute,
    first_answer,
    refused,
    rehearsed,
)
from libs.events.log import Log
from libs.events.private import CITIZEN_ID, MOBILE, looks_personal
from libs.events.same_device import mark_of
from libs.events.types import Actor, Command, request_id

from .answering import refused_hash, request_hash, respond, respond_rehearsed
from .auth import Caller
from .device import device_of
from .seats import identified, seated
from .vault.unkept import unkept
from .vault.vault import Vault

WAIT_FOR_POSITION_S = 5.0
NEVER_HASHED = (CITIZEN_ID, MOBILE)
"""What no key may be: its hash stands in every event. Card numbers are let pass, since one in ten
keys that are a time in nanoseconds looks like one."""
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_ETAG = re.compile(r'^"([0-9]{1,15})"$')


class KeyMissingError(EventsError):
    status = 400
    title = "缺少 Idempotency-Key"


class UnreadableError(EventsError):
    status = 400
    title = "请求无法读取"


class NotRehearsableError(EventsError):
    status = 400
    title = "该命令不能试算"


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated call whose caller holds one of the roles that the route states."""

    request: Request
    caller: Caller
    role: str
    log: Log

    @property
    def vault(self) -> Vault:
        """Of a service that has one."""
        vault: Vault | None = self.request.app.state.vault
        if vault is None:
            raise TypeError(f"{self.log.service} has no vault")
        return unkept(vault) if self.dry_run else vault

    @property
    def dry_run(self) -> bool:
        """Whether the command is only rehearsed: `dry_run=true`."""
        return self.request.query_params.get("dry_run") == "true"

    @property
    def actor(self) -> Actor:
        return Actor(
            id=self.caller.id, role=self.role, unit=self.caller.unit, area=self.caller.area
        )

    async def execute(
        self,
        decider: Decider[Any, Any, Any],
        command: Command,
        target: UUID | None = None,
        location: str | None = None,
    ) -> Response:
        """Run a command once and answer as HTTP; `location` is a path with `{id}` of the body."""
        if (ended := await self._scope_ended()) is not None:
            return await self.refuse(ended)
        around = await self.surroundings()
        mark = mark_of(device_of(self.request), approval_stream(around.correlation))
        ask = Ask(around.correlation, target, command, self.actor, self.caller.behalf, device=mark)
        if self.dry_run:
            return respond_rehearsed(await rehearsed(self.log, ask, around, decider))
        answer = await execute(self.log, ask, around, decider)
        if answer.status == WAITS:
            location = f"{self.request.app.state.service.prefix}/approvals/{{id}}"
        return respond(self.log, answer, location)

    async def _scope_ended(self) -> ScopeEnded | None:
        """Whoever was entitled to an area that is no more reads on, and changes nothing."""
        scope = self.caller.area
        ended_on = None if scope is None else await self.log.known.ended(scope)
        if ended_on is None or ended_on > today():
            return None
        return ScopeEnded(scope=str(scope), ended_on=ended_on.isoformat())

    def key(self) -> UUID:
        """The request id: the client's key within the client. Raises: KeyMissingError."""
        key = self.request.headers.get("idempotency-key", "")
        if not _KEY.match(key):
            raise KeyMissingError("每个命令都要有 Idempotency-Key：1 至 200 个可见 ASCII 字符")
        if looks_personal(key) in NEVER_HASHED:
            raise UnreadableError("Idempotency-Key 不得含个人信息")
        # By what the issuer says, which stays when the directory comes to know the person.
        return request_id(self.caller.subject or self.caller.id, key)

    async def first_answer(self, location: str | None = None) -> Response | None:
        """What this key was answered, if it was used. Raises: KeyMissingError, KeyReusedError."""
        around = await self.surroundings()
        known = await first_answer(self.log, around.correlation, around.body_hash)
        if known is not None and self.dry_run:
            return respond_rehearsed(rehearsal_of(known))
        return None if known is None else respond(self.log, known, location)

    async def surroundings(self) -> Surroundings:
        """Of a command, bound to its key, which a rehearsal may lack. Raises: KeyMissingError."""
        keyless = self.dry_run and "idempotency-key" not in self.request.headers
        key = uuid4() if keyless else self.key()
        hashed = await request_hash(self.request, rehearsed=self.dry_run)
        return self._around(key, hashed)

    def _around(self, key: UUID, body_hash: bytes) -> Surroundings:
        headers = self.request.headers
        return Surroundings(
            body_hash=body_hash,
            correlation=key,
            traceparent=spans.traceparent() or _traceparent(headers.get("traceparent")),
            if_match=_version(headers.get("if-match")),
        )

    async def record(self, decider: Decider[Any, Any, Any], command: Command) -> Answer:
        """What the call itself is: a download, which happens anew each time it is asked for, and so
        is bound to no key of the caller's."""
        around = self._around(uuid4(), await request_hash(self.request))
        ask = Ask(around.correlation, None, command, self.actor, self.caller.behalf)
        return await execute(self.log, ask, around, decider)

    async def refuse(self, refusal: Refused) -> Response:
        """Record and answer a refusal that no rule decided (the role, or the area before anything
        is sealed in it); bound to the key if any. Of a rehearsal nothing is recorded."""
        if self.dry_run:
            return respond_rehearsed(refusal_of(refusal))
        key = self.key() if "idempotency-key" in self.request.headers else uuid4()
        around = self._around(key, await refused_hash(self.request))
        known = await first_answer(self.log, around.correlation, around.body_hash)
        if known is None:
            asked = f"{self.request.method} {self.request.scope['route'].path}"
            ask = Unasked(around.correlation, self.actor, asked, None)
            record = refused(self.log, ask, around, refusal)
            known = answered(record, await self.log.append(record))
        return respond(self.log, known)


def _traceparent(text: str | None) -> str | None:
    """W3C Trace Context, or nothing: what is stored for ever is never a caller's free text."""
    return text if text is not None and _TRACEPARENT.match(text) else None


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    matched = _ETAG.match(if_match)
    if matched is None:
        raise UnreadableError('If-Match 应为带引号的版本号，如 "7"')
    return int(matched[1])


class Holds:
    """The dependency of a route: the caller holds one of these roles. Nothing else admits.
    `rehearsed`: whether its command has no effect but events, so that it may be tried dry."""

    def __init__(self, *roles: str, rehearsed: bool = True) -> None:
        if not roles:
            raise TypeError("a route states at least one role")
        self.roles, self.rehearsed = roles, rehearsed

    async def __call__(self, request: Request) -> Call:
        caller: Caller = await request.app.state.authenticate(request)
        log: Log = request.app.state.log
        _require_text(request)
        _require_rehearsable(request, self.rehearsed)
        return await self.admitted(request, caller, log)

    async def admitted(self, request: Request, caller: Caller, log: Log) -> Call:
        """Of an address that may be asked: in the seat that admits. Raises: RefusedCall."""
        if not caller.roles:
            await wait_until_visible(request, log)  # a grant is seen by whoever waits for it
            try:
                caller = await seated(caller, self.roles, request.headers.get("acting-as"), log)
            except Refused as refusal:
                raise RefusedCall(Call(request, caller, "none", log), refusal) from None
        else:
            caller = await identified(caller, log)
        role = next((role for role in self.roles if role in caller.roles), None)
        call = Call(request, caller, role or "none", log)
        if role is None:
            told = "、".join(caller.roles) or "无"
            raise RefusedCall(call, RoleNotHeld(needed="、".join(self.roles), held=told))
        await wait_until_visible(request, log)
        return call


def _require_text(request: Request) -> None:
    """U+0000 in an address is no text for PostgreSQL, and the address of a command is kept, hashed,
    with its key: it names nobody. Raises: UnreadableError."""
    typed = (*request.path_params.values(), *request.query_params.values())
    if any("\0" in text for text in typed):
        raise UnreadableError("地址中含有 U+0000")
    if request.method != "GET" and any(map(looks_personal, (*typed, *request.query_params))):
        raise UnreadableError("地址中不得含个人信息")


def _require_rehearsable(request: Request, rehearsed: bool) -> None:
    """Before anything is done. Raises: UnreadableError, NotRehearsableError."""
    given = request.query_params.getlist("dry_run") if request.method == "POST" else []
    if given and given not in (["true"], ["false"]):
        raise UnreadableError("dry_run 应为 true 或 false，只写一次")
    if given == ["true"] and not (rehearsed and request.scope["route"].body_field is not None):
        raise NotRehearsableError("该命令在事件之外另有作用，不能试算")


class RefusedCall(Exception):
    """A refusal met before any rule ran, with the call that met it."""

    def __init__(self, call: Call, refusal: Refused) -> None:
        self.call, self.refusal = call, refusal
        super().__init__(str(refusal))


async def wait_until_visible(request: Request, log: Log) -> None:
    """Wait (bounded) until this service has applied what `Min-Position` names.

    Raises: NotYetVisibleError with the position reached, UnreadableError.
    """
    text = request.headers.get("min-position", request.query_params.get("min_position"))
    if text is None:
        return
    try:
        wanted = parse_cut(text)
    except ValueError as error:
        raise UnreadableError(f"Min-Position：{error}") from None
    for source, position in wanted.items():
        if source not in request.app.state.service.sources:
            raise NotFoundError(f"{log.service} 不读取 {source}")
        every = request.app.state.service.every_reader
        readers = [reader.name for reader in every if reader.source == source]
        await _reached(log, readers, source, position)


async def _reached(log: Log, readers: list[str], source: str, position: int) -> None:
    """What a caller may ask for is behind readers alone: no reactor or delivery is waited for."""
    give_up = asyncio.get_running_loop().time() + WAIT_FOR_POSITION_S
    pause_s = 0.002
    while True:
        reached = await log.pool.fetchval(
            "SELECT coalesce(min(position), 0) FROM es.cursors"
            " WHERE reader = ANY ($1) AND source = $2",
            readers,
            source,
        )
        if reached >= position:
            return
        if asyncio.get_running_loop().time() > give_up:
            raise NotYetVisibleError(reached=f"{source}:{reached}", wanted=f"{source}:{position}")
        await asyncio.sleep(pause_s)
        pause_s = min(0.02, pause_s * 1.2)
