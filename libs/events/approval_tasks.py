"""What an approval 审批 asks of people: a task of each who may say yes, and of its maker when it is
sent back. Decided from the approval's own stream, by a reactor on the log that it stands in, so it
opens and closes with the approval whatever is killed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from .approval import Approval, approvals, persons
from .clock import CHINA
from .contracts.approvals import (
    ApprovalGiven,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from .contracts.log import Form, TaskClosed, TaskOpened
from .deadline import Deadline
from .decider import Ask, Decider, Decision, Facts, Knowing, Reaction, Streams, where
from .known import path_of
from .reactor import Reactor
from .tasks import APPROVAL, Task, tasks
from .types import Command, Event, Metadata, Recorded, stream_id


class MindApproval(Command):
    """审批待办随审批开出、办结。只由系统发出。"""

    approval: UUID

    def to_approve(self, given: int) -> UUID:
        """Of those who may say yes after so many did."""
        more = (str(given),) if given else ()
        return stream_id("task", str(self.approval), APPROVAL, str(self.approval), *more)

    def sent_back(self) -> UUID:
        return stream_id("task", str(self.approval), "approval_rejected", str(self.approval))


@dataclass(frozen=True, slots=True)
class Minded:
    """An approval and the tasks that it may make: one of the first yes and one more after each, for
    who has said it is not asked again; and one of its maker."""

    approval: Approval
    to_approve: tuple[Task, ...]
    sent_back: Task


def mind(state: Minded, command: MindApproval, _: Facts) -> Decision:
    """Twice, it gives nothing new."""
    approval, events = state.approval, dict[UUID, tuple[Event, ...]]()
    waits, given = approval.state == "submitted", len(approval.given)
    for nth, task in enumerate(state.to_approve):
        ask = command.to_approve(nth)
        if waits and nth == given and task.id is None:
            events[ask] = (_to_approve(approval, ask),)
        if not (waits and nth == given) and task.id is not None and not task.closed:
            note = f"已有 {given} 人同意" if waits else approval.state
            events[ask] = (TaskClosed(task=ask, area=approval.area, note=note),)
    told = command.sent_back()
    if approval.state == "rejected" and state.sent_back.id is None:
        events[told] = (_sent_back(approval, told),)
    return Decision(events, status=201 if events else 200)


def _to_approve(approval: Approval, id_: UUID) -> TaskOpened:
    duties, given = approval.needs.duties, len(approval.given)
    return TaskOpened(
        task=id_,
        area=approval.area,
        kind=APPROVAL,
        title="审批",
        waits_for=duties[0],
        due_on=None,
        target=approval.id,
        about=f"approval/{approval.id}" + (f"/{given}" if given else ""),
        reason=approval.command,
        numbers={"amount_fen": approval.amount_fen, "maker": approval.maker},
        or_duties=duties[1:],
        not_person=approval.maker,
        not_persons=_who_did(approval),
        form=Form(method="POST", path=f"/approvals/{approval.id}/approvals"),
    )


def _who_did(approval: Approval) -> tuple[str, ...]:
    """Beside the maker: on whose behalf it was asked, and who has said yes to what is asked now."""
    found = persons(approval.maker, approval.behalf)
    for said in approval.given:
        if said.digest == approval.given[-1].digest:
            found |= persons(said.by, said.behalf)
    return tuple(sorted(found - {approval.maker}))


def _sent_back(approval: Approval, id_: UUID) -> TaskOpened:
    return TaskOpened(
        task=id_,
        area=approval.area,
        kind="approval_rejected",
        title="报审退回",
        waits_for=approval.role,
        due_on=None,
        target=approval.id,
        about=f"approval/{approval.id}",
        reason=approval.command,
        numbers={"amount_fen": approval.amount_fen},
        person=approval.maker,
        form=Form(method="GET", path=f"/approvals/{approval.id}"),
    )


async def _gather(streams: Streams, ask: Ask[MindApproval]) -> Minded:
    approval = await streams.load(approvals, ask.command.approval)
    asked = [ask.command.to_approve(nth) for nth in range(len(approval.given) + 1)]
    *to_approve, sent_back = await streams.load_many(tasks, [*asked, ask.command.sent_back()])
    return Minded(approval, tuple(to_approve), sent_back)


async def _where(known: Knowing, state: Minded, _: Ask[MindApproval]) -> Facts:
    return await where(known, state.approval.area)


MIND = Decider(MindApproval, Facts, _gather, _where, mind, founds_areas=True, approvable=False)
DECIDERS = (MIND,)


def react(recorded: Recorded, fact: Event, _: Metadata) -> Reaction | None:
    match fact:
        case ApprovalRequested() | ApprovalGiven() | ApprovalRejected() | ApprovalWithdrawn():
            day = recorded.recorded_at.astimezone(CHINA).date()
            command = MindApproval(occurred_on=day, approval=fact.approval)
            return Reaction(command, fact.approval, fact.area)
        case _:
            return None


def reactor(service: str) -> Reactor:
    """On the service's own log. What an import asks for waits for people as any other does."""
    return Reactor("approval_tasks", service, react, imports=True)


_WAITING = f"""
SELECT a.id AS subject, a.area, coalesce({path_of("a.area")}, '{{}}') AS path,
       (coalesce(t.opened_at, a.requested_at) AT TIME ZONE 'Asia/Shanghai')::date AS since,
       a.command AS reason,
       json_build_object('amount_fen', a.amount_fen, 'maker', a.maker)::text AS numbers,
       a.duties, a.maker AS not_person, coalesce(t.not_persons, '{{}}') AS not_persons
  FROM es.approvals a
  JOIN es.approval_states s ON s.approval = a.id AND s.state = 'submitted'
  LEFT JOIN LATERAL (
      SELECT CASE WHEN t.about LIKE 'approval/%/%' THEN t.opened_at END AS opened_at, t.not_persons
        FROM es.tasks t WHERE t.kind = '{APPROVAL}' AND t.target = a.id
       ORDER BY t.opened_at DESC LIMIT 1) t ON true
"""  # noqa: S608 - constants only
WAITING = Deadline(
    "approval_waiting",
    "审批久候",
    _WAITING,
    "auditor",
    lambda matter: f"/approvals/{matter.subject}/approvals",
)
"""Said again to those who may say yes, when an approval has waited too long, since somebody last
said it."""
