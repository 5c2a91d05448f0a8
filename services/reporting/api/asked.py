"""What a question asks for: which area, which two times. And whether we have got that far.

`counted_until` is the business date; what was known is one of `known_at`, `known_position` and a
kept `cut`, never two (400). Without any, it is what the readers have applied now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call, UnreadableError
from libs.events.contracts.reporting import FigureDeclared, StatementDeclared
from libs.events.cuts import Past, cut_at, parse_cut
from libs.events.errors import EventsError, NotFoundError, NotYetVisibleError
from libs.events.group_commit import UNKNOWN_OUTCOME
from services.reporting.domain.cut import CutName
from services.reporting.views.cursors import Applied, Moment, applied
from services.reporting.views.declared import areas_with, cut_named

READERS = ("clerk", "finance", "auditor", "system")


class FeedsUnreadableError(EventsError):
    title = "来源日志暂不可读，不能按知悉时点取截面"


class AmbiguousError(EventsError):
    status = 400
    title = "多个区域使用该编码，请写明 area"


class Times(BaseModel):
    """The two times of a question."""

    counted_until: date | None = Field(default=None, description="业务截止日，含当日")
    known_at: AwareDatetime | None = Field(default=None, description="知悉时点，带时区")
    known_position: str | None = Field(
        default=None, max_length=400, description="知悉位置", examples=["funds:1234,assets:7"]
    )
    cut: CutName | None = Field(default=None, description="留存截面的名称")


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
        positions = await _cut_at(call.request, times.known_at, now)
        return _reached(Moment(positions, times.counted_until), now)
    if times.known_position is not None:
        positions = _given(times.known_position, now)
        return _reached(Moment(positions, times.counted_until), now)
    positions = {source: at.position for source, at in now.items()}
    stopped = {source: at.stopped for source, at in now.items() if at.stopped is not None}
    return Moment(positions, times.counted_until, stopped)


async def positions_at(call: Call, known_at: datetime | None) -> Mapping[str, int]:
    """Positions for a cut that will be kept: of an instant that has passed, all applied here."""
    if known_at is not None and known_at > datetime.now(UTC):
        raise UnreadableError("known_at 尚未到来，不能留存")
    return (await moment_of(call, Times(known_at=known_at), None)).positions


async def _kept(
    call: Call, times: Times, name: str, area: UUID | None, now: Mapping[str, Applied]
) -> Moment:
    path: Sequence[UUID] = () if area is None else await call.log.known.path(area)
    kept = await cut_named(call.log.pool, name, path)
    if kept is None:
        raise NotFoundError(f"没有名为 {name} 的截面")
    if kept.counted_until is not None and times.counted_until is not None:
        raise UnreadableError(f"截面 {name} 已含业务截止日 {kept.counted_until}")
    until = kept.counted_until or times.counted_until
    return _reached(Moment(kept.positions, until, name=name), now)


async def _cut_at(request: Request, instant: datetime, now: Mapping[str, Applied]) -> Any:
    """The cut of an instant over the logs themselves: our copies may lag behind them."""
    feeds: Mapping[str, Past] = getattr(request.app.state, "feeds", {})
    if missing := sorted(set(now) - set(feeds)):
        raise FeedsUnreadableError("、".join(missing))
    try:
        return await cut_at({source: feeds[source] for source in now}, instant)
    except UNKNOWN_OUTCOME as error:
        raise FeedsUnreadableError(type(error).__name__) from error


def _given(text: str, now: Mapping[str, Applied]) -> dict[str, int]:
    """Positions as written; a source that is not named stands where it is applied now."""
    try:
        given = parse_cut(text)
    except ValueError as error:
        raise UnreadableError(f"known_position：{error}") from None
    if unknown := sorted(given.keys() - now.keys()):
        raise UnreadableError(f"known_position：不读取 {'、'.join(unknown)}")
    return {source: given.get(source, at.position) for source, at in now.items()}


def _reached(moment: Moment, now: Mapping[str, Applied]) -> Moment:
    """Raises: NotYetVisibleError naming what is applied and why a reader stands still."""
    for source, wanted in moment.positions.items():
        at = now.get(source, Applied())
        if at.position < wanted:
            raise NotYetVisibleError(
                at.stopped or "", reached=f"{source}:{at.position}", wanted=f"{source}:{wanted}"
            )
    return moment
