"""The commands on approvals 审批: say yes, say no, ask no longer.

Saying yes decides the waiting command again, on its own streams, facts and rules as they are now;
all of them are fenced, so two who say yes at once are one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from pydantic import Field

from .approval import (
    Approval,
    ChangedSinceSeen,
    NotTheMaker,
    SecondFactorNeeded,
    approvals,
    digest_of,
    require_another,
    require_duty,
    required,
)
from .contracts.approvals import (
    ApprovalGiven,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalWithdrawn,
    Needs,
)
from .decider import AnyDecider, Ask, Decider, Decision, Facts, Knowing, Streams
from .directory import same_person
from .entries import Row, Table
from .ruling import Ruled, ruled_by, upheld
from .types import Actor, Command, Event, Metadata, Recorded, plain

DIRECTORY_MAY_BE = timedelta(seconds=60)
"""How old the directory may be for whoever approves (design 10)."""


class GiveApproval(Command):
    """审批同意: 所见即所记, 以摘要为准。"""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="所见内容的摘要")
    note: str | None = Field(default=None, max_length=500)


class RejectApproval(Command):
    """审批退回: 写明理由; 可以重新报送。"""

    reason: str = Field(min_length=1, max_length=500)


class WithdrawApproval(Command):
    """撤回报审: 由经办人或接手人。"""

    reason: str = Field(min_length=1, max_length=500)


class ApprovalFacts(Facts, frozen=True, kw_only=True):
    """`inner`: what the waiting command's rule had to know. `same`: everyone whose acts count as
    the caller's own. `verified`: a second factor was given."""

    same: tuple[str, ...]
    inner: dict[str, Any] = msgspec.field(default_factory=dict)
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """An approval, who acts on it, and all that the waiting command's decision stands on."""

    approval: Approval
    actor: Actor
    decider: AnyDecider | None = None
    inner: Any = None
    ask: Ask[Any] | None = None
    ruled: Ruled | None = None

    def by(self) -> tuple[str, str | None]:
        assert self.ask is not None
        return self.actor.id, self.ask.behalf


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the waiting command would give now, and who has to agree to that."""

    decision: Decision
    digest: str
    needs: Needs
    second_factor: bool


def foreseen(state: Waiting, inner: Facts) -> Foreseen:
    """Decide the waiting command as things are. Raises: Refused, as the command would be."""
    assert state.decider is not None
    assert state.ask is not None
    assert state.ruled is not None
    decision = upheld(state.decider, state.inner, state.ask, inner, state.ruled)
    now = required(state.decider, state.inner, state.ask, inner, state.ruled.approvals)
    needs = state.approval.needs if now is None else now.needs
    second_factor = state.approval.second_factor or (now is not None and now.second_factor)
    return Foreseen(decision, digest_of(decision.events), needs, second_factor)


def give(state: Waiting, command: GiveApproval, facts: ApprovalFacts) -> Decision:
    """To exactly what was seen, by somebody else, of a duty that counts."""
    id_, approval = state.approval.require_open(), state.approval
    assert state.decider is not None
    now = foreseen(state, msgspec.convert(facts.inner, state.decider.facts))
    require_duty(now.needs, state.actor.role)
    require_another(approval, facts.same, now.digest)
    if now.second_factor and not facts.verified:
        raise SecondFactorNeeded()
    if command.digest != now.digest:
        raise ChangedSinceSeen(seen=command.digest, now=now.digest)
    given = 1 + sum(
        said.digest == now.digest and said.role in now.needs.duties for said in approval.given
    )
    complete = given >= now.needs.count
    by, behalf = state.by()
    event = ApprovalGiven(
        approval=id_,
        area=approval.area,
        by=by,
        role=state.actor.role,
        behalf=behalf,
        digest=now.digest,
        note=command.note,
        complete=complete,
    )
    body = {"id": str(id_), "given": given, "needed": now.needs.count}
    if not complete:
        return Decision({id_: (event,)}, {**body, "result": None}, status=201)
    return _done(state, id_, event, now.decision, body)


def _done(
    state: Waiting, id_: Any, event: ApprovalGiven, decision: Decision, body: dict[str, Any]
) -> Decision:
    """The approval and the events that it was given to, in one request, on their own days."""
    assert state.ask is not None
    inner = state.ask.command
    return Decision(
        {id_: (event,), **decision.events},
        {**body, "result": decision.body},
        decision.document,
        days=(inner.occurred_on, inner.counted_on),
    )


def reject(state: Waiting, command: RejectApproval, facts: ApprovalFacts) -> Decision:
    """By whoever might have said yes."""
    id_, approval = state.approval.require_open(), state.approval
    require_duty(approval.needs, state.actor.role)
    require_another(approval, facts.same, None)
    by, behalf = state.by()
    event = ApprovalRejected(
        approval=id_, area=approval.area, by=by, behalf=behalf, reason=command.reason
    )
    return Decision({id_: (event,)}, {"id": str(id_)})


def withdraw(state: Waiting, command: WithdrawApproval, facts: ApprovalFacts) -> Decision:
    """By whoever asked, or took the work over."""
    id_, approval = state.approval.require_open(), state.approval
    if approval.maker not in facts.same:
        raise NotTheMaker(maker=approval.maker)
    event = ApprovalWithdrawn(
        approval=id_, area=approval.area, by=state.actor.id, reason=command.reason
    )
    return Decision({id_: (event,)}, {"id": str(id_)})


Gather = Callable[[Streams, Ask[Any]], Awaitable[Waiting]]


def waiting(by_name: Mapping[str, AnyDecider]) -> Gather:
    """How an approval is read with all that its command's decision stands on."""

    async def gather(streams: Streams, ask: Ask[Any]) -> Waiting:
        approval = await streams.load(approvals, ask.subject)
        if approval.state != "submitted":
            return Waiting(approval, ask.actor, ask=ask)
        decider = by_name[approval.command]
        inner_ask = approval.ask(decider, ask)
        inner = await decider.gather(streams, inner_ask)
        ruled = await ruled_by(streams, inner_ask, decider)
        return Waiting(approval, ask.actor, decider, inner, inner_ask, ruled)

    return gather


async def _itself(streams: Streams, ask: Ask[Any]) -> Waiting:
    return Waiting(await streams.load(approvals, ask.subject), ask.actor, ask=ask)


async def learned(known: Knowing, state: Waiting, ask: Ask[Any]) -> ApprovalFacts:
    """On a directory young enough. Raises: StaleReferenceError."""
    await known.fresh("households", DIRECTORY_MAY_BE)
    same = set(await same_person(known.pool, ask.actor.id))
    if ask.behalf is not None:
        same |= await same_person(known.pool, ask.behalf)
    area = state.approval.area
    path = () if area is None else await known.path(area)
    if state.decider is None or state.ask is None:
        return ApprovalFacts(path=path, same=tuple(sorted(same)))
    inner = await state.decider.learned(known, state.inner, state.ask)
    return ApprovalFacts(path=path, same=tuple(sorted(same)), inner=plain(inner))


def deciders(own: Iterable[AnyDecider]) -> tuple[AnyDecider, ...]:
    """Those of a service whose commands these are."""
    by_name = {decider.name: decider for decider in own}
    how: dict[str, Any] = {"founds_areas": True, "keeps_key": True, "approvable": False}
    return (
        Decider(GiveApproval, ApprovalFacts, waiting(by_name), learned, give, **how),
        Decider(RejectApproval, ApprovalFacts, _itself, learned, reject, **how),
        Decider(WithdrawApproval, ApprovalFacts, _itself, learned, withdraw, **how),
    )


REQUESTED = Table(
    "es.approvals",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("command", "text"),
        ("target", "uuid"),
        ("maker", "text"),
        ("amount_fen", "bigint"),
        ("needed", "int"),
        ("duties", "text[]"),
        ("requested_at", "timestamptz"),
    ),
    key=("id",),
    mode="latest",
)
STATES = Table(
    "es.approval_states",
    (("approval", "uuid"), ("state", "text"), ("at", "timestamptz")),
    key=("approval",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    at = recorded.recorded_at
    match fact:
        case ApprovalRequested():
            who = (fact.maker, fact.amount_fen, fact.needs.count, list(fact.needs.duties))
            what = (fact.approval, fact.area, fact.command, fact.target)
            yield REQUESTED, (*what, *who, at)
            yield STATES, (fact.approval, "submitted", at)
        case ApprovalGiven() if fact.complete:
            yield STATES, (fact.approval, "approved", at)
        case ApprovalRejected():
            yield STATES, (fact.approval, "rejected", at)
        case ApprovalWithdrawn():
            yield STATES, (fact.approval, "withdrawn", at)
        case _:
            return
