"""Routes of statements 报表: declare, list, print."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.common_routes import answer
from libs.chassis.shapes import Made
from libs.events.contracts.reporting import StatementDeclared, StatementLine
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.errors import NotFoundError
from services.reporting.domain import statement
from services.reporting.domain.figure import figure_stream, figures
from services.reporting.domain.names import Code
from services.reporting.domain.statement import DeclareStatement, Printing, statements
from services.reporting.figures.evaluate import Evaluated, evaluate
from services.reporting.views.cursors import Moment
from services.reporting.views.declared import SOURCE, listed, version_at

from .asked import READERS, Asked, AtCut, ByAreas, area_of, moment_at
from .figure import Page, Told

router = APIRouter(tags=["报表"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
Reader = Annotated[Call, Depends(Holds(*READERS))]


class StatementNamed(Made):
    statement: str


class StatementRow(BaseModel):
    statement: str
    title: str
    area: UUID
    version: int


class StatementPage(BaseModel):
    items: list[StatementRow]
    next: str | None


class Line(Told):
    """A printed line; `explanation`: the address of its figure's, at this very cut."""

    label: str
    explanation: str


class StatementShown(AtCut, ByAreas):
    statement: str
    title: str
    area: UUID
    year: int
    version: int
    lines: list[Line]


async def _gather(streams: Streams, ask: Ask[DeclareStatement]) -> Printing:
    command = ask.command
    known = await streams.load(statements, command.stream())
    printed = [figure_stream(command.area, code) for code in command.codes()]
    return Printing(known, tuple(await streams.load_many(figures, printed)))


async def _learn(known: Knowing, _: Printing, ask: Ask[DeclareStatement]) -> Facts:
    return Facts(path=await known.path(ask.command.area))


DECLARE = Decider(DeclareStatement, Facts, _gather, _learn, statement.declare)
DECIDERS = (DECLARE,)


@router.post("/statements", status_code=201, response_model=StatementNamed, summary="声明报表")
async def declare(command: DeclareStatement, call: Clerk) -> Response:
    """各行的指标须已在同一区域声明；再次声明产生新版本。"""
    location = f"/api/v1/reporting/statements/{command.statement}"
    return await call.execute(DECLARE, command, location=location)


@router.get("/statements", response_model=StatementPage, summary="报表目录")
async def list_statements(call: Reader, page: Annotated[Page, Query()]) -> Response:
    found = await listed(
        call.log.pool, StatementDeclared, call.caller.area, page.cursor, page.limit + 1
    )
    rows = [
        {
            "statement": row["code"],
            "title": row["title"],
            "area": str(row["area"]),
            "version": row["version"],
        }
        for row in found[: page.limit]
    ]
    more = len(found) > page.limit
    return answer({"items": rows, "next": found[page.limit - 1]["cursor"] if more else None})


@router.get("/statements/{code}", response_model=StatementShown, summary="报表")
async def get_statement(code: Code, call: Reader, asked: Annotated[Asked, Query()]) -> Response:
    """每行：文字、印出的值、原始值、背后的事件数、解释的地址。"""
    area = await area_of(call, StatementDeclared, code, asked)
    moment = await moment_at(call, asked, area)
    version = await version_at(
        call.log.pool, StatementDeclared, code, area, moment.positions.get(SOURCE, 0)
    )
    if version is None:
        raise NotFoundError()
    fact: StatementDeclared = version.fact
    codes = dict.fromkeys(line.figure for line in fact.lines)
    found = {one: await evaluate(call.log, one, area, moment) for one in codes}
    lines = [_line(line, found[line.figure], area, moment) for line in fact.lines]
    body = {
        "statement": fact.statement,
        "title": fact.title,
        "area": str(area),
        "year": fact.year,
        "version": version.version,
        "lines": lines,
        **moment.told(),
        **moment.basis(),
    }
    return answer(body)


def _line(line: StatementLine, found: Evaluated, area: UUID, moment: Moment) -> dict[str, Any]:
    """A printed line with the address of its explanation at this very cut."""
    asked = {"area": str(area), **_times(moment)}
    path = f"/api/v1/reporting/figures/{line.figure}/explanation?{urlencode(asked, safe=':,')}"
    return {"label": line.label, **found.told(), "explanation": path}


def _times(moment: Moment) -> dict[str, str]:
    told = {k: v for k, v in moment.basis().items() if moment.areas_on is not None}
    if moment.counted_until is not None:
        told["counted_until"] = moment.counted_until.isoformat()
    cut = ",".join(f"{source}:{position}" for source, position in moment.positions.items())
    return {**told, "known_position": cut}
