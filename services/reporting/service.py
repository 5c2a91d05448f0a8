"""The service value of reporting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from libs.chassis.service import Service
from libs.events.reader import Reader
from services.reporting.api import balances, cut, figure, indicator, statement, todo, trace
from services.reporting.domain.indicator_set import INDICATOR_SETS
from services.reporting.domain.jump import JUMPS
from services.reporting.imports import indicators
from services.reporting.views import assets, declared, funds, households, invariants
from services.reporting.views import todo as tasks


def _reader(name: str, source: str, view: Any) -> Reader:
    """Of the rows of a source and of its tasks."""
    return Reader(name, source, tasks.beside(source, view.project), (*view.OF, *tasks.OF))


service = Service(
    name="reporting",
    title="报表",
    routers=(
        figure.router,
        statement.router,
        cut.router,
        trace.router,
        balances.router,
        todo.router,
        indicator.router,
    ),
    deciders=(*figure.DECIDERS, *statement.DECIDERS, *cut.DECIDERS, *indicator.DECIDERS),
    readers=(
        _reader("known", "households", households),
        _reader("known", "funds", funds),
        _reader("known", "assets", assets),
        _reader("view", "reporting", declared),
    ),
    sql=Path(__file__).parent / "sql",
    pages=Path(__file__).parent / "desk",
    invariants=invariants.INVARIANTS,
    sets=(INDICATOR_SETS, JUMPS),
    importers=(indicators.INDICATORS,),
)
