"""What of a lot 资金来源 can be corrected 更正: what was received, down to what has left it.

A lot says what was received, so a purpose may be corrected down to what is still unallocated of it;
every fen of that is a movement, and per purpose the accounts stay zero together (F1, F2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from libs.events.amount import AmountTyped
from libs.events.contracts.changes import Change
from libs.events.contracts.funds import KeyTaken, LotCorrected
from libs.events.contracts.money import Account, Level, Movement
from libs.events.correction import (
    Changes,
    Correct,
    Correctable,
    barred,
    body_of,
    corrected,
    derived,
    why,
)
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Event

from .balances import held, within_place
from .document import Document, require_registered
from .lot import (
    RECEIVED,
    BatchText,
    FundName,
    Lot,
    known,
    lot_stream,
)
from .lot_key import require_free
from .project import Purpose

GIVEN_BACK: tuple[Account, Account] = (RECEIVED[1], RECEIVED[0])
OTHER_PLACE = "编号与账目以此为准；请在正确的区域另行登记"


class PurposeChange(BaseModel):
    """一项用途应有的到账金额。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: Purpose
    amount: AmountTyped | None = Field(description="null: 没有这项用途")


class LotChanges(Changes):
    """更正资金的哪几项。没有列出的用途不变，总额随之改变。"""

    purposes: (
        Annotated[tuple[PurposeChange, ...], Field(min_length=1, max_length=50)]
        | SkipJsonSchema[None]
    ) = None
    fund_name: FundName | SkipJsonSchema[None] = None
    document: UUID | SkipJsonSchema[None] = None
    level: Level | SkipJsonSchema[None] = None
    year: Annotated[int, Field(ge=2013, le=2100)] | SkipJsonSchema[None] = None
    batch: BatchText | SkipJsonSchema[None] = None
    area: UUID | SkipJsonSchema[None] = barred(OTHER_PLACE)
    amount: AmountTyped | SkipJsonSchema[None] = barred("总额是各用途之和；请更正 purposes")

    def says(self) -> dict[str, Any]:
        told = super().says()
        told.pop("purposes", None)
        fen = {
            f"purposes.{one.purpose}": 0 if one.amount is None else one.amount.read().amount_fen
            for one in self.purposes or ()
        }
        return {**told, **fen}


class CorrectLot(Correct):
    """更正到账资金。各用途可更正到已安排、已支付的数为止；级次、年度、批次在安排之前方可更正。"""

    changes: LotChanges


class CorrectionBelowUsed(Refused):
    """更正后少于已动用的数：用途 {purpose} 更正为 {wanted_fen}，已动用 {used_fen}，请先退回。"""


class LotAlreadyAllocated(Refused):
    """资金已经安排，不能更正{field}：支出顺序以此为准；请先更正安排、收回资金。"""


class LotWithoutAmount(Refused):
    """更正后没有到账金额：各用途合计为零。"""


class Renaming(NamedTuple):
    """A lot with whatever stands under the key that it would have, and the document that it would
    name."""

    known: Lot
    other: Lot
    letter: Document


def _lot(one: Lot) -> dict[str, Any]:
    purposes = {standing.purpose for standing in one.balances if standing.account == "received"}
    return {
        "fund_name": one.fund_name,
        "document": str(one.document),
        "level": one.level,
        "year": one.year,
        "batch": one.batch,
        **{f"purposes.{p}": -held(one.balances, "received", p) for p in purposes},
    }


LOT = Correctable(_lot, frozenset({"purposes"}))


def correct_lot(state: Renaming, command: CorrectLot, _: Facts) -> Decision:
    """F1, F2: a purpose down to what is still unallocated of it, and every fen by a movement."""
    lot = state.known
    id_, area = known(lot)
    changes = LOT.changes(lot, command, command.changes)
    now = corrected(_lot(lot), changes)
    letter = require_registered(state.letter, UUID(now["document"]))
    _require_unallocated(lot, changes)
    movements = tuple(_moved(lot, changes))
    amount_fen = sum(fen for name, fen in now.items() if name.startswith("purposes."))
    if amount_fen == 0:
        raise LotWithoutAmount()
    told = {name: now[name] for name in ("level", "year", "fund_name", "batch")}
    event = LotCorrected(
        **why(area, command, changes),
        lot=id_,
        document=UUID(now["document"]),
        number=letter.number,
        amount_fen=amount_fen,
        movements=movements,
        **told,
    )
    key = lot_stream(area, now["year"], now["level"], now["fund_name"], now["batch"])
    taken = _taken(state, key, area, now)
    before = {"amount_fen": lot.amount_fen, **_free(lot, {})}
    after = {"amount_fen": amount_fen, **_free(lot, {m: _sign(m) for m in movements})}
    body = body_of(id_, changes, derived(before, after))
    return Decision({id_: (event,), **taken}, body, command.document)


def _sign(movement: Movement) -> int:
    return 1 if movement.from_account == "received" else -1


def _free(lot: Lot, moved: Mapping[Movement, int]) -> dict[str, int]:
    """Unallocated fen by purpose, after these."""
    purposes = {s.purpose for s in lot.balances} | {m.purpose for m in moved}
    free = {f"unallocated.{p}": held(lot.balances, "unallocated", p) for p in purposes}
    for movement, sign in moved.items():
        free[f"unallocated.{movement.purpose}"] += sign * movement.amount_fen
    return free


def _require_unallocated(lot: Lot, changes: tuple[Change, ...]) -> None:
    """What orders the draws stays once anything has been arranged by it."""
    ordering = [c.field for c in changes if c.field in ("level", "year", "batch")]
    at_rest = ("received", "carried_in", "reallocated", "unallocated")
    if ordering and any(standing.account not in at_rest for standing in lot.balances):
        raise LotAlreadyAllocated(field=ordering[0])


def _moved(lot: Lot, changes: tuple[Change, ...]) -> Iterator[Movement]:
    id_, _ = known(lot)
    for change in changes:
        head, _, purpose = change.field.partition(".")
        if head != "purposes":
            continue
        was, wanted = int(change.was or 0), int(change.now or 0)
        free = held(lot.balances, "unallocated", purpose)
        if was - wanted > free:
            raise CorrectionBelowUsed(purpose=purpose, wanted_fen=wanted, used_fen=was - free)
        way = RECEIVED if wanted > was else GIVEN_BACK
        yield within_place(id_, purpose, way=way, fen=abs(wanted - was), place=lot.treasury)


def _taken(
    state: Renaming, key: UUID, area: UUID, now: Mapping[str, Any]
) -> dict[UUID, tuple[Event, ...]]:
    """The mark under the new key, if it is new and free. Raises: LotAlreadyRegistered,
    LotKeyUsed."""
    own = known(state.known)[0]
    if own in (key, state.other.id):
        return {}
    require_free(state.other, (now["year"], now["level"], now["fund_name"], now["batch"]))
    return {key: (KeyTaken(area=area, noun="lot", by=own),)}
