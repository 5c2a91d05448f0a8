"""Routes of reforms 区划撤并: an area moves, is merged, is split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from libs.chassis.call import Call, Holds
from libs.chassis.shapes import Made
from libs.events.clock import today
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from services.households.domain import reform
from services.households.domain.reform import MOST_BELOW, MergeArea, MoveArea, Reform, SplitArea
from services.households.domain.tree import Area, areas, children, children_stream

router = APIRouter(tags=["区域"])
Steward = Annotated[Call, Depends(Holds("steward"))]


async def _of_move(streams: Streams, ask: Ask[MoveArea]) -> Reform:
    return await _of(streams, ask.subject, ask.command.parent)


async def _of_merger(streams: Streams, ask: Ask[MergeArea]) -> Reform:
    return await _of(streams, ask.subject, ask.command.successor)


async def _of_division(streams: Streams, ask: Ask[SplitArea]) -> Reform:
    return await _of(streams, ask.subject, *(part.area for part in ask.command.parts))


async def _of(streams: Streams, area: UUID, *others: UUID) -> Reform:
    """All from the streams themselves: every one that is read is fenced, so that an area which is
    registered below at the same time is found, or is decided after the reform."""
    known, *named = await streams.load_many(areas, [area, *others])
    return Reform(known, named, await _below(streams, area))


async def _below(streams: Streams, area: UUID) -> list[Area]:
    """Every area that ever stood below, level by level; no more than one beyond what may be."""
    found: dict[UUID, Area] = {}
    level = [area]
    while level and len(found) <= MOST_BELOW:
        marked = await streams.load_many(children, [children_stream(one) for one in level])
        level = sorted({child for one in marked for child in one} - {area, *found})
        found |= zip(level, await streams.load_many(areas, level), strict=True)
    return list(found.values())


async def _where(_: Knowing, state: Reform, __: Ask[Any]) -> Facts:
    """A reform concerns what lies above all the areas that it names: whoever decides it must be
    entitled to both sides."""
    day = today()
    return Facts(path=_shared(one.path_on(day) for one in (state.known, *state.others)))


def _shared(paths: Iterable[tuple[UUID, ...]]) -> tuple[UUID, ...]:
    levels = zip(*paths, strict=False)
    shared: list[UUID] = []
    for first, *others in levels:
        if any(other != first for other in others):
            break
        shared.append(first)
    return tuple(shared)


MOVE = Decider(MoveArea, Facts, _of_move, _where, reform.move, founds_areas=True)
MERGE = Decider(MergeArea, Facts, _of_merger, _where, reform.merge, founds_areas=True)
SPLIT = Decider(SplitArea, Facts, _of_division, _where, reform.split, founds_areas=True)
DECIDERS = (MOVE, MERGE, SPLIT)


@router.post("/areas/{id}/moves", status_code=201, response_model=Made, summary="区域改属")
async def move(id: UUID, command: MoveArea, call: Steward) -> Response:
    """自某日起改属另一上级, 其下各级随之；须对新旧上级都有权限。"""
    return await call.execute(MOVE, command, id)


@router.post("/areas/{id}/mergers", status_code=201, response_model=Made, summary="区域合并")
async def merge(id: UUID, command: MergeArea, call: Steward) -> Response:
    """自某日起并入承接区域, 其下各级改属之；旧编号与旧代码仍可查。"""
    return await call.execute(MERGE, command, id)


@router.post("/areas/{id}/splits", status_code=201, response_model=Made, summary="区域拆分")
async def split(id: UUID, command: SplitArea, call: Steward) -> Response:
    """承接区域须已登记；划归的下级自该日起改属, 本区域自身的旧账不动。"""
    return await call.execute(SPLIT, command, id)
