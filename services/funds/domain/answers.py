"""The bank's answer to a batch 银行结果: line by line, credited or returned; silence is a state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.contracts import funds
from libs.events.contracts.batches import (
    LinesAnswered,
    SubsidyDisbursed,
    SubsidyOrdered,
    SubsidyReturned,
    Subtotal,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command, Event

from .batch import Batch, GradeDiffers, Listing
from .drawing import Places, Way, movements
from .entitlement import Entitlement
from .lot import area_of
from .roster import LARGEST_CHUNK, BeneficiaryTyped, Roster, stream_of
from .subtotals import of_lines, share

PAY = Way("in_flight", "paid")
RETURN = Way("in_flight", "allocated")


class AnswerTyped(BaseModel):
    """银行对一行的答复。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int = Field(ge=1)
    beneficiary: BeneficiaryTyped
    outcome: Literal["credited", "returned"]
    reason: str | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _a_return_has_its_reason(self) -> Self:
        if (self.outcome == "returned") != (self.reason is not None):
            raise ValueError("退回须写原因, 入账不写")
        return self


class AnswerLines(Command):
    """导入银行结果：逐行入账或退回。业务发生日即银行答复之日，一次只报一日。"""

    lines: tuple[AnswerTyped, ...] = Field(min_length=1, max_length=LARGEST_CHUNK)


class AnswerSummary(Command):
    """汇总级批次全部入账。业务发生日即入账日。"""


class LineDiffers(Refused):
    """第 {line} 行与批次中的记录不符或已有银行结果：状态 {state}（共 {count} 行）。"""


def answer(state: Roster, command: AnswerLines, _: Facts) -> Decision:
    """Line by line as the bank says: credited, or the same fen back on the same lots."""
    batch = state.listing.batch
    id_, area = batch.at("sent")
    orders = _require_waiting(batch, command, state.entitlements)
    pairs = list(zip(command.lines, orders, strict=True))
    streams: dict[UUID, tuple[Event, ...]] = {
        stream_of(batch, order.beneficiary): (_answered(answer, order, command.occurred_on),)
        for answer, order in pairs
    }
    credited = [order for answer, order in pairs if answer.outcome == "credited"]
    returned = [order for answer, order in pairs if answer.outcome == "returned"]
    event = LinesAnswered(
        area=area,
        batch=id_,
        credited=len(credited),
        credited_fen=sum(order.amount_fen for order in credited),
        returned=len(returned),
        returned_fen=sum(order.amount_fen for order in returned),
    )
    lots = _lot_events(state.listing, of_lines(credited), of_lines(returned))
    body = {"id": str(id_), "credited": event.credited, "returned": event.returned}
    return Decision({id_: (event,), **lots, **streams}, body)


def _require_waiting(
    batch: Batch, command: AnswerLines, entitlements: Iterable[Entitlement]
) -> list[SubsidyOrdered]:
    orders: list[SubsidyOrdered] = []
    wrong: list[tuple[int, str]] = []
    seen: set[int] = set()
    for line, known in zip(command.lines, entitlements, strict=True):
        order = known.order
        waits = known.state == "ordered" and order is not None and line.line not in seen
        if not waits or order is None or (order.batch, order.line) != (batch.id, line.line):
            wrong.append((line.line, known.state))
        else:
            orders.append(order)
        seen.add(line.line)
    if wrong:
        raise LineDiffers(line=wrong[0][0], state=wrong[0][1], count=len(wrong))
    return orders


def _answered(answer: AnswerTyped, order: SubsidyOrdered, on: date) -> Event:
    line = msgspec.structs.asdict(order)
    if answer.reason is None:
        return SubsidyDisbursed(**line, credited_on=on)
    return SubsidyReturned(**line, returned_on=on, reason=answer.reason)


def _lot_events(
    listing: Listing, credited: Iterable[Subtotal], returned: Iterable[Subtotal]
) -> dict[UUID, tuple[Event, ...]]:
    id_, _ = listing.batch.identity()
    places = Places.of(listing.batch.bank, id_)
    paid = movements(listing.purse, PAY, places, map(share, credited))
    back = movements(listing.purse, RETURN, places, map(share, returned))
    events: dict[UUID, tuple[Event, ...]] = {}
    for lot in sorted(paid.keys() | back.keys()):
        about: dict[str, Any] = {
            "area": area_of(listing.purse.lots[lot]),
            "lot": lot,
            "payment": None,
        }
        facts: list[Event] = []
        if lot in paid:
            facts.append(funds.FundPaid(**about, batch=id_, movements=paid[lot]))
        if lot in back:
            facts.append(funds.FundReturned(**about, batch=id_, movements=back[lot]))
        events[lot] = tuple(facts)
    return events


def answer_summary(state: Listing, command: AnswerSummary, _: Facts) -> Decision:
    """A list without names is credited whole: its subtotals are all there is."""
    batch = state.batch
    if batch.grade != "summary":
        raise GradeDiffers(grade=batch.grade)
    id_, area = batch.at("sent")
    event = LinesAnswered(
        area=area,
        batch=id_,
        credited=batch.count,
        credited_fen=batch.amount_fen,
        returned=0,
        returned_fen=0,
    )
    return Decision({id_: (event,), **_lot_events(state, batch.subtotals, ())}, {"id": str(id_)})
