"""The service value of reporting."""

from __future__ import annotations

from pathlib import Path

from libs.chassis.service import Service
from libs.events.reader import Reader
from services.reporting.api import balances, cut, figure, statement, trace
from services.reporting.domain.indicator_set import INDICATOR_SETS
from services.reporting.views import assets, declared, funds, households, invariants

service = Service(
    name="reporting",
    title="报表",
    routers=(figure.router, statement.router, cut.router, trace.router, balances.router),
    deciders=(*figure.DECIDERS, *statement.DECIDERS, *cut.DECIDERS),
    readers=(
        Reader("known", "households", households.project, households.OF),
        Reader("known", "funds", funds.project, funds.OF),
        Reader("known", "assets", assets.project, assets.OF),
        Reader("view", "reporting", declared.project, declared.OF),
    ),
    sql=Path(__file__).parent / "sql",
    pages=Path(__file__).parent / "desk",
    invariants=invariants.INVARIANTS,
    sets=(INDICATOR_SETS,),
)
