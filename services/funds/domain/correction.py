"""What of the nouns of funds can be corrected 更正, and what is done instead of the rest.

Money that has moved is never corrected: a payment is returned and paid again, a sealed list stands
and what comes back is paid by the next run. A lot says what was received, so its amount may change
down to what has left it; per purpose the accounts stay zero together (F1, F2).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from libs.events.amount import AmountTyped
from libs.events.contracts.funds import (
    BatchCorrected,
    DocumentCorrected,
    KeyTaken,
    Payee,
    PaymentCorrected,
    ProjectCorrected,
)
from libs.events.contracts.money import Account, Level
from libs.events.correction import Changes, Correct, Correctable, barred, body_of, corrected, why
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Day, Event

from .batch import Batch
from .document import Document, DocumentNotRegistered, Kind
from .lot import (
    RECEIVED,
)
from .payment import Payment
from .project import Project, ProjectName, Purpose, project_stream, require_free
from .project import known as known_project

GIVEN_BACK: tuple[Account, Account] = (RECEIVED[1], RECEIVED[0])
OTHER_LETTER = "文号就是文件的编号；请登记正确的文件，再更正引用它的资金"
OTHER_PLACE = "编号与账目以此为准；请在正确的区域另行登记"
PAID_AGAIN = "资金已经动用；请退回后重新付款"


class DocumentChanges(Changes):
    """更正文件的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"note"})

    title: Annotated[str, Field(min_length=1, max_length=300)] | SkipJsonSchema[None] = None
    kind: Kind | SkipJsonSchema[None] = None
    level: Level | SkipJsonSchema[None] = None
    issued_on: Day | SkipJsonSchema[None] = None
    note: Annotated[str, Field(max_length=300)] | None = None
    number: str | SkipJsonSchema[None] = barred(OTHER_LETTER)
    area: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)


class CorrectDocument(Correct):
    """更正文件。批复文件不能改作他类：调整用途以它为据。"""

    changes: DocumentChanges


class ProjectChanges(Changes):
    """更正项目的哪几项。"""

    name: ProjectName | SkipJsonSchema[None] = None
    year: Annotated[int, Field(ge=2013, le=2100)] | SkipJsonSchema[None] = None
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | SkipJsonSchema[None] = None
    purpose: Purpose | SkipJsonSchema[None] = None
    area: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)


class CorrectProject(Correct):
    """更正项目。已安排资金的，用途不能更正。"""

    changes: ProjectChanges


class PaymentChanges(Changes):
    """更正付款的哪几项。"""

    use: Annotated[str, Field(min_length=1, max_length=200)] | SkipJsonSchema[None] = None
    amount: AmountTyped | SkipJsonSchema[None] = barred(PAID_AGAIN)
    payee: UUID | SkipJsonSchema[None] = barred(PAID_AGAIN)
    project: UUID | SkipJsonSchema[None] = barred(PAID_AGAIN)


class CorrectPayment(Correct):
    """更正付款的用途说明。金额、收款单位、项目须退回后重新付款。"""

    changes: PaymentChanges


class BatchChanges(Changes):
    """更正批次的哪几项。"""

    count: Annotated[int, Field(ge=1, le=1_000_000)] | SkipJsonSchema[None] = None
    amount: AmountTyped | SkipJsonSchema[None] = None
    scheme: str | SkipJsonSchema[None] = barred("批次以此为编号；请另行申报")
    period: str | SkipJsonSchema[None] = barred("批次以此为编号；请另行申报")
    project: UUID | SkipJsonSchema[None] = barred("批次以此取用资金；请另行申报")

    def says(self) -> dict[str, Any]:
        told = super().says()
        if self.amount is not None:
            told["amount"] = self.amount.read().amount_fen
        return told


class CorrectBatch(Correct):
    """更正批次申报。总额在冻结之前、人数在封存之前方可更正。"""

    changes: BatchChanges


class LetterOfApproval(Refused):
    """批复文件不能改作他类：{number} 可能已是调整用途的依据；请登记正确的文件并重新调整用途。"""


class ProjectAlreadyFunded(Refused):
    """项目已有资金，不能更正用途：已安排 {funded_fen}，用途 {purpose}。"""


class BatchTooFar(Refused):
    """批次已到此步，不能更正{field}：现为 {step}；封存后的批次不更正，退回的行由下一次报送重发。"""


class FewerThanOrdered(Refused):
    """人数少于已报名单：更正为 {count}，已报 {ordered} 行。"""


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _letter(one: Document) -> dict[str, Any]:
    return {
        "title": one.title,
        "kind": one.kind,
        "level": one.level,
        "issued_on": _day(one.issued_on),
        "note": one.note,
    }


def _project(one: Project) -> dict[str, Any]:
    return {"name": one.name, "year": one.year, "kind": one.kind, "purpose": one.purpose}


DOCUMENT = Correctable(_letter)
PROJECT = Correctable(_project)
PAYMENT: Correctable[Payment] = Correctable(lambda one: {"use": one.use})
BATCH: Correctable[Batch] = Correctable(
    lambda one: {"count": one.count, "amount": one.amount_fen}, frozenset({"amount"})
)


class Renaming(NamedTuple):
    """A project with whatever stands under the key that it would have."""

    known: Project
    other: Project


def correct_document(state: Document, command: CorrectDocument, _: Facts) -> Decision:
    if state.id is None or state.area is None:
        raise DocumentNotRegistered(document="未知")
    changes = DOCUMENT.changes(state, command, command.changes)
    now = corrected(_letter(state), changes)
    if state.kind == "approval" and now["kind"] != "approval":
        raise LetterOfApproval(number=state.number)
    event = DocumentCorrected(
        **why(state.area, command, changes),
        document=state.id,
        number=state.number,
        **{**now, "issued_on": date.fromisoformat(now["issued_on"])},
    )
    return Decision({state.id: (event,)}, body_of(state.id, changes), command.document)


def correct_project(state: Renaming, command: CorrectProject, _: Facts) -> Decision:
    """P6: the purpose is whose money it may take; it stays once it took some."""
    project = state.known
    id_, area = known_project(project)
    changes = PROJECT.changes(project, command, command.changes)
    now = corrected(_project(project), changes)
    if project.funded and now["purpose"] != project.purpose:
        funded_fen = sum(project.funded.values())
        raise ProjectAlreadyFunded(funded_fen=funded_fen, purpose=project.purpose)
    event = ProjectCorrected(**why(area, command, changes), project=id_, **now)
    key = project_stream(area, now["year"], now["name"])
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,)}
    if id_ not in (key, state.other.id):
        require_free(state.other, now["year"], now["name"])
        events[key] = (KeyTaken(area=area, noun="project", by=id_),)
    return Decision(events, body_of(id_, changes), command.document)


def correct_payment(state: Payment, command: CorrectPayment, _: Facts) -> Decision:
    assert state.id is not None and state.area is not None, "a payment in the path is there, or 404"  # noqa: PT018
    assert state.project is not None and state.payee is not None, "it names both"  # noqa: PT018
    changes = PAYMENT.changes(state, command, command.changes)
    event = PaymentCorrected(
        **why(state.area, command, changes),
        payment=state.id,
        project=state.project,
        payee=Payee(kind=state.payee_kind, organisation=state.payee),
        use=str(changes[0].now),
        amount_fen=state.amount_fen,
    )
    return Decision({state.id: (event,)}, body_of(state.id, changes), command.document)


def correct_batch(state: Batch, command: CorrectBatch, _: Facts) -> Decision:
    """F9: count and sum are a promise that sealing must meet; the sum is held once on its lots."""
    id_, area = state.identity()
    changes = BATCH.changes(state, command, command.changes)
    now = corrected({"count": state.count, "amount": state.amount_fen}, changes)
    for change in changes:
        may = ("declared",) if change.field == "amount" else ("declared", "reserved")
        if state.step not in may:
            raise BatchTooFar(field=change.field, step=state.step)
    if now["count"] < state.ordered:
        raise FewerThanOrdered(count=now["count"], ordered=state.ordered)
    assert state.project is not None, "a declared batch names its project"
    event = BatchCorrected(
        **why(area, command, changes),
        batch=id_,
        project=state.project,
        scheme=state.roll.scheme,
        period=state.roll.period,
        tranche=state.roll.tranche,
        grade=state.grade,
        count=now["count"],
        amount_fen=now["amount"],
    )
    return Decision({id_: (event,)}, body_of(id_, changes), command.document)
