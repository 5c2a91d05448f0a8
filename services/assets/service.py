"""The service value of assets."""

from __future__ import annotations

from pathlib import Path

from libs.chassis.service import Service
from libs.events.reader import Reader
from services.assets.api import asset, ledger
from services.assets.domain import formed
from services.assets.views import known
from services.assets.views import ledger as ledger_view

service = Service(
    name="assets",
    title="资产",
    routers=(asset.router, ledger.router),
    deciders=asset.DECIDERS,
    readers=(
        Reader("known", "households", known.of_households, known.OF_HOUSEHOLDS),
        Reader("known", "funds", known.of_funds, known.OF_FUNDS),
        Reader("view", "assets", ledger_view.project, ledger_view.OF),
    ),
    sql=Path(__file__).parent / "sql",
    invariants=formed.INVARIANTS,
)
