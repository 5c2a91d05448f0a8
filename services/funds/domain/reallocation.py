"""A change of use 调整用途: unallocated fen of a lot, by an approval document (dossier F3)."""

from __future__ import annotations

from uuid import UUID

from libs.events.amount import AmountTyped
from libs.events.contracts.funds import FundReallocated
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Command

from .document import Document, require_registered
from .lot import Lot, in_treasury, known, require_held
from .project import Purpose


class ReallocateFund(Command):
    """凭批复文件调整尚未安排资金的用途。"""

    from_purpose: Purpose
    to_purpose: Purpose
    amount: AmountTyped
    document: UUID


class ApprovalNeeded(Refused):
    """调整用途须凭批复文件：{number} 不是批复文件。"""


def reallocate(state: tuple[Lot, Document], command: ReallocateFund, _: Facts) -> Decision:
    """F3: a change of use exists only with an approval document; as received stays visible."""
    lot, document = state
    lot_id, area = known(lot)
    require_registered(document, command.document)
    if document.kind != "approval":
        raise ApprovalNeeded(number=document.number)
    fen = command.amount.read().amount_fen
    require_held(lot, "unallocated", command.from_purpose, None, fen)
    event = FundReallocated(
        area=area,
        lot=lot_id,
        from_purpose=command.from_purpose,
        to_purpose=command.to_purpose,
        document=command.document,
        movements=(
            in_treasury(lot, command.from_purpose, None, ("unallocated", "reallocated"), fen),
            in_treasury(lot, command.to_purpose, None, ("reallocated", "unallocated"), fen),
        ),
    )
    return Decision({lot_id: (event,)}, {"id": str(lot_id)}, document.number)
