"""Posts the steps of a case over HTTP, as any client would: keys, positions, retries.

The idempotency key is made of the case, the step and the chunk, so a second load gets the first
answers again and adds nothing. The first answer that is not the expected one ends the load.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from libs.events.canonical import canonical

from .answers import Answers, holds, joined
from .cases import Case, Step

IN_FLIGHT = 4
TRIES = 12


class UnexpectedAnswerError(Exception):
    """A step was answered otherwise than the case says; the message names step and problem."""


@dataclass(frozen=True)
class Door:
    """How the services are reached: one client, a token for each role, and whose facts each of
    them reads (a position of another service can only be waited for by a service that reads it)."""

    client: httpx.AsyncClient
    token: Callable[[str], str]
    sources: Mapping[str, Collection[str]]
    pause_s: float = 1.0

    async def heads(self) -> dict[str, int]:
        """Where each log ends. Raises: httpx.HTTPError."""
        found = {}
        for service in self.sources:
            answer = await self.client.get(f"/api/v1/{service}/health")
            found[service] = int(answer.raise_for_status().json()["head"])
        return found

    async def statement(self, code: str, area: str, cut: Mapping[str, int]) -> dict[str, Any]:
        """A statement that has seen everything up to the cut."""
        path = f"/api/v1/reporting/statements/{code}"
        asked = {"area": area, "min_position": _cut(cut)}
        answer = await self.ask("GET", path, "auditor", params=asked)
        if answer.is_error:
            raise UnexpectedAnswerError(f"statement {code}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    async def ask(
        self,
        method: str,
        path: str,
        role: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Ask in a role; again after 503 and after a lost connection, which the key makes safe."""
        told = {"authorization": f"Bearer {self.token(role)}", **(headers or {})}
        for _ in range(TRIES - 1):
            try:
                answer = await self.client.request(method, path, headers=told, **more)
            except httpx.TransportError:
                await asyncio.sleep(self.pause_s)
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            said = answer.headers.get("retry-after")
            await asyncio.sleep(self.pause_s if said is None else int(said))
        return await self.client.request(method, path, headers=told, **more)


@dataclass
class Load:
    """One load of a case: what was asked, what was new, what was answered."""

    case: Case
    door: Door
    advanced: Callable[[Step], None] = lambda _: None
    requests: int = 0
    replays: int = 0
    events: int = 0
    seconds: float = 0.0
    heads: dict[str, int] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    _before: int = 0
    _positions: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Post every step in order. Raises: UnexpectedAnswerError, CaseError, httpx.HTTPError."""
        self._before = sum((await self.door.heads()).values())
        began = time.monotonic()
        for step in self.case.steps:
            self.answers.bodies[step.name] = await self._post(step)
        self.seconds = time.monotonic() - began
        await self.count()

    async def count(self) -> None:
        """Where the logs end now, and how many events came since the load began; again when what
        reacts to the load has done so. Raises: httpx.HTTPError."""
        self.heads = await self.door.heads()
        self.events = sum(self.heads.values()) - self._before

    async def statement(self) -> dict[str, Any]:
        """The statement of the case, with all that was loaded in it."""
        title = self.case.title
        area = self.answers.at(f"{title.area}.id")
        return await self.door.statement(title.statement, area, self.heads)

    async def _post(self, step: Step) -> Any:
        """The chunks of a list go together, unless they number their rows."""
        bodies = list(self.answers.bodies_of(step))
        together = asyncio.Semaphore(1 if step.rows and step.rows.first else IN_FLIGHT)

        async def post(nth: int, body: dict[str, Any]) -> Any:
            async with together:
                return await self._ask(step, nth, body)

        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(post(nth, body)) for nth, body in enumerate(bodies, 1)]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return joined([task.result() for task in asked])

    async def _ask(self, step: Step, nth: int, body: dict[str, Any]) -> Any:
        path = self.answers.path(step.post)
        service = path.split("/")[3]
        headers = {
            "content-type": "application/json",
            "idempotency-key": f"{self.case.name}:{step.name}:{nth}",
            **self._awaited(service),
        }
        answer = await self.door.ask("POST", path, step.role, headers, content=canonical(body))
        self._require_expected(step, answer)
        self.requests += 1
        self.replays += answer.headers.get("idempotent-replay") == "true"
        self._seen(answer.headers.get("position", ""))
        self.advanced(step)
        return answer.json()

    def _awaited(self, service: str) -> dict[str, str]:
        """Min-Position: what this service must have read of the others before it answers."""
        foreign = set(self.door.sources.get(service, ())) - {service}
        cut = {name: at for name, at in sorted(self._positions.items()) if name in foreign}
        return {"min-position": _cut(cut)} if cut else {}

    def _require_expected(self, step: Step, answer: httpx.Response) -> None:
        wanted = self.answers.resolve(step.expect.body)
        if answer.status_code != step.expect.status or not holds(wanted, answer.json()):
            raise UnexpectedAnswerError(
                f"{step.name}: POST {step.post} was answered {answer.status_code} {answer.text};"
                f" expected {step.expect.status} {canonical(wanted).decode()}"
            )

    def _seen(self, position: str) -> None:
        service, _, at = position.partition(":")
        if at:
            self._positions[service] = max(int(at), self._positions.get(service, 0))


def _cut(positions: Mapping[str, int]) -> str:
    return ",".join(f"{service}:{position}" for service, position in positions.items())
