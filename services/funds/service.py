"""The service value of funds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from libs.chassis.service import Service
from libs.events.entries import Row, Table
from libs.events.reader import Reader
from libs.events.types import Event, Metadata, Recorded
from services.funds.api import (
    allocation,
    batch,
    correction,
    document,
    exports,
    lists,
    lot,
    payment,
    policy,
    project,
)
from services.funds.domain import books
from services.funds.domain.project_kind import PROJECT_KINDS
from services.funds.domain.purpose import PURPOSES
from services.funds.domain.standard import STANDARDS
from services.funds.imports import lots, payments, projects
from services.funds.views import known, waiting
from services.funds.views import lists as own_lists


def _shown(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    """What funds shows of its own log."""
    yield from own_lists.project(recorded, fact, metadata)
    yield from waiting.project(recorded, fact, metadata)


NOUNS = (document, lot, allocation, project, policy, payment, batch, lists, correction)

service = Service(
    name="funds",
    title="资金",
    routers=tuple(noun.router for noun in NOUNS),
    deciders=tuple(decider for noun in NOUNS for decider in noun.DECIDERS),
    readers=(
        Reader("known", "households", known.project, known.OF),
        Reader("view", "funds", _shown, (*own_lists.OF, *waiting.OF)),
    ),
    sql=Path(__file__).parent / "sql",
    invariants=books.INVARIANTS,
    sets=(STANDARDS, PURPOSES, PROJECT_KINDS),
    deadlines=waiting.DEADLINES,
    importers=(lots.LOTS, projects.PROJECTS, payments.PAYMENTS, payments.PERSON_PAYMENTS),
    exports=exports.EXPORTS,
)
