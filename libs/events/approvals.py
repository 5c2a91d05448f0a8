"""The commands on approvals 审批: say yes, say no, ask no longer.

Saying yes decides the waiting command again, on its own streams, facts and rules as they are now;
all of them are fenced, so two who say yes at once are one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
    ApprovalWithdrawn,
    Needs,
)
from .dated_rows import Reference
from .decider import AnyDecider, Ask, Decider, Decision, Facts, Knowing, Streams
from .directory import same_person
from .reference import reference
from .ruling import Ruled, ruled_by, upheld
from .same_device import SAME_DEVICE, Found, Step, compared, within_s
from .types import Actor, Command, plain

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
    the caller's own. `verified`: a second factor was given. `device`: the mark of the caller's;
    `ages_s`: how long ago the earlier steps were."""

    same: tuple[str, ...]
    inner: dict[str, Any] = msgspec.field(default_factory=dict)
    verified: bool = False
    device: str | None = None
    ages_s: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """An approval, who acts on it, and all that the waiting command's decision stands on."""

    approval: Approval
    actor: Actor
    decider: AnyDecider | None = None
    inner: Any = None
    ask: Ask[Any] | None = None
    ruled: Ruled | None = None
    watched: Reference = field(default_factory=Reference)

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
    found = _compared(state, facts)
    event = ApprovalGiven(
        approval=id_,
        area=approval.area,
        by=by,
        role=state.actor.role,
        behalf=behalf,
        digest=now.digest,
        note=command.note,
        complete=complete,
        device=facts.device,
        compared=found.device,
        after_s=found.after_s,
        flagged=found.flagged,
    )
    body = {"id": str(id_), "given": given, "needed": now.needs.count}
    if not complete:
        return Decision({id_: (event,)}, {**body, "result": None}, status=201)
    return _done(state, id_, event, now.decision, body)


def _compared(state: Waiting, facts: ApprovalFacts) -> Found:
    """With whoever asked and all who said yes before. It stops nothing."""
    assert state.ask is not None
    marks = (state.approval.device, *(said.device for said in state.approval.given))
    steps = map(Step, marks, facts.ages_s)
    within = within_s(state.watched, facts.path, state.ask.asked_on)
    return compared(facts.device, steps, within)


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
        days=decision.days or (inner.occurred_on, inner.counted_on),
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
        watched = await reference(streams, SAME_DEVICE.name)
        return Waiting(approval, ask.actor, decider, inner, inner_ask, ruled, watched)

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
    ages_s = tuple(row["age_s"] for row in await known.pool.fetch(_STEPS, state.approval.id))
    return ApprovalFacts(path=path, same=tuple(sorted(same)), inner=plain(inner), ages_s=ages_s)


_STEPS = """
SELECT greatest(0, extract(epoch FROM clock_timestamp() - recorded_at))::int AS age_s
  FROM es.events
 WHERE stream_id = $1 AND type IN ('ApprovalRequested', 'ApprovalGiven') ORDER BY version
"""
"""By the clock that stamped them."""


def deciders(own: Iterable[AnyDecider]) -> tuple[AnyDecider, ...]:
    """Those of a service whose commands these are."""
    by_name = {decider.name: decider for decider in own}
    how: dict[str, Any] = {"founds_areas": True, "keeps_key": True, "approvable": False}
    return (
        Decider(GiveApproval, ApprovalFacts, waiting(by_name), learned, give, **how),
        Decider(RejectApproval, ApprovalFacts, _itself, learned, reject, **how),
        Decider(WithdrawApproval, ApprovalFacts, _itself, learned, withdraw, **how),
    )
