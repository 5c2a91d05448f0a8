"""The service value of funds."""

from __future__ import annotations

from pathlib import Path

from libs.chassis.service import Service
from libs.events.reader import Reader
from services.funds.api import document, lot, project
from services.funds.views import known

service = Service(
    name="funds",
    title="资金",
    routers=(document.router, lot.router, project.router),
    deciders=(*document.DECIDERS, *lot.DECIDERS, *project.DECIDERS),
    readers=(Reader("known", "households", known.project),),
    sql=Path(__file__).parent / "sql",
)
