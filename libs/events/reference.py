"""The commands that change reference data 基础数据: set a row, end it, withdraw a mistake."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from .contracts.rules import ReferenceEnded, ReferenceSet, ReferenceWithdrawn
from .dated_rows import Key, Reference, RowTyped, SetName, reference_stream, references
from .decider import Ask, Decider, Decision, Facts, Knowing, Streams, where
from .errors import Refused, UnknownArea
from .types import Command, Day

Document = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class SetReference(Command):
    """登记基础数据: 某区域自某日起适用的一行。"""

    set: SetName
    area: UUID | None = Field(description="适用的区域; null 为全库")
    row: RowTyped
    document: Document | None = Field(default=None, description="文号")


class EndReference(Command):
    """终止基础数据: 该行适用到此日为止。"""

    set: SetName
    area: UUID | None
    key: Key
    valid_from: Day
    valid_until: Day
    document: Document | None = Field(default=None, description="文号")


class WithdrawReference(Command):
    """撤销误登的基础数据: 视同从未登记; 已据此作出的决定不变。"""

    set: SetName
    area: UUID | None
    key: Key
    valid_from: Day
    reason: str = Field(min_length=1, max_length=500)


class RowDiffers(Refused):
    """该行已经登记，内容不同：{key} 自 {valid_from} 起；请先撤销，或自另一日起登记。"""


class NoSuchRow(Refused):
    """没有这一行本地数据：{key} 自 {valid_from} 起。"""


class EndBeforeStart(Refused):
    """末日 {valid_until} 早于首日 {valid_from}。"""


def set_row(state: Reference, command: SetReference, facts: Facts) -> Decision:
    """The same row again changes nothing; another row in its place is refused."""
    _require_known(command.area, facts)
    row, stream = command.row.row(), reference_stream(command.set)
    there = state.row(row.key, command.area, row.valid_from, "local")
    if there is None:
        event = ReferenceSet(
            set=command.set,
            area=command.area,
            origin="local",
            document=command.document,
            rows=(row,),
        )
        return Decision({stream: (event,)}, {"id": str(stream)}, command.document)
    if (there.values, there.valid_until) != (row.values, row.valid_until):
        raise RowDiffers(key=row.key, valid_from=row.valid_from.isoformat())
    return Decision({}, {"id": str(stream)}, status=200)


def end_row(state: Reference, command: EndReference, facts: Facts) -> Decision:
    _require_known(command.area, facts)
    _require_row(state, command)
    if command.valid_until < command.valid_from:
        raise EndBeforeStart(
            valid_until=command.valid_until.isoformat(), valid_from=command.valid_from.isoformat()
        )
    stream = reference_stream(command.set)
    event = ReferenceEnded(
        set=command.set,
        area=command.area,
        key=command.key,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        document=command.document,
    )
    return Decision({stream: (event,)}, {"id": str(stream)}, command.document)


def withdraw_row(state: Reference, command: WithdrawReference, facts: Facts) -> Decision:
    _require_known(command.area, facts)
    _require_row(state, command)
    stream = reference_stream(command.set)
    event = ReferenceWithdrawn(
        set=command.set,
        area=command.area,
        key=command.key,
        valid_from=command.valid_from,
        reason=command.reason,
    )
    return Decision({stream: (event,)}, {"id": str(stream)})


def _require_row(state: Reference, command: EndReference | WithdrawReference) -> None:
    """What came from above is changed from above."""
    if state.row(command.key, command.area, command.valid_from, "local") is None:
        raise NoSuchRow(key=command.key, valid_from=command.valid_from.isoformat())


def _require_known(area: UUID | None, facts: Facts) -> None:
    if area is not None and not facts.path:
        raise UnknownArea()


async def reference(streams: Streams, name: str) -> Reference:
    """All rows of a set of this service, fenced for the decision that reads them."""
    return await streams.load(references, reference_stream(name))


AnyRow = SetReference | EndReference | WithdrawReference


async def _of(streams: Streams, ask: Ask[AnyRow]) -> Reference:
    return await reference(streams, ask.command.set)


async def _where(known: Knowing, _: Reference, ask: Ask[AnyRow]) -> Facts:
    return await where(known, ask.command.area)


SET = Decider(SetReference, Facts, _of, _where, set_row, founds_areas=True)
GUARDED: dict[str, Any] = {"founds_areas": True, "approved_as": SetReference.__name__}
END = Decider(EndReference, Facts, _of, _where, end_row, **GUARDED)
WITHDRAW = Decider(WithdrawReference, Facts, _of, _where, withdraw_row, **GUARDED)
DECIDERS = (SET, END, WITHDRAW)
