"""What a question asks for: which area, which two times. And whether we have got that far.

`counted_until` is the business date; what was known is one of `known_at`, `known_position` and a
kept `cut`, never two (400). Without any, it is what the readers have applied now. Every cut is
closed under what its events had seen, so that no effect is shown without its cause; a kept one was
closed when it was taken. Only where the logs cannot be read is the last way answered at the
positions applied, and the answer says that it is not closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from uuid import UUID

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call, UnreadableError
from libs.events.contracts.reporting import FigureDeclared, LogPosition, StatementDeclared
from libs.events.cuts import parse_cut
from libs.events.errors import EventsError, NotFoundError, NotYetVisibleError
from services.reporting.domain.cut import CutName
from services.reporting.views.cursors import Applied, Moment, applied
from services.reporting.views.declared import areas_with, cuts_named

from .closing import (
    FeedsUnreadableError,
    at_instant,
    closed,
    closed_around,
    feeds_of,
    with_epochs,
)

READERS = ("clerk", "finance", "auditor", "system")


class AmbiguousError(EventsError):
    status = 400
    title = "多个区域使用该编码或名称，请写明 area"


class Times(BaseModel):
    """The two times of a question."""

    counted_until: date | None = Field(default=None, description="业务截止日，含当日")
    known_at: AwareDatetime | None = Field(default=None, description="知悉时点，带时区")
    known_position: str | None = Field(
        default=None, max_length=400, description="知悉位置", examples=["funds:1234,assets:7"]
    )
    cut: CutName | None = Field(default=None, description="留存截面的名称")


class CompleteTo(BaseModel):
    """Up to where a source is applied, and why its reader stands still, if it does."""

    position: int
    stopped: str | None


class AtCut(BaseModel):
    """At which moment an answer holds; `closed`: the cut holds all that its events had seen."""

    cut: dict[str, int]
    closed: bool
    complete_to: dict[str, CompleteTo]
    counted_until: date | None


class Asked(Times):
    """A question about something that is declared for an area."""

    area: UUID | None = Field(default=None, description="编码在多个区域使用时写明")


class AskedPage(Asked):
    cursor: str | None = Field(
        default=None,
        pattern=r"^[01]:[a-z]{1,40}:\d{1,18}:\d{1,9}$",
        description="上一页的 next",
    )
    limit: int = Field(default=100, ge=1, le=500)


async def area_of(
    call: Call, noun: type[FigureDeclared] | type[StatementDeclared], code: str, asked: Asked
) -> UUID:
    """The area that is meant. Raises: NotFoundError (also out of scope), AmbiguousError."""
    areas = await areas_with(call.log.pool, noun, code, call.caller.area)
    meant = [area for area in areas if asked.area in (None, area)]
    if not meant:
        raise NotFoundError()
    if len(meant) > 1:
        raise AmbiguousError("、".join(str(area) for area in meant))
    return meant[0]


async def moment_of(call: Call, times: Times, area: UUID | None) -> Moment:
    """The cut and the day that a question means; `area`: the one whose kept cuts may be named.

    Raises: UnreadableError, NotFoundError, FeedsUnreadableError, NotYetVisibleError.
    """
    ways = [times.known_at, times.known_position, times.cut]
    if sum(way is not None for way in ways) > 1:
        raise UnreadableError("known_at、known_position、cut 只能写一个")
    now = await applied(call.log.pool)
    if times.cut is not None:
        return await _kept(call, times, times.cut, area, now)
    if times.known_at is not None:
        positions = await at_instant(feeds_of(call.request, now), times.known_at)
        return _reached(Moment(positions, times.counted_until), now)
    if times.known_position is not None:
        given = _given(times.known_position, now)
        here = {source: at.position for source, at in now.items()}
        positions = await closed_around(feeds_of(call.request, now), given, here)
        return _reached(Moment(positions, times.counted_until), now)
    return await _latest(call.request, times.counted_until, now)


async def positions_at(call: Call, known_at: datetime | None) -> tuple[LogPosition, ...]:
    """Positions for a cut that will be kept: of an instant that has passed, closed for certain,
    all applied here, each with the epoch of its event."""
    if known_at is not None and known_at > datetime.now(UTC):
        raise UnreadableError("known_at 尚未到来，不能留存")
    moment = await moment_of(call, Times(known_at=known_at), None)
    if not moment.closed:
        raise FeedsUnreadableError()
    return await with_epochs(feeds_of(call.request, moment.positions), moment.positions)


async def _latest(request: Request, until: date | None, now: Mapping[str, Applied]) -> Moment:
    """What is applied now, closed; where that cannot be done, it is said."""
    stopped = {source: at.stopped for source, at in now.items() if at.stopped is not None}
    positions = {source: at.position for source, at in now.items()}
    try:
        risen = await closed(feeds_of(request, now), positions)
    except FeedsUnreadableError:
        return Moment(positions, until, stopped, closed=False)
    return _reached(Moment(risen, until, stopped), now)


async def _kept(
    call: Call, times: Times, name: str, area: UUID | None, now: Mapping[str, Applied]
) -> Moment:
    path = None if area is None else await call.log.known.path(area)
    found = await cuts_named(call.log.pool, name, path)
    if not found:
        raise NotFoundError(f"没有名为 {name} 的截面")
    if len(found) > 1:
        raise AmbiguousError("、".join(str(kept.area) for kept in found))
    (kept,) = found
    if kept.counted_until is not None and times.counted_until is not None:
        raise UnreadableError(f"截面 {name} 已含业务截止日 {kept.counted_until}")
    until = kept.counted_until or times.counted_until
    positions = {at.source: at.position for at in kept.positions}
    return _reached(Moment(positions, until, name=name), now)


def _given(text: str, now: Mapping[str, Applied]) -> dict[str, int]:
    """Positions as written, of the sources that are named."""
    try:
        given = parse_cut(text)
    except ValueError as error:
        raise UnreadableError(f"known_position：{error}") from None
    if unknown := sorted(given.keys() - now.keys()):
        raise UnreadableError(f"known_position：不读取 {'、'.join(unknown)}")
    return given


def _reached(moment: Moment, now: Mapping[str, Applied]) -> Moment:
    """Raises: NotYetVisibleError naming what is applied and why a reader stands still."""
    for source, wanted in moment.positions.items():
        at = now.get(source, Applied())
        if at.position < wanted:
            raise NotYetVisibleError(
                at.stopped or "", reached=f"{source}:{at.position}", wanted=f"{source}:{wanted}"
            )
    return moment
