"""Approval 审批 as a rule: which commands need it, who may give it, and to exactly what.

Which command needs how many people of which duties, by amount, are rows of the set `approval` (key:
the command's name). A command that needs it gives `ApprovalRequested` in place of its events. Each
approval names the digest of the events that were seen; the one that makes them enough is appended
together with the events, decided anew on what is then so. Events that changed in between have
another digest, and what was said to the old ones counts no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .canonical import canonical
from .contracts.approvals import (
    ApprovalGiven,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalWithdrawn,
    Needs,
)
from .dated_rows import Reference, Set, Values
from .decider import AnyDecider, Ask, Decision, Facts, Fold
from .duties import Duty
from .errors import Refused
from .same_device import Found
from .types import Command, Event, stream_id

State = Literal["none", "submitted", "approved", "rejected", "withdrawn"]
UNSEEN = ("relies_on",)
"""What of an event its digest leaves out: up to where copies were read, which moves on while people
read."""


class Band(BaseModel):
    """Up to an amount, so many people who hold one of these duties."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to_fen: int | None = Field(default=None, ge=0, le=2**53 - 1, description="null: 不限")
    count: int = Field(ge=0, le=9, description="0: 无须审批")
    duties: tuple[Duty, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.count and not self.duties:
            raise ValueError("须写明由何种职责审批")
        if "system" in self.duties:
            raise ValueError("对接系统不能审批")
        return self


class ApprovalRow(Values):
    """The bands of a command, from the smallest amount up; the last one has no limit. A command of
    no amount goes by the last."""

    bands: tuple[Band, ...] = Field(min_length=1, max_length=20)
    second_factor: bool = Field(default=False, description="审批时须二次验证")

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        limits = [band.up_to_fen for band in self.bands]
        known = [limit for limit in limits[:-1] if limit is not None]
        if limits[-1] is not None or len(known) < len(limits) - 1 or known != sorted(set(known)):
            raise ValueError("金额档须由小到大，最后一档不限")
        return self

    def band(self, amount_fen: int | None) -> Band:
        if amount_fen is None:
            return self.bands[-1]
        return next(b for b in self.bands if b.up_to_fen is None or amount_fen <= b.up_to_fen)


APPROVALS = Set("approval", "审批", ApprovalRow, central=True)


class MakerIsChecker(Refused):
    """经办人不得审批自己经办的事项：{person}（含受托与接手）。"""

    status = 403


class AlreadyApproved(Refused):
    """同一人不得重复审批：{person}（含受托与接手）。"""

    status = 403


class ApprovalNotYours(Refused):
    """该审批需要职责 {needed}，您以 {held} 的身份办理。"""

    status = 403


class ChangedSinceSeen(Refused):
    """所审内容已经变化：您所见的摘要是 {seen}，现在是 {now}；请重新查看。"""


class ApprovalIsOver(Refused):
    """该事项不在审批中：{state}。"""


class NotTheMaker(Refused):
    """只有经办人或接手人可以撤回：经办人 {maker}。"""

    status = 403


class SecondFactorNeeded(Refused):
    """审批须二次验证：请在 Second-Factor 中给出动态口令。"""

    status = 403


@dataclass(frozen=True, slots=True)
class Said:
    """Who said yes to which events."""

    by: str
    role: str
    behalf: str | None
    digest: str
    device: str | None = None
    found: Found = Found("unknown")  # noqa: RUF009 - a frozen value


@dataclass(frozen=True, slots=True)
class Approval:
    id: UUID | None = None
    area: UUID | None = None
    command: str = ""
    target: UUID | None = None
    body: str = "{}"
    request: UUID = UUID(int=0)  # noqa: RUF009 - a frozen value
    maker: str = ""
    role: str = ""
    behalf: str | None = None
    amount_fen: int | None = None
    needs: Needs = Needs(count=0, duties=())  # noqa: RUF009 - a frozen value
    second_factor: bool = False
    device: str | None = None
    given: tuple[Said, ...] = ()
    state: State = "none"

    def require_open(self) -> UUID:
        """Its id. Raises: ApprovalIsOver."""
        assert self.id is not None, "an approval in the path is there, or 404"
        if self.state != "submitted":
            raise ApprovalIsOver(state=self.state)
        return self.id

    def ask(self, decider: AnyDecider, by: Ask[Any]) -> Ask[Any]:
        """The command as it was asked for, under its own request, from which ids may follow; within
        the area of whoever decides it now."""
        command = decider.command.model_validate_json(self.body)
        actor = msgspec.structs.replace(by.actor, role=self.role)
        own = {"request": self.request, "target": self.target, "command": command}
        return replace(by, **own, actor=actor)


def approval_stream(request: UUID) -> UUID:
    return stream_id("approval", str(request), str(request))


def digest_of(events: Mapping[UUID, tuple[Event, ...]]) -> str:
    """What the approver sees and what is appended, in one number."""
    told = [
        [str(stream), type(event).__name__, event.version(), _shown(event)]
        for stream, facts in events.items()
        for event in facts
    ]
    return sha256(canonical(told)).hexdigest()


def _shown(event: Event) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return {name: value for name, value in plain.items() if name not in UNSEEN}


def amount_of(decider: AnyDecider, state: Any, command: Command) -> int | None:
    return None if decider.amount is None else decider.amount(state, command)


@dataclass(frozen=True, slots=True)
class Required:
    """Who has to say yes to a command, of how many fen if it has any."""

    needs: Needs
    amount_fen: int | None
    second_factor: bool


def required(
    decider: AnyDecider, state: Any, ask: Ask[Any], facts: Facts, approvals: Reference
) -> Required | None:
    """By the row in force for the area on the day of asking: a command that names an earlier day
    is no way around it. None when nobody has to."""
    row = approvals.at(decider.approved_as or decider.name, facts.path, ask.asked_on)
    if row is None:
        return None
    known = ApprovalRow.model_validate(row.values)
    amount_fen = amount_of(decider, state, ask.command)
    band = known.band(amount_fen)
    if band.count == 0:
        return None
    return Required(Needs(count=band.count, duties=band.duties), amount_fen, known.second_factor)


def submitted(ask: Ask[Any], facts: Facts, needs: Required, decision: Decision) -> Decision:
    """What a decision becomes that needs others: that it was asked for."""
    id_ = approval_stream(ask.request)
    requested = ApprovalRequested(
        approval=id_,
        area=facts.path[-1] if facts.path else None,
        command=type(ask.command).__name__,
        target=ask.target,
        body=canonical(ask.command.model_dump(mode="json")).decode(),
        request=ask.request,
        maker=ask.actor.id,
        role=ask.actor.role,
        behalf=ask.behalf,
        digest=digest_of(decision.events),
        amount_fen=needs.amount_fen or None,
        needs=needs.needs,
        second_factor=needs.second_factor,
        device=ask.device,
    )
    told = {"digest": requested.digest, "needs": msgspec.to_builtins(needs.needs)}
    return Decision(
        {id_: (requested,)}, {"id": str(id_), "approval": told}, decision.document, status=202
    )


def persons(by: str, behalf: str | None) -> set[str]:
    return {by} if behalf is None else {by, behalf}


def require_another(approval: Approval, same: Iterable[str], digest: str | None) -> None:
    """Neither the maker nor anybody who said yes to these events before, in whatever seat. `same`:
    everyone whose acts count as the caller's own. Raises: MakerIsChecker, AlreadyApproved."""
    own = set(same)
    for person in sorted(persons(approval.maker, approval.behalf) & own):
        raise MakerIsChecker(person=person)
    for said in approval.given:
        for person in sorted(persons(said.by, said.behalf) & own):
            if said.digest == digest:
                raise AlreadyApproved(person=person)


def require_duty(needs: Needs, role: str) -> None:
    if role not in needs.duties:
        raise ApprovalNotYours(needed="、".join(needs.duties), held=role)


def evolve(state: Approval, event: Event) -> Approval:
    match event:
        case ApprovalRequested():
            return Approval(
                event.approval,
                event.area,
                event.command,
                event.target,
                event.body,
                event.request,
                event.maker,
                event.role,
                event.behalf,
                event.amount_fen,
                event.needs,
                event.second_factor,
                event.device,
                state="submitted",
            )
        case ApprovalGiven():
            found = Found(event.compared, event.after_s, event.flagged)
            said = Said(event.by, event.role, event.behalf, event.digest, event.device, found)
            over: State = "approved" if event.complete else "submitted"
            return replace(state, given=(*state.given, said), state=over)
        case ApprovalRejected():
            return replace(state, state="rejected")
        case ApprovalWithdrawn():
            return replace(state, state="withdrawn")
        case _:
            return state


approvals: Fold[Approval] = Fold("approval", Approval(), evolve)
