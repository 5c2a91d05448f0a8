"""The service value of assets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from libs.chassis.service import Service
from libs.events.entries import Row, Table
from libs.events.reactor import Reactor
from libs.events.reader import Reader
from libs.events.types import Event, Metadata, Recorded
from services.assets import policies
from services.assets.api import asset, correction, expectation, exports, ledger
from services.assets.domain import formed
from services.assets.views import expected, known, waiting
from services.assets.views import ledger as ledger_view


def _shown(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    """What the lists of assets show of their own log."""
    yield from ledger_view.project(recorded, fact, metadata)
    yield from expected.project(recorded, fact, metadata)


service = Service(
    name="assets",
    title="资产",
    routers=(asset.router, ledger.router, expectation.router, correction.router),
    deciders=(*asset.DECIDERS, *expectation.DECIDERS, *correction.DECIDERS),
    readers=(
        Reader("known", "households", known.of_households, known.OF_HOUSEHOLDS),
        Reader("known", "funds", known.of_funds, known.OF_FUNDS),
        Reader("view", "assets", _shown, (*ledger_view.OF, *expected.OF)),
    ),
    reactors=(Reactor("expect_formation", "funds", policies.expect_formation),),
    sql=Path(__file__).parent / "sql",
    invariants=formed.INVARIANTS,
    deadlines=waiting.DEADLINES,
    exports=exports.EXPORTS,
)
