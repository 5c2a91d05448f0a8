"""What a question asks for: which area, which two times. And whether we have got that far.

`counted_until` is the business date; what was known is one of `known_at`, `known_position` and a
kept `cut`, never two (400). Without any, it is what the readers have applied now. Every cut is
closed under what its events had seen, so that no effect is shown without its cause; a kept one was
closed when it was taken. Only where the logs cannot be read is the last way answered at the
positions applied, and the answer says that it is not closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call, UnreadableError
from libs.events.clock import CHINA, today
from libs.events.contracts.reporting import FigureDeclared, LogPosition, StatementDeclared
from libs.events.cuts import parse_cut
from libs.events.errors import EventsError, NotFoundError, NotYetVisibleError
from libs.events.types import Day
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

HOUSEHOLDS = "households"
READERS = ("clerk", "finance", "auditor", "system")


class AmbiguousError(EventsError):
    status = 400
    title = "多个区域使用该编码或名称，请写明 area"


class Times(BaseModel):
    """The two times of a question."""

    counted_until: Day | None = Field(default=None, description="业务截止日，含当日")
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
    counted_until: Day | None


class ByAreas(BaseModel):
    """By which areas an answer counts: those of each entry's own day, or those of one day."""

    basis: Literal["then", "today"]
    areas_on: Day | None = None


class Asked(Times):
    """A question about something that is declared for an area."""

    area: UUID | None = Field(default=None, description="编码在多个区域使用时写明")
    basis: Literal["then", "today"] = Field(
        default="then", description="区划口径: then 按各笔入账当日的区划, today 按今日区划"
    )
    areas_on: Day | None = Field(
        default=None, description="basis=today 时以哪一日的区划为准, 缺省为截面之日或今日"
    )


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


async def moment_at(call: Call, asked: Asked, area: UUID) -> Moment:
    """The cut, the day, and the areas by which a figure counts. Raises: as `moment_of`."""
    moment = await moment_of(call, asked, area)
    if asked.basis == "today":
        return replace(moment, areas_on=asked.areas_on or moment.day or today())
    if asked.areas_on is not None:
        raise UnreadableError("areas_on 只与 basis=today 同用")
    return moment


async def moment_of(call: Call, times: Times, area: UUID | None) -> Moment:
    """The cut and the day that a question means; `area`: the one whose kept cuts may be named.

    Raises: UnreadableError, NotFoundError, FeedsUnreadableError, NotYetVisibleError.
    """
    ways = [times.known_at, times.known_position, times.cut]
    if sum(way is not None for way in ways) > 1:
        raise UnreadableError("known_at、known_position、cut 只能写一个")
    now = await applied(call.log.pool)
    moment = await _moment(call, times, area, now)
    first_move = now[HOUSEHOLDS].first_move
    moved = first_move is not None and first_move <= moment.positions.get(HOUSEHOLDS, 0)
    return replace(moment, moved=moved)


async def _moment(
    call: Call, times: Times, area: UUID | None, now: Mapping[str, Applied]
) -> Moment:
    if times.cut is not None:
        return await _kept(call, times, times.cut, area, now)
    if times.known_at is not None:
        positions = await at_instant(feeds_of(call.request, now), times.known_at)
        day = times.known_at.astimezone(CHINA).date()
        return _reached(Moment(positions, times.counted_until, day=day), now)
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
    found = await cuts_named(call.log.pool, name, area)
    if not found:
        raise NotFoundError(f"没有名为 {name} 的截面")
    if len(found) > 1:
        raise AmbiguousError("、".join(str(kept.fact.area) for kept in found))
    kept, taken_at = found[0]
    if kept.counted_until is not None and times.counted_until is not None:
        raise UnreadableError(f"截面 {name} 已含业务截止日 {kept.counted_until}")
    until = kept.counted_until or times.counted_until
    positions = {at.source: at.position for at in kept.positions}
    return _reached(Moment(positions, until, name=name, day=taken_at.astimezone(CHINA).date()), now)


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
