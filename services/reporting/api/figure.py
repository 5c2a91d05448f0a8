"""Routes of figures 指标: declare, list, value, explanation."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.shapes import Made
from libs.events.contracts.reporting import CONTRACTS, DateBasis, FigureDeclared, Over
from libs.events.decider import Ask, Decider, Decision, Facts, Knowing, Streams
from libs.events.types import Day, plain
from services.reporting.domain import figure
from services.reporting.domain.figure import (
    DeclareFigure,
    Declaring,
    DefinitionTyped,
    figure_stream,
    figures,
)
from services.reporting.domain.indicator import indicators
from services.reporting.domain.names import Code
from services.reporting.figures import language
from services.reporting.figures.evaluate import evaluate
from services.reporting.figures.explain import Place, explain
from services.reporting.views.declared import listed

from .asked import READERS, Asked, AskedPage, AtCut, ByAreas, area_of, moment_at

router = APIRouter(tags=["指标"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Reader = Annotated[Call, Depends(Holds(*READERS))]


async def _gather(streams: Streams, ask: Ask[DeclareFigure]) -> Declaring:
    command = ask.command
    operands = [figure_stream(command.area, code) for code in command.operands()]
    known, *divided = await streams.load_many(figures, [command.stream(), *operands])
    measured = language.indicator_of(command.definition.read())
    if measured is None:
        return Declaring(known, tuple(divided))
    indicator = (measured, await streams.load(indicators, measured))
    return Declaring(known, tuple(divided), indicator)


async def _learn(known: Knowing, _: Declaring, ask: Ask[DeclareFigure]) -> Facts:
    return Facts(path=await known.path(ask.command.area))


def _declare(state: Declaring, command: DeclareFigure, facts: Facts) -> Decision:
    """Every word must be of the language before anything else is looked at."""
    language.check(command.definition.read())
    return figure.declare(state, command, facts)


DECLARE = Decider(DeclareFigure, Facts, _gather, _learn, _declare)
DECIDERS = (DECLARE,)


class FigureVersion(Made):
    figure: str
    version: int


class FigureRow(BaseModel):
    figure: str
    title: str
    area: UUID
    version: int
    definition: DefinitionTyped


class FigurePage(BaseModel):
    items: list[FigureRow]
    next: str | None


class Unreported(BaseModel):
    """An area that was asked for a period, and has entered nothing."""

    area: UUID
    code: str
    name: str
    period: str


class Missing(BaseModel):
    """How many areas and periods nothing was entered for, and the first of them."""

    count: int
    first: list[Unreported]


class Side(BaseModel):
    """What a figure says. `raw` is null for a ratio: its sides are the integers; of an indicator
    it is the value times ten to its decimals, and null where nothing was entered."""

    figure: str
    title: str
    version: int
    unit: str
    printed: str | None
    raw: int | None
    events: int
    missing: Missing | SkipJsonSchema[None] = Field(
        default=None, description="填报：尚未填报的区域与期间"
    )
    not_printed: str | None = Field(default=None, description="为何没有可印的数")


class Told(Side):
    """A ratio shows its two sides."""

    numerator: Side | None = None
    denominator: Side | None = None


class FigureValue(Told, AtCut, ByAreas):
    area: UUID


class Declaration(BaseModel):
    """The event that declared the version in force."""

    source: str
    id: str


class Condition(BaseModel):
    field: str
    label: str
    values: list[str]


class Population(BaseModel):
    """Which entries are counted."""

    over: Over | None
    label: str
    where: list[Condition]


class Entry(BaseModel):
    """One entry with its event; further members are the words that its source shows."""

    model_config = ConfigDict(extra="allow")

    id: str
    figure: str
    source: str
    position: int
    n: int
    event: str
    counted: int | None = Field(description="计入之数；null: 事件未载明，不计入")
    document: str | None
    occurred_on: Day
    effective_on: Day
    recorded_at: AwareDatetime


class DocumentNamed(BaseModel):
    """A document by its number; the rest is null where it is not registered."""

    number: str
    id: UUID | None
    title: str | None
    kind: str | None
    issued_on: Day | None


class FigureExplained(FigureValue):
    definition: DefinitionTyped
    declared_by: Declaration
    formula: str
    population: list[Population]
    date_basis: DateBasis
    entries: list[Entry]
    next: str | None
    documents: list[DocumentNamed]


class Page(BaseModel):
    cursor: str = Field(
        default="", pattern=r"^[A-Za-z0-9_./-]{0,120}$", description="上一页的 next"
    )
    limit: int = Field(default=100, ge=1, le=500)


@router.post("/figures", status_code=201, response_model=FigureVersion, summary="声明指标")
async def declare(command: DeclareFigure, call: Clerk) -> Response:
    """再次声明产生新版本；字段、筛选、单位不认识时返回 409 并列出可用者。"""
    location = f"/api/v1/reporting/figures/{command.figure}/value"
    return await call.execute(DECLARE, command, location=location)


@router.get("/figures", response_model=FigurePage, summary="指标目录")
async def list_figures(call: Reader, page: Annotated[Page, Query()]) -> Response:
    found = await listed(
        call.log.pool, FigureDeclared, call.caller.area, page.cursor, page.limit + 1
    )
    rows = [
        {
            "figure": row["code"],
            "title": row["title"],
            "area": str(row["area"]),
            "version": row["version"],
            "definition": _definition(row["schema_version"], row["payload"]),
        }
        for row in found[: page.limit]
    ]
    more = len(found) > page.limit
    return answer({"items": rows, "next": found[page.limit - 1]["cursor"] if more else None})


def _definition(schema_version: int, payload: str) -> object:
    fact = CONTRACTS.decode("FigureDeclared", schema_version, payload.encode())
    assert isinstance(fact, FigureDeclared), "the payload of view.figures is a FigureDeclared"
    return plain(fact.definition)


@router.get("/figures/{code}/value", response_model=FigureValue, summary="指标值")
async def get_figure_value(code: Code, call: Reader, asked: Annotated[Asked, Query()]) -> Response:
    area = await area_of(call, FigureDeclared, code, asked)
    moment = await moment_at(call, asked, area)
    found = await evaluate(call.log, code, area, moment)
    return answer({**found.told(), "area": str(area), **moment.told(), **moment.basis()})


@router.get("/figures/{code}/explanation", response_model=FigureExplained, summary="指标解释")
async def explain_figure(
    code: Code, call: Reader, asked: Annotated[AskedPage, Query()]
) -> Response:
    """公式、分子分母、口径、两个时点、事件与文件；事件分页。"""
    area = await area_of(call, FigureDeclared, code, asked)
    moment = await moment_at(call, asked, area)
    found = await evaluate(call.log, code, area, moment)
    place = Place() if asked.cursor is None else Place.parse(asked.cursor)
    return answer(await explain(call.log, found, area, moment, (place, asked.limit)))
