"""Sealing a batch 封存: count and sum as declared; a list without names by its areas."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.events.amount import AmountTyped
from libs.events.contracts import batches
from libs.events.contracts.batches import BatchSealed
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.leaf import tree_root
from libs.events.types import Command, Reliance

from .batch import Batch, BatchTotalDiffers, GradeDiffers, Listing
from .subtotals import summed


class AreaTotal(BaseModel):
    """One area of a list without names: how many, how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: UUID
    count: int = Field(ge=1)
    amount: AmountTyped


class SealBatch(Command):
    """封存名单。明细级由已报的行相加；汇总级在此给出各区域的户数与金额。"""

    areas: tuple[AreaTotal, ...] = Field(default=(), max_length=2000)


class AreasDiffer(Refused):
    """汇总区域不在本批次区域之内，或重复：{areas}。"""


class SealFacts(Facts, frozen=True, kw_only=True):
    """Which of the areas that the caller named lie within the batch's area."""

    relies_on: tuple[Reliance, ...]
    within: tuple[UUID, ...]


def seal(state: Listing, command: SealBatch, facts: SealFacts) -> Decision:
    """F9: count and sum as declared, to the fen, or nothing is sealed."""
    batch = state.batch
    id_, area = batch.at("reserved")
    _require_areas(command, facts)
    listed, listed_fen, subtotals = _listed(batch, command)
    if (listed, listed_fen) != (batch.count, batch.amount_fen):
        raise BatchTotalDiffers(
            declared=batch.count,
            declared_fen=batch.amount_fen,
            listed=listed,
            listed_fen=listed_fen,
        )
    root = tree_root([bytes.fromhex(chunk) for chunk in batch.roots]).hex()
    event = BatchSealed(
        area=area,
        batch=id_,
        count=batch.count,
        amount_fen=batch.amount_fen,
        subtotals=subtotals,
        root=root if batch.grade == "line" else None,
        relies_on=facts.relies_on,
    )
    return Decision({id_: (event,)}, {"id": str(id_), "root": event.root})


def _require_areas(command: SealBatch, facts: SealFacts) -> None:
    named = [total.area for total in command.areas]
    wrong = {area for area in named if area not in facts.within or named.count(area) > 1}
    if wrong:
        raise AreasDiffer(areas="、".join(sorted(map(str, wrong))))


def _listed(batch: Batch, command: SealBatch) -> tuple[int, int, tuple[batches.Subtotal, ...]]:
    if batch.grade == "line":
        if command.areas:
            raise GradeDiffers(grade=batch.grade)
        return batch.ordered, batch.ordered_fen, batch.subtotals
    totals = [(total.area, total.count, total.amount.read().amount_fen) for total in command.areas]
    sums = tuple(summed(batch.draws, totals))
    return sum(count for _, count, _ in totals), sum(fen for _, _, fen in totals), sums
