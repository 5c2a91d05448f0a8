"""Routes of indicators 填报指标: define, list, enter values, and who has not reported yet."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.listing import Wanted, page, scope_of
from libs.chassis.shapes import Made, Page
from libs.events.contracts.households import AreaLevel
from libs.events.contracts.reporting import Figure, Filter, OverAreas, OverPeriods, PeriodKind
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams, where
from libs.events.errors import NotFoundError
from libs.events.reference import reference
from libs.events.types import Day, plain
from services.reporting.domain import entered, indicator
from services.reporting.domain.entered import (
    EnterIndicator,
    Entering,
    EntryFacts,
    entries,
)
from services.reporting.domain.indicator import DefineIndicator, Indicator, indicators
from services.reporting.domain.jump import JUMPS, UnexplainedJump
from services.reporting.domain.periods import PeriodTyped, span
from services.reporting.figures.reported import missing_of
from services.reporting.views import indicators as view
from services.reporting.views.cursors import Moment, applied

from .asked import READERS
from .figure import Missing

router = APIRouter(tags=["填报"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Reader = Annotated[Call, Depends(Holds(*READERS))]
LAST_POSITION = 2**53 - 1


class IndicatorVersion(Made):
    code: str
    version: int


class ValueEntered(Made):
    """`id`: what the area entered of the indicator, all periods."""

    indicator: UUID
    period: str


class IndicatorShown(BaseModel):
    """An indicator as it is defined now; `level`: of the areas that report it, null: itself."""

    id: UUID
    area: UUID
    code: str
    title: str
    unit: str
    decimals: int
    period: PeriodKind
    over_areas: OverAreas
    over_periods: OverPeriods
    level: AreaLevel | None
    valid_from: Day
    valid_until: Day | None
    note: str | None
    version: int


class ValueShown(BaseModel):
    """What was entered, by whom; `value` null: what stood was taken back. `stands`: nothing was
    entered since for that area and period."""

    id: str = Field(description="事件")
    area: UUID
    area_code: str | None
    area_name: str | None
    period: str
    value: str | None
    note: str | None
    reason: str | None
    actor: str
    stands: bool
    occurred_on: Day
    effective_on: Day
    recorded_at: AwareDatetime


class ValuePage(BaseModel):
    """`missing`: who was asked for the period and has entered nothing; null: no period named."""

    items: list[ValueShown]
    next: int | None
    missing: Missing | None


class WantedValues(BaseModel):
    """Which values; the newest first."""

    period: PeriodTyped | None = Field(default=None, description="期间; 写明才列出未填报的区域")
    area: UUID | None = Field(default=None, description="只列该区域及其下级")
    cursor: int = Field(default=LAST_POSITION, ge=0, le=LAST_POSITION, description="上一页的 next")
    limit: int = Field(default=100, ge=1, le=500)


async def _of_definition(streams: Streams, ask: Ask[DefineIndicator]) -> Indicator:
    return await streams.load(indicators, ask.command.indicator())


async def _where_defined(known: Knowing, _: Indicator, ask: Ask[DefineIndicator]) -> Facts:
    return await where(known, ask.command.area)


async def _of_entry(streams: Streams, ask: Ask[EnterIndicator]) -> Entering:
    known = await streams.load(indicators, ask.subject)
    if known.defined is None:
        raise NotFoundError()
    before = await streams.load(entries, ask.command.entered(ask.subject))
    return Entering(ask.subject, known, before, await reference(streams, JUMPS.name))


async def _where_entered(known: Knowing, _: Entering, ask: Ask[EnterIndicator]) -> EntryFacts:
    area = ask.command.area
    ended = await known.ended(area)
    over = ended is not None and ended <= span(ask.command.period).first
    level: Any = await view.level_of(known.pool, area)
    # What began while the area stood is still asked of it.
    return EntryFacts(path=await known.path(area), ended=ended if over else None, level=level)


DEFINE = Decider(
    DefineIndicator, Facts, _of_definition, _where_defined, indicator.define, noun="indicator"
)
ENTER = Decider(
    EnterIndicator, EntryFacts, _of_entry, _where_entered, entered.enter, bends=(UnexplainedJump,)
)
DECIDERS = (DEFINE, ENTER)


@router.post(
    "/indicators", status_code=201, response_model=IndicatorVersion, summary="定义填报指标"
)
async def define(command: DefineIndicator, call: Clerk) -> Response:
    """再次定义产生新版本；单位、小数位数、期间与汇总方式不能改。"""
    return await call.execute(DEFINE, command, location="/api/v1/reporting/indicators/{id}")


@router.post(
    "/indicators/{id}/values", status_code=201, response_model=ValueEntered, summary="填报"
)
async def enter(id: UUID, command: EnterIndicator, call: Clerk) -> Response:
    """已填报的再填即为更正，须写明理由，原数仍可查；0 与未填报不同。"""
    return await call.execute(ENTER, command, id)


@router.get("/indicators", response_model=Page[IndicatorShown], summary="填报指标目录")
async def list_indicators(call: Reader, wanted: Annotated[Wanted, Query()]) -> Response:
    """本区域及其下级的指标，以及上级要求填报的。"""
    scope = await scope_of(call, wanted)
    rows = await view.listed(call.log.pool, scope, wanted.cursor, wanted.limit)
    return page(rows, wanted)


@router.get("/indicators/{id}", response_model=IndicatorShown, summary="填报指标")
async def get_indicator(id: UUID, call: Reader) -> Response:
    return answer(plain(dict(await _visible(call, id))))


@router.get("/indicators/{id}/values", response_model=ValuePage, summary="填报情况")
async def list_values(id: UUID, call: Reader, wanted: Annotated[WantedValues, Query()]) -> Response:
    """历次填报与更正，新的在前；写明期间时列出尚未填报的区域。"""
    defined = await _visible(call, id)
    scope = wanted.area or call.caller.area
    if scope is not None:
        await scope_of(call, Wanted(area=scope))
    pool, at = call.log.pool, (wanted.cursor, wanted.limit)
    rows = await view.said(pool, id, scope, wanted.period, at)
    items = [_shown(dict(row)) for row in rows[: wanted.limit]]
    missing = None
    if wanted.period is not None:
        missing = await _unreported(call, defined, scope, wanted.period)
    following = rows[wanted.limit - 1]["position"] if len(rows) > wanted.limit else None
    return answer({"items": items, "next": following, "missing": missing})


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the id of its event."""
    epoch, position = row.pop("epoch"), row.pop("position")
    shown: dict[str, Any] = plain({"id": f"{epoch}-{position}", **row})
    return shown


async def _visible(call: Call, id: UUID) -> dict[str, Any]:
    """The definition, where the caller's area lies above it or below. Raises: NotFoundError."""
    rows = await view.defined_at(call.log.pool, [id], LAST_POSITION)
    if not rows:
        raise NotFoundError()
    own, theirs = call.caller.area, rows[0]["area"]
    known = call.log.known
    if own is not None and own not in await known.path(theirs):
        above = await known.path(own)
        if theirs not in above:
            raise NotFoundError()
    return dict(rows[0])


async def _unreported(
    call: Call, defined: dict[str, Any], scope: UUID | None, period: str
) -> dict[str, Any]:
    """As applied now: what a clerk works by, no publication."""
    positions = {source: at.position for source, at in (await applied(call.log.pool)).items()}
    of = Figure(
        measure="count",
        over="indicators",
        where=(Filter(field="period", values=(period,)),),
    )
    within = scope or defined["area"]
    if scope is not None and scope in await call.log.known.path(defined["area"]):
        within = defined["area"]
    moment = Moment(positions, moved=True)
    return (await missing_of(call.log, of, defined, within, moment)).told()
