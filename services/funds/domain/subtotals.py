"""Subtotals of a list by area and lot: what the lots see of its lines (summary grade)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from libs.events.contracts.batches import SubsidyOrdered, Subtotal
from libs.events.contracts.money import Draw

from .drawing import Share, cut


def summed(
    draws: tuple[Draw, ...], totals: Iterable[tuple[UUID, int, int]], start_fen: int = 0
) -> Iterable[Subtotal]:
    """Subtotals of (area, count, fen) in order, each cut from the draws of the whole."""
    for area, count, fen in totals:
        for nth, draw in enumerate(cut(draws, start_fen, fen)):
            yield Subtotal(
                area=area,
                lot=draw.lot,
                purpose=draw.purpose,
                count=0 if nth else count,
                amount_fen=draw.amount_fen,
            )
        start_fen += fen


def share(subtotal: Subtotal) -> Share:
    """A subtotal as fen of one lot for one area."""
    draw = Draw(lot=subtotal.lot, purpose=subtotal.purpose, amount_fen=subtotal.amount_fen)
    return Share(draw, subtotal.area, subtotal.count)


def merged(kept: Iterable[Subtotal], added: Iterable[Subtotal]) -> tuple[Subtotal, ...]:
    """Subtotals summed by area, lot and purpose, in order of first appearance."""
    sums: dict[tuple[UUID, UUID, str], tuple[int, int]] = {}
    for one in (*kept, *added):
        key = (one.area, one.lot, one.purpose)
        count, fen = sums.get(key, (0, 0))
        sums[key] = (count + one.count, fen + one.amount_fen)
    return tuple(
        Subtotal(area=area, lot=lot, purpose=purpose, count=count, amount_fen=fen)
        for (area, lot, purpose), (count, fen) in sums.items()
    )


def of_lines(orders: Iterable[SubsidyOrdered]) -> tuple[Subtotal, ...]:
    """Lines summed by area and lot, each counted on the lot of its first fen."""
    return merged(
        (),
        (
            Subtotal(
                area=order.area,
                lot=draw.lot,
                purpose=draw.purpose,
                count=0 if nth else 1,
                amount_fen=draw.amount_fen,
            )
            for order in orders
            for nth, draw in enumerate(order.draws)
        ),
    )
