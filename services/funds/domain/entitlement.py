"""An entitlement 享受资格: (scheme, period, beneficiary, tranche), the guard against paying twice.

Its stream holds each order and the bank's answer; while one order lives, no second can (F7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple
from uuid import UUID

from libs.events.contracts.batches import SubsidyDisbursed, SubsidyOrdered, SubsidyReturned
from libs.events.decider import Fold
from libs.events.types import Event, stream_id

State = Literal["open", "ordered", "paid", "returned"]


class Roll(NamedTuple):
    """What a list pays: scheme, period and tranche."""

    scheme: str
    period: str
    tranche: int


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The live order, if any; `returned` opens the next step."""

    state: State = "open"
    order: SubsidyOrdered | None = None


def entitlement_stream(roll: Roll, kind: str, beneficiary: UUID) -> UUID:
    """Locality by scheme and period, so that one list writes one part of the index."""
    near = f"{roll.scheme}/{roll.period}"
    return stream_id("entitlement", near, *map(str, roll), kind, str(beneficiary))


def evolve(state: Entitlement, event: Event) -> Entitlement:
    match event:
        case SubsidyOrdered():
            return Entitlement("ordered", event)
        case SubsidyDisbursed():
            return replace(state, state="paid")
        case SubsidyReturned():
            return replace(state, state="returned")
        case _:
            return state


entitlements: Fold[Entitlement] = Fold("entitlement", Entitlement(), evolve)
