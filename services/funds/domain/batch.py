"""A batch 发放批次: a list declared with count and sum, reserved on its lots, sealed, sent.

Declared, reserved, ordered in chunks, sealed, sent, answered: each step once, in this order. Lines
live on their entitlements (roster.py); this stream keeps counts and sums (P8, dossier F9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from pydantic import Field

from libs.events.amount import AmountTyped
from libs.events.contracts import batches, funds
from libs.events.contracts.batches import BatchDeclared, BatchReserved, BatchSealed, BatchSent
from libs.events.contracts.money import Draw, Grade
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, Reliance, stream_id

from .drawing import Places, Purse, Share, Way, movements
from .entitlement import Roll
from .lot import area_of
from .project import Project, require_fundable
from .subtotals import merged, share

RESERVE = Way("allocated", "reserved")
SEND = Way("reserved", "in_flight")
NO_ROLL = Roll("", "", 1)
Step = Literal["none", "declared", "reserved", "sealed", "sent", "answered"]


class DeclareBatch(Command):
    """申报发放批次：先报人数与总额，后报名单。一个区域、补贴、期间与档次只有一个批次。"""

    area: UUID
    project: UUID
    scheme: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    period: str = Field(pattern=r"^\d{4}(-\d{2})?$", examples=["2020"])
    tranche: int = Field(default=1, ge=1, le=99)
    run: int = Field(default=1, ge=1, le=99, description="第几次报送: 退回的行另起一次")
    grade: Grade
    count: int = Field(ge=1, le=1_000_000)
    amount: AmountTyped

    def batch(self) -> UUID:
        return batch_stream(self.area, Roll(self.scheme, self.period, self.tranche), self.run)


class ReserveBatch(Command):
    """按支出顺序冻结批次总额。"""


class SendBatch(Command):
    """送银行。业务发生日即送出日。"""

    bank: UUID


class BatchAlreadyDeclared(Refused):
    """该批次已经申报：{scheme} {period} 第 {tranche} 档。"""


class ProjectOfAnotherArea(Refused):
    """批次与项目不在同一区域：批次 {area}，项目 {project_area}。"""


class BatchStepOutOfOrder(Refused):
    """批次步骤不对：需要 {needed}，现为 {step}。"""


class BatchTotalDiffers(Refused):
    """名单与申报不符：申报 {declared} 行 {declared_fen}，名单 {listed} 行 {listed_fen}。"""


class GradeDiffers(Refused):
    """批次级别不符：本批次为 {grade}。"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the batch's stream says; subtotals are per area and lot, never per line."""

    id: UUID | None = None
    area: UUID | None = None
    project: UUID | None = None
    roll: Roll = NO_ROLL
    grade: Grade = "line"
    step: Step = "none"
    count: int = 0
    amount_fen: int = 0
    draws: tuple[Draw, ...] = ()
    ordered: int = 0
    ordered_fen: int = 0
    answered: int = 0
    bank: UUID | None = None
    roots: tuple[str, ...] = ()
    subtotals: tuple[batches.Subtotal, ...] = ()

    def identity(self) -> tuple[UUID, UUID]:
        """Id and area of a declared batch."""
        if self.id is None or self.area is None:
            raise BatchStepOutOfOrder(needed="declared", step=self.step)
        return self.id, self.area

    def at(self, step: Step) -> tuple[UUID, UUID]:
        """Id and area, at this step. Raises: BatchStepOutOfOrder."""
        if self.step != step:
            raise BatchStepOutOfOrder(needed=step, step=self.step)
        return self.identity()


@dataclass(frozen=True, slots=True)
class Listing:
    """A batch with the purse of its project."""

    batch: Batch
    purse: Purse


class BankFacts(Facts, frozen=True, kw_only=True):
    """The bank as households knows it."""

    relies_on: tuple[Reliance, ...]
    bank_known: bool


class UnknownBank(Refused):
    """银行未登记：{bank}。"""


def batch_stream(area: UUID, roll: Roll, run: int = 1) -> UUID:
    """One list a run; what an earlier run left returned is paid by the next, for the same
    entitlements, which admit one live order whatever the run."""
    return stream_id("batch", str(area), str(area), *map(str, roll), str(run))


def declare(state: tuple[Batch, Project], command: DeclareBatch, _: Facts) -> Decision:
    """Declare first, then fill: count and sum are a promise that sealing must meet."""
    batch, project = state
    if batch.id is not None:
        raise BatchAlreadyDeclared(
            scheme=command.scheme, period=command.period, tranche=command.tranche
        )
    require_fundable(project)
    if project.area != command.area:
        raise ProjectOfAnotherArea(area=str(command.area), project_area=str(project.area))
    event = BatchDeclared(
        batch=command.batch(),
        area=command.area,
        project=command.project,
        scheme=command.scheme,
        period=command.period,
        tranche=command.tranche,
        run=command.run,
        grade=command.grade,
        count=command.count,
        amount=command.amount.read(),
    )
    return Decision({command.batch(): (event,)}, {"id": str(command.batch())})


def reserve(state: Listing, command: ReserveBatch, _: Facts) -> Decision:
    """The whole sum is held once on each lot before any line goes anywhere."""
    id_, area = state.batch.at("declared")
    draws = state.purse.draw(state.batch.amount_fen, command.counted_on)
    reserved = BatchReserved(
        area=area,
        batch=id_,
        draws=draws,
        policy=state.purse.policy.used(command.counted_on),
    )
    moved = movements(state.purse, RESERVE, Places.of(None, id_), map(Share, draws))
    held = {
        lot: (
            funds.FundReserved(
                area=area_of(state.purse.lots[lot]), lot=lot, batch=id_, movements=m
            ),
        )
        for lot, m in moved.items()
    }
    body = {
        "id": str(id_),
        "draws": [{"lot": str(d.lot), "amount_fen": d.amount_fen} for d in draws],
    }
    return Decision({id_: (reserved,), **held}, body)


def send(state: Listing, command: SendBatch, facts: BankFacts) -> Decision:
    """Reserved becomes in flight; from here only the bank's answer moves it."""
    id_, area = state.batch.at("sealed")
    if not facts.bank_known:
        raise UnknownBank(bank=str(command.bank))
    event = BatchSent(
        area=area,
        batch=id_,
        bank=command.bank,
        sent_on=command.occurred_on,
        relies_on=facts.relies_on,
    )
    places = Places.of(command.bank, id_)
    moved = movements(state.purse, SEND, places, map(share, state.batch.subtotals))
    sent = {
        lot: (
            funds.FundSent(
                area=area_of(state.purse.lots[lot]),
                lot=lot,
                payment=None,
                batch=id_,
                movements=m,
            ),
        )
        for lot, m in moved.items()
    }
    return Decision({id_: (event,), **sent}, {"id": str(id_)})


def evolve(state: Batch, event: Event) -> Batch:
    match event:
        case BatchDeclared():
            roll = Roll(event.scheme, event.period, event.tranche)
            return Batch(
                id=event.batch,
                area=event.area,
                project=event.project,
                roll=roll,
                grade=event.grade,
                step="declared",
                count=event.count,
                amount_fen=event.amount.amount_fen,
            )
        case funds.BatchCorrected():
            return replace(state, count=event.count, amount_fen=event.amount_fen)
        case BatchReserved():
            return replace(state, step="reserved", draws=event.draws)
        case batches.LinesOrdered():
            return replace(
                state,
                ordered=event.last,
                ordered_fen=state.ordered_fen + event.amount_fen,
                roots=(*state.roots, event.root),
                subtotals=merged(state.subtotals, event.subtotals),
            )
        case BatchSealed():
            return replace(state, step="sealed", subtotals=event.subtotals)
        case BatchSent():
            return replace(state, step="sent", bank=event.bank)
        case batches.LinesAnswered():
            answered = state.answered + event.credited + event.returned
            step: Step = "answered" if answered == state.count else "sent"
            return replace(state, step=step, answered=answered)
        case _:
            return state


batches_: Fold[Batch] = Fold("batch", Batch(), evolve)
