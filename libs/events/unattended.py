"""Commands that no person gives: a reactor's, a delivery's. Their key follows from what caused
them, so that a repeat gets the first answer (ADR 0011)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from .answer import Answer
from .canonical import sha256
from .decider import AnyDecider, Ask
from .execute import Surroundings, execute
from .log import Log
from .types import Actor, Command, request_id


@dataclass(frozen=True, slots=True)
class Machine:
    """Who acts: `reactor:<name>`, `delivery:<subscription>`, or an operator at the machine."""

    name: str
    role: str = "system"
    origin: str = "reaction"

    @property
    def actor(self) -> Actor:
        return Actor(id=self.name, role=self.role, unit=self.name, area=None)

    def request(self, key: str) -> UUID:
        return request_id(self.name, key)


async def commanded(
    log: Log,
    machine: Machine,
    key: str,
    decider: AnyDecider,
    command: Command,
    *,
    target: UUID | None = None,
    cause: str | None = None,
    correlation: UUID | None = None,
    traceparent: str | None = None,
) -> Answer:
    """Execute once for this key. The hash covers the key alone: what it was answered first stays,
    even when a newer release would now ask otherwise. Raises: what `execute` raises."""
    request = machine.request(key)
    around = Surroundings(
        body_hash=sha256(machine.name.encode(), b"\0", key.encode()),
        correlation=correlation or request,
        traceparent=traceparent,
        origin=machine.origin,
        cause=cause,
    )
    return await execute(log, Ask(request, target, command, machine.actor), around, decider)
