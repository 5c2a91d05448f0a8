"""What every service has beside its own: tasks, subscriptions, parked events, reference data. Their
rules, and the one reader that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import (
    approvals,
    imports,
    objections,
    packs,
    parking,
    reference,
    second_factors,
    subscriptions,
    tasks,
)
from .approval import APPROVALS
from .dated_rows import Set
from .decider import Decider
from .entries import Row, Table
from .reader import Reader
from .severity import SEVERITIES
from .types import Event, Metadata, Recorded

DECIDERS: tuple[Decider[Any, Any, Any], ...] = (
    *tasks.DECIDERS,
    *subscriptions.DECIDERS,
    parking.SKIP,
    *reference.DECIDERS,
    *packs.DECIDERS,
    *second_factors.DECIDERS,
    imports.RECORD,
)

SETS: tuple[Set, ...] = (SEVERITIES, APPROVALS, imports.ENTRY_AGES, imports.LARGEST_AMOUNTS)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    yield from tasks.project(recorded, fact, metadata)
    yield from subscriptions.project(recorded, fact, metadata)
    yield from objections.project(recorded, fact, metadata)
    yield from approvals.project(recorded, fact, metadata)


def reader(service: str) -> Reader:
    """Of the service's own log."""
    return Reader("common", service, project)
